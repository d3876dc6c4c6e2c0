//! A DynamoDB that answers what a test has written down: what the emulator never does (keys left unprocessed, throttled
//! transactions, answers that get lost).

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use crossdock_core::hub::Retention;
use crossdock_testkit::clock::{SeededRandom, TestClock};
use serde_json::{Value, json};

use super::DynamoStore;

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a hub file that says nothing of it gives.
pub(super) const USUAL: Retention =
    Retention { deliveries: Some(DAY.saturating_mul(30)), dead_letters: DAY.saturating_mul(14), versions: None };

/// One answer.
pub(super) enum Scripted {
    Answer(Value),
    /// AWS's error code, and what else stands in the body.
    Error(&'static str, Value),
    /// The connection breaks before there is an answer.
    Lost,
}

/// Answers in order, and what was asked: operation and body.
#[derive(Clone, Default)]
pub(super) struct Fake {
    script: Arc<Mutex<VecDeque<Scripted>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Fake {
    /// A store over a table that answers so; nothing but `script` may be asked.
    pub(super) fn store(script: impl IntoIterator<Item = Scripted>) -> (DynamoStore, Self) {
        let fake = Self { script: Arc::new(Mutex::new(script.into_iter().collect())), ..Self::default() };
        let connector = SharedHttpConnector::new(fake.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url("http://fake")
            .credentials_provider(Credentials::from_keys("key", "secret", None))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        let (clock, random) = (Arc::new(TestClock::default()), Arc::new(SeededRandom::new(1)));
        (DynamoStore::new(Client::from_conf(config), "my-shop", clock, random, USUAL), fake)
    }

    /// What was asked; the whole script must have been used.
    pub(super) fn asked(&self) -> Vec<(String, Value)> {
        assert_eq!(self.script.lock().unwrap().len(), 0, "answers that nobody asked for");
        self.asked.lock().unwrap().clone()
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl HttpConnector for Fake {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.asked.lock().unwrap().push((operation, body));
        let (status, body) = match self.script.lock().unwrap().pop_front().expect("no more than the script") {
            Scripted::Answer(body) => (200_u16, body),
            Scripted::Error(code, mut body) => {
                body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
                (400, body)
            }
            Scripted::Lost => {
                return HttpConnectorFuture::ready(Err(ConnectorError::io("the connection broke".into())));
            }
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()))))
    }
}

/// A cancelled transaction: a reason for each of its items.
pub(super) fn cancelled(codes: &[&str]) -> Scripted {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    Scripted::Error("TransactionCanceledException", json!({"message": "cancelled", "CancellationReasons": reasons}))
}
