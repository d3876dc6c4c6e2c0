use std::{collections::BTreeMap, time::Duration};

use crossdock_core::port::{Entry, Home, QueueName, Queues};

use crate::stage::Stage;

#[tokio::test]
async fn what_was_in_flight_comes_back_and_what_waits_goes_on_waiting() {
    let stage = Stage::new().await;
    let queue = QueueName::Endpoint(stage.endpoint());
    let entry = |body: &str| Entry { body: body.to_owned(), attributes: BTreeMap::new(), delay: Duration::ZERO };
    let queues = stage.home.queues();
    queues.send(&queue, vec![entry("in flight"), entry("waiting")]).await;
    let received = queues.receive(&queue, 10, Duration::from_secs(60)).await.unwrap();
    let waiting = received.iter().find(|one| one.body == "waiting").unwrap();
    queues.change_visibility(&queue, &waiting.receipt, Duration::from_secs(60)).await.unwrap();

    queues.inner().release_in_flight().await.unwrap();
    let again = queues.receive(&queue, 10, Duration::from_secs(60)).await.unwrap();
    assert_eq!(again.iter().map(|one| (one.body.as_str(), one.receive_count)).collect::<Vec<_>>(), [("in flight", 2)]);

    let other = QueueName::DeadLetters(stage.endpoint());
    queues.inner().release_in_flight_of(&other).await.unwrap();
    assert_eq!(queues.receive(&queue, 10, Duration::from_secs(60)).await.unwrap(), []);
    queues.inner().release_in_flight_of(&queue).await.unwrap();
    assert_eq!(queues.receive(&queue, 10, Duration::from_secs(60)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_an_endpoint_that_has_gone_left_behind_is_found() {
    let stage = Stage::new().await;
    let gone = |name: &str| name.parse::<crossdock_core::id::EndpointName>().unwrap();
    let entry = || Entry { body: "{}".to_owned(), attributes: BTreeMap::new(), delay: Duration::ZERO };
    let queues = stage.home.queues();
    queues.send(&QueueName::Endpoint(gone("one")), vec![entry()]).await;
    queues.send(&QueueName::DeadLetters(gone("two")), vec![entry()]).await;
    let found: Vec<String> = queues.inner().endpoints().await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found, ["one", "two"]);
}
