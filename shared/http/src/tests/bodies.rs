//! Limits on bodies: enforced while they are read, after decompression.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use tokio::{io::AsyncWriteExt, sync::mpsc};

use super::{
    server::{Server, Then, ok, read_request},
    *,
};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn limits_are_exact() {
    let check = async |length: usize, limit: usize| {
        let server = Server::saying(ok(&"x".repeat(length)), Then::NextRequest).await;
        let posted = client(dev()).post(EndpointRequest { max_body: limit, ..delivery(&server.url) }).await.unwrap();
        assert_eq!((posted.body.len(), posted.truncated), (length.min(limit), length > limit), "{length} of {limit}");
        let fetched = client(dev()).fetch(SourceRequest { max_body: limit, ..page(&server.url) }).await;
        match length > limit {
            true => assert_eq!(fetched, Err(HttpError::TooLarge(limit)), "{length} of {limit}"),
            false => assert_eq!(fetched.unwrap().body.len(), length, "{length} of {limit}"),
        }
    };
    check(0, 0).await;
    check(1, 0).await;
    check(99, 100).await;
    check(100, 100).await;
    check(101, 100).await;
    check(100_000, 70_000).await;
    check(100_000, 100_000).await;
}

/// The server writes until the client hangs up, and tells us when it did.
async fn endless() -> (Server, mpsc::UnboundedReceiver<()>) {
    let (told, hung_up) = mpsc::unbounded_channel();
    let server = Server::new(move |mut stream, _| {
        let told = told.clone();
        async move {
            read_request(&mut stream).await;
            let mut next = &b"HTTP/1.1 200 OK\r\n\r\n"[..];
            while stream.write_all(next).await.is_ok() {
                next = &[b'x'; 4096];
            }
            told.send(()).unwrap();
        }
    })
    .await;
    (server, hung_up)
}

#[tokio::test]
async fn an_endless_answer_is_cut_and_its_connection_dropped() {
    let (server, mut hung_up) = endless().await;
    let client = client(dev());
    let answer = client.post(EndpointRequest { max_body: 100_000, ..delivery(&server.url) }).await.unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.truncated), (200, 100_000, true));
    hung_up.recv().await.unwrap();
}

#[tokio::test]
async fn an_endless_page_is_refused_and_its_connection_dropped() {
    let (server, mut hung_up) = endless().await;
    let client = client(dev());
    let fetched = client.fetch(SourceRequest { max_body: 100_000, ..page(&server.url) }).await;
    assert_eq!(fetched, Err(HttpError::TooLarge(100_000)));
    hung_up.recv().await.unwrap();
}

#[tokio::test]
async fn pages_come_compressed() {
    let server = Server::saying(gzipped(&gzip(b"{\"orders\":[]}")), Then::NextRequest).await;
    assert_eq!(fetch(&server.url).await.unwrap().body, b"{\"orders\":[]}");
}

#[tokio::test]
async fn a_page_is_measured_after_decompression() {
    let bomb = gzip(&vec![0; 16 * 1024 * 1024]);
    assert!(bomb.len() < 64 * 1024, "the bomb must fit the limit while it is compressed");
    let server = Server::saying(gzipped(&bomb), Then::NextRequest).await;
    assert_eq!(fetch(&server.url).await, Err(HttpError::TooLarge(64 * 1024)));
}

#[tokio::test]
async fn a_page_that_is_no_gzip_is_broken() {
    let whole = gzip(b"{\"orders\":[]}");
    for body in [&b"hunter2, not compressed"[..], &whole[..whole.len() - 9]] {
        let server = Server::saying(gzipped(body), Then::NextRequest).await;
        let error = fetch(&server.url).await.unwrap_err();
        assert!(matches!(&error, HttpError::Broken(text) if !text.contains("hunter2")), "{error:?}");
    }
}

/// Endpoints are not asked to compress; one that does it anyway has its bytes recorded as they came.
#[tokio::test]
async fn answers_are_not_decompressed() {
    let body = gzip(b"fine");
    let server = Server::saying(gzipped(&body), Then::NextRequest).await;
    assert_eq!(post(&server.url).await.unwrap().body, body);
}
