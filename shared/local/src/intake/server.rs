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
