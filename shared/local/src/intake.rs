//! Pushes come in over HTTP: `POST /push/<source>` (contract §6). 202 is answered once everything accepted is stored.

use std::sync::Arc;

use axum::{
    Router as Routes,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use crossdock_core::{hub::Hub, message::MessageRecord, push, route::Router};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::home::LocalHome;

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
        .route("/health", get(|| async { "ok" }))
        .fallback(answer)
        .layer(DefaultBodyLimit::max(push::MOST_BYTES))
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

async fn answer(
    State(intake): State<Intake>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let request = Asked { method, uri, headers };
    let body = match &body {
        Ok(body) => push::Body::of(body),
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => push::Body::TooLong,
        Err(_) => push::Body::Broken,
    };
    let (answer, records) = push::answer(&*intake.home, &intake.hub, &intake.router, &request, body).await;
    for record in records {
        // Stored is accepted; what is not published now, for want of room too, is published by the sweep.
        let _ = intake.pushed.try_send(record);
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE.as_str(), "application/json")];
    let headers = json.into_iter().chain(answer.headers.iter().copied());
    let headers: HeaderMap =
        headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    (status, headers, answer.body).into_response()
}

struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl push::Request for Asked {
    fn method(&self) -> &str {
        self.method.as_str()
    }
    fn path(&self) -> &str {
        self.uri.path()
    }
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.get(name).map(HeaderValue::as_bytes)
    }
}
