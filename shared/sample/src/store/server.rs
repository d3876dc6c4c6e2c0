//! The store's HTTP interface: two lists to poll and one service to write back to.
//!
//! `GET /api/orders` and `GET /api/shipments` take `updated_at_gte` (RFC 3339) and `page` (from 1) and want the bearer
//! token. `POST /shipments/tracking` takes a message of the hub, and wants the same token as `x-hub-token`.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri},
    routing::{get, post},
};
use jiff::Timestamp;
use serde_json::json;

use super::{Collection, Store, StoreError, admin, blocking};
use crate::{
    STORE_TOKEN,
    post::{Answer, Post, header},
    seen::Notebook,
};

/// As an endpoint.
const NAME: &str = "store";
/// The variable by which hub.yaml learns its URL.
pub(crate) const VARIABLE: &str = "STORE_URL";

const PAGE_SIZE: usize = 100;

struct Serving {
    store: Arc<Store>,
    notebook: Arc<Notebook>,
}

pub(crate) fn router(store: Arc<Store>, notebook: Arc<Notebook>) -> Router {
    let serving = Arc::new(Serving { store: Arc::clone(&store), notebook });
    Router::new()
        .route("/api/orders", get(orders))
        .route("/api/shipments", get(shipments))
        .route("/shipments/tracking", post(tracking))
        .with_state(serving)
        .merge(admin::router(store))
}

async fn orders(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    list(&serving, Collection::Orders, "orders", &headers, &query)
}

async fn shipments(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    list(&serving, Collection::Shipments, "shipments", &headers, &query)
}

fn list(
    serving: &Serving,
    collection: Collection,
    name: &str,
    headers: &HeaderMap,
    query: &HashMap<String, String>,
) -> Answer {
    if header(headers, "authorization").as_deref().and_then(|value| value.strip_prefix("Bearer ")) != Some(STORE_TOKEN)
    {
        return Answer::refused(StatusCode::UNAUTHORIZED, "expected the store's bearer token");
    }
    let since = match query.get("updated_at_gte").map(|text| (text, text.parse::<Timestamp>())) {
        None => None,
        Some((_, Ok(since))) => Some(since),
        Some((text, Err(error))) => {
            return Answer::refused(StatusCode::BAD_REQUEST, format!("updated_at_gte: {text:?} is no time: {error}"));
        }
    };
    let number = match query.get("page").map(|text| (text, text.parse::<usize>())) {
        None => 1,
        Some((_, Ok(number))) if number >= 1 => number,
        Some((text, _)) => {
            return Answer::refused(StatusCode::BAD_REQUEST, format!("page: found {text:?}, expected a number from 1"));
        }
    };
    let page = serving.store.page(collection, since, number, PAGE_SIZE);
    if number >= page.pages {
        serving.notebook.read_to_the_end(collection);
    }
    Answer::new(StatusCode::OK, json!({name: page.items, "count": page.count, "pages": page.pages}))
}

async fn tracking(State(serving): State<Arc<Serving>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Answer {
    let post = Post::read(&headers, &body);
    let answer = if header(&headers, "x-hub-token").as_deref() == Some(STORE_TOKEN) {
        write_back(&serving.store, &post).await
    } else {
        Answer::refused(StatusCode::UNAUTHORIZED, "expected the store's token as x-hub-token")
    };
    serving.notebook.request(NAME, uri.path(), &post, answer.status);
    answer
}

async fn write_back(store: &Arc<Store>, post: &Post) -> Answer {
    if let Some(fault) = &post.fault {
        return Answer::refused(StatusCode::BAD_REQUEST, fault.as_str());
    }
    let field = |name: &str| post.object()?[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(number), Some(carrier), Some(tracking)) = (field("number"), field("carrier"), field("tracking")) else {
        let expected = "expected a payload of one object with the texts number, carrier and tracking";
        return Answer::refused(StatusCode::UNPROCESSABLE_ENTITY, expected);
    };
    let summary = format!("{number} is on its way as {tracking}");
    match blocking(store, move |store| store.ship(&number, &carrier, &tracking)).await {
        Ok(_) => Answer::ok(summary),
        Err(error) => Answer::from(error),
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Unknown { .. } => StatusCode::NOT_FOUND,
            StoreError::Conflict(_) => StatusCode::CONFLICT,
            StoreError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let StoreError::Io(why) = &error {
            tracing::error!(error = %why, "the sample store could not keep a change");
        }
        Self::refused(status, error.to_string())
    }
}
