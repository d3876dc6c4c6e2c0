//! What the people in the shop do, over HTTP, so that a test can make things happen from outside the process. Like the
//! rest of the sample it is meant for one's own machine: it asks for no token.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, patch, post},
};
use serde_json::{Value, json};

use super::{Store, StoreError, blocking};
use crate::post::Answer;

pub(super) fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/admin/orders", post(create))
        .route("/admin/orders/{number}", patch(change))
        .route("/admin/orders/{number}/cancel", post(cancel))
        .route("/admin/shipments/{number}/ready", post(ready))
        .route("/admin/changes", get(changes))
        .with_state(store)
}

async fn create(State(store): State<Arc<Store>>, body: Bytes) -> Answer {
    let fields = match fields(&body) {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    answer(StatusCode::CREATED, blocking(&store, move |store| store.create_order(&fields)).await)
}

async fn change(State(store): State<Arc<Store>>, Path(number): Path<String>, body: Bytes) -> Answer {
    let fields = match fields(&body) {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    answer(StatusCode::OK, blocking(&store, move |store| store.change_order(&number, &fields)).await)
}

async fn cancel(State(store): State<Arc<Store>>, Path(number): Path<String>) -> Answer {
    answer(StatusCode::OK, blocking(&store, move |store| store.cancel_order(&number)).await)
}

async fn ready(State(store): State<Arc<Store>>, Path(number): Path<String>) -> Answer {
    answer(StatusCode::OK, blocking(&store, move |store| store.ready_shipment(&number)).await)
}

async fn changes(State(store): State<Arc<Store>>) -> Answer {
    Answer::new(StatusCode::OK, json!({"changes": store.changes()}))
}

/// No body is no fields.
fn fields(body: &[u8]) -> Result<Value, Answer> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body)
        .map_err(|error| Answer::refused(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))
}

fn answer(status: StatusCode, outcome: Result<Value, StoreError>) -> Answer {
    match outcome {
        Ok(object) => Answer::new(status, object),
        Err(error) => Answer::from(error),
    }
}
