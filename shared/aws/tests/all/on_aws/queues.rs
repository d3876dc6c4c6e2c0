//! The queues on SQS. Time passes by waiting.

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::types::QueueAttributeName;
use crossdock_aws::{clients::Clients, queues::SqsQueues};
use crossdock_core::{
    Timestamp,
    port::{Clock, QueueName, Queues},
};
use crossdock_http::SystemClock;
use crossdock_testkit::{
    build::{endpoint, entry},
    suite::QueueFixture,
};
use serde_json::json;

use crate::support::{Account, clients, names, queue_urls, random};

const MAX_RECEIVE_COUNT: u32 = 3;

pub(crate) struct Fixture {
    queues: SqsQueues,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let account = Account::new();
        let clients = clients(&account);
        for name in ["alpha", "beta"] {
            make_queues(&clients, name).await;
        }
        let queues = SqsQueues::new(clients.sqs.clone(), names(), &queue_urls(&account), random());
        Self { queues }
    }
}

/// An endpoint's queue and its dead-letter queue, and the ARN of the first.
pub(crate) async fn make_queues(clients: &Clients, name: &str) -> String {
    let dead = make(clients, &QueueName::DeadLetters(endpoint(name)), None).await;
    let redrive = json!({"deadLetterTargetArn": dead, "maxReceiveCount": MAX_RECEIVE_COUNT}).to_string();
    make(clients, &QueueName::Endpoint(endpoint(name)), Some(redrive)).await
}

async fn make(clients: &Clients, queue: &QueueName, redrive: Option<String>) -> String {
    let attributes: HashMap<_, _> = redrive.into_iter().map(|text| (QueueAttributeName::RedrivePolicy, text)).collect();
    let create = clients.sqs.create_queue().queue_name(names().queue(queue)).set_attributes(Some(attributes));
    let url = create.send().await.unwrap().queue_url.unwrap();
    let asked = clients.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn);
    asked.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap()
}

impl QueueFixture for Fixture {
    type Queues = SqsQueues;

    fn queues(&self) -> &SqsQueues {
        &self.queues
    }

    fn max_receive_count(&self) -> u32 {
        MAX_RECEIVE_COUNT
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }
}

crossdock_testkit::queues_suite!(Fixture::new());

fn alpha() -> QueueName {
    QueueName::Endpoint(endpoint("alpha"))
}

#[tokio::test]
async fn more_bytes_than_one_call_takes_go_in_several() {
    let fixture = Fixture::new().await;
    let large = "x".repeat(400_000);
    let mut entries = vec![entry(large); 5];
    entries.insert(2, entry("y".repeat(1_048_577)));
    let answers = fixture.queues.send(&alpha(), entries).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true, true, true]);
    let error = answers[2].clone().unwrap_err();
    assert!(error.what.contains("1048577 bytes is more than SQS takes, 1048576") && !error.transient, "{error}");
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    let gone = QueueName::Endpoint(endpoint("gone"));
    let answers = fixture.queues.send(&gone, vec![entry("a"), entry("b")]).await;
    let told = fixture.queues.receive(&gone, 1, Duration::from_secs(1)).await.unwrap_err();
    for error in answers.into_iter().map(Result::unwrap_err).chain([told]) {
        assert!(error.what.contains("the queue shop-to-gone: ") && error.what.contains("NonExistentQueue"), "{error}");
        assert!(error.transient, "a deploy may bring it");
    }
}
