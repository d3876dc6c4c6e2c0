//! Pushes and webhooks come in over HTTP (contract §6). 202 is answered once everything accepted is stored.
//!
//! A body is read only for a request that somebody takes, and not for ever. Of one that is too long nothing is kept, but some
//! of the rest is taken off the connection before the answer: a server that closes it with bytes unread resets it, and whoever
//! is still sending sees a broken pipe in place of the 413 (RFC 9112 §9.6).

mod server;

use std::{sync::Arc, time::Duration};

use axum::{
    Router as Routes,
    body::{Body, BodyDataStream},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use crossdock_core::{
    hub::Hub,
    incoming::{self, Answer, Incoming, MOST_BYTES},
    message::MessageRecord,
    route::Router,
    webhook::{Told, proof::Headers},
};
use futures_util::StreamExt;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use self::server::Limits;
use crate::home::LocalHome;

#[derive(Clone)]
struct Intake {
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    told: Arc<Told>,
    /// To whoever publishes.
    pushed: mpsc::Sender<MessageRecord>,
    limits: Limits,
}

pub(crate) fn serve(
    listener: TcpListener,
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    pushed: mpsc::Sender<MessageRecord>,
    stopped: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let limits = Limits::default();
    let routes = Routes::new().route("/health", get(|| async { "ok" })).fallback(answer).with_state(Intake {
        home,
        hub,
        router,
        told: Arc::default(),
        pushed,
        limits,
    });
    tokio::spawn(server::serve(listener, routes, limits, stopped))
}

async fn answer(State(intake): State<Intake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let request = Asked(head);
    let incoming = Incoming { home: &*intake.home, hub: &intake.hub, router: &intake.router, told: &intake.told };
    let way = match incoming.way(&request) {
        Ok(way) => way,
        Err(nobody) => return response(nobody),
    };
    let body = match read_within(intake.limits.body, body).await {
        Ok(body) => body,
        Err(late) => return response(late),
    };
    let body = match &body {
        Ok(body) => incoming::Body::of(body),
        Err(unread) => *unread,
    };
    let (answer, records) = incoming.answer(way, &request, body).await;
    for record in records {
        // Stored is accepted; what is not published now, for want of room too, is published by the sweep.
        let _ = intake.pushed.try_send(record);
    }
    response(answer)
}

/// Bytes that are read of a body once it is too long.
const MOST_DISCARDED: usize = 16 * MOST_BYTES;
/// For which they are waited for.
const LINGER: Duration = Duration::from_secs(2);

/// What was read of a body, or why it was not.
type Read = Result<Vec<u8>, incoming::Body<'static>>;

/// Or the answer to one that did not come in time.
async fn read_within(limit: Duration, body: Body) -> Result<Read, Answer> {
    tokio::time::timeout(limit, read(body)).await.map_err(|_| {
        // The connection ends with it: the rest of the body is in the way of another request.
        let late = r#"{"error":"the body did not come in time"}"#.to_owned();
        Answer { status: 408, headers: &[("connection", "close")], body: late }
    })
}

/// As much as may be taken.
async fn read(body: Body) -> Read {
    let mut chunks = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| incoming::Body::Broken)?;
        if whole.len() + chunk.len() > MOST_BYTES {
            // Where it takes longer than that the sender is told all the same.
            let _ = tokio::time::timeout(LINGER, discard(chunks)).await;
            return Err(incoming::Body::TooLong);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// Until its end, or until it was enough.
async fn discard(mut chunks: BodyDataStream) {
    let mut discarded = 0;
    while let Some(Ok(chunk)) = chunks.next().await {
        discarded += chunk.len();
        if discarded > MOST_DISCARDED {
            return;
        }
    }
}

fn response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE.as_str(), "application/json")];
    let headers = json.into_iter().chain(answer.headers.iter().copied());
    let headers: HeaderMap =
        headers.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    (status, headers, answer.body).into_response()
}

struct Asked(Parts);

impl incoming::Request for Asked {
    fn method(&self) -> &str {
        self.0.method.as_str()
    }
    fn path(&self) -> &str {
        self.0.uri.path()
    }
}

impl Headers for Asked {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.0.headers.get(name).map(HeaderValue::as_bytes)
    }
    fn query(&self) -> Option<&str> {
        self.0.uri.query()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// The chunks, and then an end or nothing more.
    fn body(chunks: &[&'static [u8]], ends: bool) -> Body {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok::<_, std::io::Error>(*chunk)).collect();
        let rest = if ends { stream::empty().boxed() } else { stream::pending().boxed() };
        Body::from_stream(stream::iter(chunks).chain(rest))
    }

    #[tokio::test]
    async fn a_body_has_its_time_and_its_size() {
        const LONG: &[u8] = &[b'x'; MOST_BYTES];
        let read = async |chunks: &[&'static [u8]], ends, limit| read_within(limit, body(chunks, ends)).await;
        let (soon, ever) = (Duration::from_millis(10), Duration::from_secs(3600));
        assert_eq!(read(&[b"{\"a\":", b"1}"], true, ever).await.unwrap().unwrap(), b"{\"a\":1}");
        assert_eq!(read(&[LONG], true, ever).await.unwrap().unwrap().len(), MOST_BYTES);
        // The rest is not waited for for long, nor are more than so many bytes of it read.
        assert!(matches!(read(&[LONG, b"x"], false, ever).await.unwrap(), Err(incoming::Body::TooLong)));
        let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(LONG)));
        assert!(matches!(super::read(endless).await, Err(incoming::Body::TooLong)));
        assert_eq!(read(&[b"{"], false, soon).await.unwrap_err().status, 408);
    }
}
