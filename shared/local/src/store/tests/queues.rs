use std::time::Duration;

use crossdock_core::{
    message::Carried,
    port::{Bus, Entry, Outbox, PublishError, QueueBody, QueueCounts, QueueName, Queues},
};
use crossdock_testkit::build::{at, delicate, endpoint, entry, message, record};
use futures_util::{FutureExt, future::join_all};

use super::suites::Fixture;
use crate::store::LocalBus;

const MINUTE: Duration = Duration::from_secs(60);

fn alpha() -> QueueName {
    QueueName::Endpoint(endpoint("alpha"))
}

fn dead_letters() -> QueueName {
    QueueName::DeadLetters(endpoint("alpha"))
}

#[tokio::test]
async fn entries_are_counted_by_how_they_stand() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.counts(&alpha()).await, Ok(QueueCounts::default()));
    let delayed = Entry { delay: MINUTE * 2, ..entry("delayed") };
    let sent = vec![entry("a"), entry("b"), entry("c"), delayed];
    assert_eq!(queues.send(&alpha(), sent).await, vec![Ok(()); 4]);
    assert_eq!(queues.counts(&alpha()).await, Ok(QueueCounts { visible: 3, hidden: 0, delayed: 1 }));
    queues.receive(&alpha(), 2, MINUTE).await.unwrap();
    assert_eq!(queues.counts(&alpha()).await, Ok(QueueCounts { visible: 1, hidden: 2, delayed: 1 }));
    fixture.clock.advance(MINUTE);
    assert_eq!(queues.counts(&alpha()).await, Ok(QueueCounts { visible: 3, hidden: 0, delayed: 1 }));
    assert_eq!(queues.counts(&dead_letters()).await, Ok(QueueCounts::default()));
}

#[tokio::test]
async fn the_next_entry_has_a_time() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.next_visible_at(&alpha()).await, Ok(None));
    let delayed = Entry { delay: MINUTE, ..entry("delayed") };
    assert_eq!(queues.send(&alpha(), vec![delayed]).await, [Ok(())]);
    assert_eq!(queues.next_visible_at(&alpha()).await, Ok(Some(at(60))));
    assert_eq!(queues.send(&alpha(), vec![entry("now")]).await, [Ok(())]);
    assert_eq!(queues.next_visible_at(&alpha()).await, Ok(Some(at(0))));
    let received = queues.receive(&alpha(), 10, MINUTE * 5).await.unwrap().remove(0);
    assert_eq!(queues.next_visible_at(&alpha()).await, Ok(Some(at(60))));
    queues.change_visibility(&alpha(), &received.receipt, Duration::from_secs(7)).await.unwrap();
    assert_eq!(queues.next_visible_at(&alpha()).await, Ok(Some(at(7))));
    assert_eq!(queues.next_visible_at(&dead_letters()).await, Ok(None));
}

#[tokio::test]
async fn entries_come_in_the_order_they_became_visible() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    let later = |seconds, body: &str| Entry { delay: Duration::from_secs(seconds), ..entry(body) };
    let sent = vec![later(3, "d"), later(1, "b"), later(0, "a"), later(2, "c"), later(3, "e")];
    assert_eq!(queues.send(&alpha(), sent).await, vec![Ok(()); 5]);
    fixture.clock.advance(MINUTE);
    let received = queues.receive(&alpha(), 50, MINUTE).await.unwrap();
    assert_eq!(received.iter().map(|entry| entry.body.as_str()).collect::<String>(), "abcde");
}

#[tokio::test]
async fn a_receive_brings_ten_at_most() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    let sent = (0..15).map(|n| entry(n.to_string())).collect();
    assert_eq!(queues.send(&alpha(), sent).await, vec![Ok(()); 15]);
    assert_eq!(queues.receive(&alpha(), 0, MINUTE).await, Ok(vec![]));
    assert_eq!(queues.receive(&alpha(), 100, MINUTE).await.unwrap().len(), 10);
    assert_eq!(queues.receive(&alpha(), 100, MINUTE).await.unwrap().len(), 5);
}

