//! The HTTP server: so many connections at once, and none for ever.
//!
//! A connection that says nothing is closed, one that sends its headers byte by byte too; a body has its own time. What
//! comes while all connections are taken waits in the system's queue for its turn.

use std::{sync::Arc, time::Duration};

use axum::Router as Routes;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::workers::stopping;

/// After an accept that failed: for want of file descriptors, as a rule.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub connections: usize,
    /// From the beginning of a connection, or the end of its last answer, to the end of a request's headers.
    pub headers: Duration,
    /// From there to the end of its body.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, headers: Duration::from_secs(30), body: Duration::from_secs(30) }
    }
}

/// Until it is stopped; then until every request that has come is answered.
pub(super) async fn serve(listener: TcpListener, routes: Routes, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.headers);
    loop {
        let accepted = async {
            // Nobody closes it.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            () = stopping(&mut stopped) => break,
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => (place, stream),
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let service = TowerToHyperService::new(routes.clone());
        let connection = connections.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A connection that breaks off is its client's business.
            let _ = connection.await;
            drop(place);
        });
    }
    connections.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    const LIMITS: Limits =
        Limits { connections: 2, headers: Duration::from_millis(100), body: Duration::from_millis(100) };

    async fn connect(address: std::net::SocketAddr, begins: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begins.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn who_never_ends_his_headers_is_cut_off_and_leaves_his_place_to_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let routes = Routes::new().route("/", post(|| async { "taken" }));
        let server = tokio::spawn(serve(listener, routes, LIMITS, stopped));
        // Every place is taken, by one who says nothing and one who says too little.
        let slow = [connect(address, "").await, connect(address, "POST / HTTP/1.1\r\nhost: x\r\nx-a: ").await];
        let good = connect(address, "POST / HTTP/1.0\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
        let answered = answer(good).await;
        assert!(answered.contains(" 200 ") && answered.ends_with("taken"), "{answered}");
        for slow in slow {
            let answered = answer(slow).await;
            assert!(!answered.contains(" 200 "), "{answered}");
        }
        stop.send(true).unwrap();
        server.await.unwrap();
    }
}
