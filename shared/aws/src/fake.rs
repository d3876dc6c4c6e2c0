//! An AWS that answers as a test wants, below the SDK: what comes back passes through all that a real answer does.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, region::Region};
use serde_json::Value;

use crate::clients::Clients;

/// Status and JSON body for the JSON body of each request, in the order they come.
type Answers = dyn Fn(usize, Value) -> (u16, Value) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Fake {
    answers: Arc<Answers>,
    calls: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(crate) fn new(answers: impl Fn(usize, Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self { answers: Arc::new(answers), calls: Arc::default() }
    }

    pub(crate) fn clients(&self) -> Clients {
        let connector = SharedHttpConnector::new(self.clone());
        let config = SdkConfig::builder()
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("key", "secret", None)))
            .http_client(http_client_fn(move |_, _| connector.clone()));
        Clients::new(&config.build())
    }

    /// Attempts, not operations.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap();
        let (status, answer) = (self.answers)(self.calls.fetch_add(1, Ordering::SeqCst), body);
        let status = StatusCode::try_from(status).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer.to_string()))))
    }
}