#[tokio::test]
async fn an_old_receipt_deletes_nothing_that_another_receive_has() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.send(&alpha(), vec![entry("body")]).await, [Ok(())]);
    let old = queues.receive(&alpha(), 1, MINUTE).await.unwrap().remove(0);
    fixture.clock.advance(MINUTE);
    let new = queues.receive(&alpha(), 1, MINUTE).await.unwrap().remove(0);
    queues.delete(&alpha(), &old.receipt).await.unwrap();
    assert_eq!(queues.counts(&alpha()).await.unwrap().hidden, 1);
    queues.delete(&dead_letters(), &new.receipt).await.unwrap();
    assert_eq!(queues.counts(&alpha()).await.unwrap().hidden, 1, "a receipt belongs to its queue");
    queues.delete(&alpha(), &new.receipt).await.unwrap();
    assert_eq!(queues.counts(&alpha()).await, Ok(QueueCounts::default()));
}

#[tokio::test]
async fn visibility_changes_only_while_the_receive_lasts() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.send(&alpha(), vec![entry("body")]).await, [Ok(())]);
    let received = queues.receive(&alpha(), 1, MINUTE).await.unwrap().remove(0);
    fixture.clock.advance(MINUTE);
    let refused = queues.change_visibility(&alpha(), &received.receipt, MINUTE).await.unwrap_err();
    assert!(refused.what.contains("no longer good") && refused.what.contains("alpha"), "{refused}");
    for garbage in ["", "1", "1.", ".1", "x.y", "1.-1", "99999999999999999999.1"] {
        let error = queues.change_visibility(&alpha(), garbage, MINUTE).await.unwrap_err();
        assert_eq!(error.what, "not a receipt of this store's queues", "{garbage:?}");
        assert_eq!(queues.delete(&alpha(), garbage).await.unwrap_err(), error);
    }
}

/// Whether something has arrived since the last time.
fn arrived(fixture: &Fixture, queue: &QueueName) -> bool {
    fixture.queues.arrival(queue).now_or_never().is_some()
}

#[tokio::test]
async fn whoever_waits_is_woken() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert!(!arrived(&fixture, &alpha()));

    // What came before the wait began is not missed, and wakes once.
    assert_eq!(queues.send(&alpha(), vec![entry("a"), entry("b")]).await, vec![Ok(()); 2]);
    assert!(arrived(&fixture, &alpha()));
    assert!(!arrived(&fixture, &alpha()));
    assert!(!arrived(&fixture, &dead_letters()));

    // An entry that becomes visible earlier than it was going to.
    let received = queues.receive(&alpha(), 1, MINUTE).await.unwrap().remove(0);
    assert!(!arrived(&fixture, &alpha()));
    queues.change_visibility(&alpha(), &received.receipt, Duration::from_secs(5)).await.unwrap();
    assert!(arrived(&fixture, &alpha()));

    // What is refused wakes nobody.
    let too_late = Entry { delay: MINUTE * 16, ..entry("too late") };
    assert!(queues.send(&alpha(), vec![too_late]).await[0].is_err());
    assert!(!arrived(&fixture, &alpha()));

    // While someone waits.
    let waiting = queues.clone();
    let waiter = tokio::spawn(async move { waiting.arrival(&alpha()).await });
    tokio::task::yield_now().await;
    assert_eq!(queues.send(&alpha(), vec![entry("c")]).await, [Ok(())]);
    waiter.await.unwrap();
}

#[tokio::test]
async fn what_was_given_back_can_be_made_due() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    let others = QueueName::Endpoint(endpoint("beta"));
    for queue in [&alpha(), &others] {
        assert_eq!(queues.send(queue, vec![entry("later")]).await, [Ok(())]);
        let received = queues.receive(queue, 1, MINUTE).await.unwrap().remove(0);
        queues.change_visibility(queue, &received.receipt, MINUTE * 30).await.unwrap();
    }
    assert_eq!(queues.send(&alpha(), vec![entry("in hand")]).await, [Ok(())]);
    queues.receive(&alpha(), 1, MINUTE).await.unwrap();
    let delayed = Entry { delay: MINUTE, ..entry("delayed") };
    assert_eq!(queues.send(&alpha(), vec![entry("due"), delayed]).await, [Ok(()), Ok(())]);
    assert!(arrived(&fixture, &alpha()));

    assert_eq!(queues.make_due(&alpha()).await, Ok(1));
    assert!(arrived(&fixture, &alpha()));
    let received = queues.receive(&alpha(), 10, MINUTE).await.unwrap();
    let mut bodies: Vec<&str> = received.iter().map(|entry| entry.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["due", "later"]);
    assert_eq!(queues.receive(&others, 10, MINUTE).await, Ok(vec![]));
    assert_eq!(queues.make_due(&alpha()).await, Ok(0));
}

