//! Pushes come in over HTTP: `POST /push/<source>` (contract §6). 202 is answered once everything accepted is stored.

use std::sync::Arc;

use axum::{
    Json, Router as Routes,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use crossdock_core::{
    hub::{Hub, Source},
    ingest::{Ingest, IngestError},
    message::MessageRecord,
    port::{Home, Secrets},
    route::Router,
};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::home::LocalHome;

/// Bytes of a push.
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Clone)]
struct Intake {
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    /// To whoever publishes.
    pushed: mpsc::Sender<MessageRecord>,
}

pub(crate) fn serve(
    listener: TcpListener,
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    pushed: mpsc::Sender<MessageRecord>,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let routes = Routes::new()
        .route("/push/{source}", post(push))
        .route("/health", get(|| async { "ok" }))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Intake { home, hub, router, pushed });
    let until_stopped = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(until_stopped).await {
            tracing::error!(error = %error, "the push server ended");
        }
    })
}

async fn push(
    State(intake): State<Intake>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    let refused = |status: StatusCode, error: &str| (status, Json(json!({"error": error}))).into_response();
    let source = intake.hub.sources.get(source.as_str()).and_then(|source| Some((source, source.push.as_ref()?)));
    let Some((source, secret)) = source else {
        return refused(StatusCode::NOT_FOUND, "no source of that name takes pushes");
    };
    let expected = match intake.home.secrets().secret(secret).await {
        Ok(expected) => expected,
        Err(error) => {
            tracing::error!(source = %source.name, error = %error, "a push could not be checked");
            return refused(StatusCode::SERVICE_UNAVAILABLE, "the hub cannot check the token now");
        }
    };
    if !token(&intake.hub, &headers).is_some_and(|found| same(found, expected.expose_secret())) {
        return refused(StatusCode::UNAUTHORIZED, "the push needs its source's token: Authorization: Bearer <token>");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), &rejection.body_text()),
    };
    let key = headers.get("idempotency-key").map(axum::http::HeaderValue::as_bytes).filter(|key| !key.is_empty());
    accept(&intake, source, &body, key).await
}

async fn accept(intake: &Intake, source: &Source, body: &[u8], key: Option<&[u8]>) -> Response {
    let ingest = Ingest::new(&*intake.home, &intake.hub, &intake.router);
    match ingest.push(source, body, key).await {
        Ok((receipt, records)) => {
            for record in records {
                // Stored is accepted; what is not published now, for want of room too, is published by the sweep.
                let _ = intake.pushed.try_send(record);
            }
            let nothing_good = receipt.accepted == 0 && !receipt.errors.is_empty();
            let status = if nothing_good { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED };
            (status, Json(receipt)).into_response()
        }
        Err(IngestError::Bad(error)) => (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
        Err(error) => {
            tracing::error!(source = %source.name, error = %error, "a push could not be stored");
            let error = json!({"error": "the hub cannot store this now; send it again"});
            (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response()
        }
    }
}

/// `Authorization: Bearer`, or Wombat's pair of headers, of which the store must be this hub.
fn token<'a>(hub: &Hub, headers: &'a HeaderMap) -> Option<&'a str> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| {
        let store = header("x-hub-store")?;
        (store == hub.name.as_str()).then(|| header("x-hub-access-token")).flatten()
    })
}

/// In a time that does not depend on where the two differ.
fn same(found: &str, expected: &str) -> bool {
    use subtle::ConstantTimeEq;
    found.as_bytes().ct_eq(expected.as_bytes()).into()
}
