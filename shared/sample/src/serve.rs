//! One HTTP server on a free port, until it is told to stop.

use std::{io, net::IpAddr, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// How long requests under way may still take.
const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Server {
    /// Without a slash at its end.
    pub(crate) url: String,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Listens when this returns. Stops when `stop` turns true or its sender is dropped.
    pub(crate) async fn start(bind: IpAddr, router: Router, mut stop: watch::Receiver<bool>) -> io::Result<Self> {
        let listener = TcpListener::bind((bind, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let stopped = async move {
            // An error means that nobody is left to say so.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let task = tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(stopped).into_future());
        Ok(Self { url, task })
    }

    /// After `stop` was given.
    pub(crate) async fn stopped(mut self) {
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