#[tokio::test]
async fn what_is_being_put_off_at_that_very_moment_is_made_due_too() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.send(&alpha(), vec![entry("put off"), entry("kept")]).await, vec![Ok(()); 2]);
    let in_hand = queues.receive(&alpha(), 2, MINUTE).await.unwrap();
    let put_off = in_hand.iter().find(|entry| entry.body == "put off").unwrap();
    // Whichever of the two comes first.
    let putting_off = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        queues.change_visibility(&alpha(), &put_off.receipt, MINUTE * 30).await.unwrap();
    };
    let (due, ()) = futures_util::future::join(queues.make_all_due(&alpha()), putting_off).await;
    assert_eq!(due, Ok(1));
    let received = queues.receive(&alpha(), 10, MINUTE).await.unwrap();
    assert_eq!(received.iter().map(|entry| entry.body.as_str()).collect::<Vec<_>>(), ["put off"]);
}

#[tokio::test]
async fn dead_letters_and_copies_of_messages_wake_too() {
    let fixture = Fixture::on_disk().await;
    let queues = &fixture.queues;
    assert_eq!(queues.send(&alpha(), vec![entry("a")]).await, [Ok(())]);
    assert!(arrived(&fixture, &alpha()));
    for _ in 0..4 {
        queues.receive(&alpha(), 1, MINUTE).await.unwrap();
        fixture.clock.advance(MINUTE);
    }
    assert!(arrived(&fixture, &dead_letters()));
    let bus =
        LocalBus::new(queues.clone(), std::sync::Arc::new(|_| Ok(vec![("book".parse().unwrap(), endpoint("alpha"))])));
    assert_eq!(bus.publish(&[message("m")]).await, [Ok(())]);
    assert!(arrived(&fixture, &alpha()));
}

#[tokio::test]
async fn a_message_whose_routes_cannot_be_told_harms_no_other() {
    let fixture = Fixture::on_disk().await;
    let bus = LocalBus::new(
        fixture.queues.clone(),
        std::sync::Arc::new(|message| match message.keys["order_number"].as_str() {
            Some("bad") => Err("the pattern is too deep".to_owned()),
            _ => Ok(vec![("book".parse().unwrap(), endpoint("alpha"))]),
        }),
    );
    let answers = bus.publish(&[message("a"), message("bad"), message("b")]).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let Err(PublishError::Impossible(why)) = &answers[1] else { panic!("{answers:?}") };
    assert!(why.ends_with("could not be told: the pattern is too deep"), "{why}");
    assert_eq!(fixture.queues.counts(&alpha()).await.unwrap().visible, 2);
}

#[tokio::test]
async fn receiving_from_an_empty_queue_costs_no_write() {
    let fixture = Fixture::on_disk().await;
    let log = || std::fs::metadata(fixture.file().with_file_name("hub.db-wal")).unwrap().len();
    let before = log();
    let queue = alpha();
    join_all((0..20).map(|_| fixture.queues.receive(&queue, 10, MINUTE))).await;
    assert_eq!(log(), before);
    assert_eq!(fixture.queues.send(&alpha(), vec![entry("a")]).await, [Ok(())]);
    assert!(log() > before);
}

#[tokio::test]
async fn a_copy_reads_the_same_whether_its_message_is_stored_or_not() {
    let fixture = Fixture::on_disk().await;
    let bus = LocalBus::new(
        fixture.queues.clone(),
        std::sync::Arc::new(|_| Ok(vec![("book-2_x".parse().unwrap(), endpoint("alpha"))])),
    );
    let mut message = message("m");
    message.payload = delicate();
    assert_eq!(bus.publish(std::slice::from_ref(&message)).await, [Ok(())]);
    assert_eq!(fixture.database.put(vec![record(message.clone())]).await, [Ok(true)]);
    assert_eq!(bus.publish(std::slice::from_ref(&message)).await, [Ok(())]);

    let message = Carried::of(&message).unwrap();
    let expected = QueueBody { route: "book-2_x".parse().unwrap(), round: 1, message, remote: None };
    let received = fixture.queues.receive(&alpha(), 10, MINUTE).await.unwrap();
    assert_eq!(received.len(), 2);
    for entry in received {
        assert_eq!(entry.body, serde_json::to_string(&expected).unwrap());
        let read: QueueBody = serde_json::from_str(&entry.body).unwrap();
        assert_eq!((read.key(), read.message.text()), (expected.key(), expected.message.text()));
    }
}
