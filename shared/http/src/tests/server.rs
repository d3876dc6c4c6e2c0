//! A server that says exactly the bytes it is told to.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

pub(super) struct Server {
    pub(super) url: Url,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// What becomes of a connection that was answered.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Then {
    NextRequest,
    Close,
    Silence,
}

impl Server {
    /// Hands each connection to `serve`.
    pub(super) async fn new<F, S>(serve: F) -> Self
    where
        F: Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let server = Self { url, connections: Arc::clone(&connections), requests: Arc::clone(&requests) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&requests)));
            }
        });
        server
    }

    /// Answers every request with the same bytes.
    pub(super) async fn saying(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::new(move |mut stream, requests| {
            let answer = Arc::clone(&answer);
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    requests.lock().unwrap().push(request);
                    if stream.write_all(&answer).await.is_err() || then == Then::Close {
                        return;
                    }
                    if then == Then::Silence {
                        std::future::pending::<()>().await;
                    }
                }
            }
        })
        .await
    }

    /// Accepted so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Head and body of each request read so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The same place under another host.
    pub(super) fn at(&self, host: &str) -> Url {
        let mut url = self.url.clone();
        url.set_host(Some(host)).unwrap();
        url
    }
}

/// One request, its body by its length; `None` when the client has gone.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        text.push(char::from(stream.read_u8().await.ok()?));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(text + &String::from_utf8(body).unwrap())
}

/// An answer of known length.
pub(super) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Lets everything that is ready run, so that a connection that was answered is back in the pool, or seen to be closed.
/// A test's runtime has one thread, so that yielding is enough.
pub(super) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
