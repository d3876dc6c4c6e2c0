//! Kills at chosen moments: one row each, with a town of its own, in which only what the row tells of happens. The hub
//! must really have died there, nothing that its bookmarks have passed may be missing in what it leaves behind, and
//! whoever is started on that must bring everything to its right end.

use crossdock_core::event::{EventName, HubEvent};

use super::{
    Town,
    audit::bookmarks,
    both_polled,
    shop::Happening::{self, Cancellation, ChangeOfMind, Parcel, Payment, Purchase},
};
use crate::support::{Hub, hub::database, random::Random, rows::each, show::dead_letters, state::State, until};

/// A shop with old orders, and a hub that comes to it for the first time.
const FIRST_CONTACT: &[&str] = &[
    "stop@before:collections.lease",
    "stop@after:source.fetch",
    "stop@before:collections.save",
    "stop@after:collections.save",
    // A page's orders come after their payments.
    "stop@before:versions.commit",
    "stop@after:versions.commit#1",
    "stop@after:versions.commit#2",
    "stop@before:versions.commit#7",
    "stop@after:versions.commit#12",
    "stop@after:collections.save#6",
    "stop@after:source.fetch#11",
    // Of two collections, six pages each, the one that is finished last.
    "stop@before:collections.save#14",
    "stop@after:collections.save#14",
];

/// The same, and before the next hub comes the shop's old orders have changed: that is news, their payments are not.
const FIRST_CONTACT_THEN_CHANGES: &[&str] = &[
    "stop@after:versions.commit#1",
    "stop@after:versions.commit#2",
    "stop@after:versions.commit#3",
    "stop@after:versions.commit#8",
    "stop@before:collections.save#14",
];

/// What happens before the hub starts, and where it dies.
const AT_WORK: &[(&[Happening], &str)] = &[
    // More than a page of news.
    (&[Purchase; 25], "stop@after:source.fetch#2"),
    (&[Purchase; 25], "stop@after:versions.heads"),
    (&[Purchase; 25], "stop@before:versions.commit"),
    (&[Purchase; 25], "stop@after:versions.commit"),
    (&[Purchase; 25], "stop@after:versions.commit#3"),
    (&[Purchase; 25], "stop@before:collections.save#2"),
    (&[Purchase; 25], "stop@after:collections.save#3"),
    (&[ChangeOfMind, Payment, Purchase, Payment], "stop@after:versions.commit#2"),
    // Between store and bus.
    (&[Purchase], "stop@before:bus.publish"),
    (&[Purchase], "stop@after:bus.publish"),
    (&[Purchase], "stop@before:outbox.published"),
    (&[Purchase], "stop@after:outbox.published"),
    // Around a POST and its outcome.
    (&[Purchase], "stop@after:queues.receive"),
    (&[Purchase], "stop@after:ledger.open"),
    (&[Purchase], "stop@before:endpoint.post"),
    (&[Purchase], "stop@after:endpoint.post"),
    (&[Purchase], "stop@after:endpoint.post#3"),
    (&[Purchase], "stop@before:ledger.settle"),
    (&[Purchase], "stop@after:ledger.settle"),
    (&[Purchase], "stop@before:queues.delete"),
    (&[Purchase], "stop@after:queues.delete"),
    // Between an outcome and what follows from it: the second to be published is the carrier's answer.
    (&[Parcel], "stop@before:bus.publish#2"),
    (&[Parcel], "stop@after:bus.publish#2"),
    (&[Parcel], "stop@before:outbox.published#2"),
    (&[Parcel], "stop@after:outbox.published#2"),
    // Around a retry, and on the way to a dead letter.
    (&[Cancellation], "stop@before:queues.change_visibility"),
    (&[Cancellation], "stop@after:queues.change_visibility"),
    (&[Cancellation], "stop@before:queues.send"),
    (&[Cancellation], "stop@after:queues.send"),
];

/// Where the hub dies on the way to a dead letter, if it does, and where `dlq redrive` dies.
const REDRIVES: &[(Option<&str>, &str)] = &[
    (None, "stop@after:queues.receive"),
    (None, "stop@before:queues.send"),
    (None, "stop@after:queues.send"),
    (None, "stop@before:queues.delete"),
    (None, "stop@after:queues.delete"),
    // The letter is there, and the ledger has not heard of it: the redrive has to tell it.
    (Some("stop@after:queues.send"), "stop@before:ledger.settle"),
    (Some("stop@after:queues.send"), "stop@after:ledger.settle"),
    (Some("stop@after:queues.send"), "stop@after:queues.send"),
];

/// A town where all goes well, but for what never does.
async fn calm(seed: u64) -> Town {
    let town = Town::new(&mut Random::from_seed(seed)).await;
    town.temper.lock().unwrap().mood = None;
    town
}

/// With the first contact behind it.
async fn known(seed: u64) -> Town {
    let town = calm(seed).await;
    let hub = town.bench.start().await;
    both_polled(&hub).await;
    hub.stop().await;
    town
}

impl Town {
    async fn killed(&self, fault: &str) {
        self.bench.launch(Some(fault)).stopped(fault).await;
        // Before the first store is made, there is nothing to look at.
        bookmarks(&self.shop, &State::read(&database(&self.bench)).unwrap());
    }

    async fn comes_to_its_end(&self) {
        let hub = self.bench.start().await;
        self.reckoning(&hub).await;
        hub.terminate().await;
    }
}

async fn at_first_contact(seed: u64, fault: &str) {
    let town = calm(seed).await;
    town.killed(fault).await;
    let hub = town.bench.start().await;
    both_polled(&hub).await;
    hub.kill().await;
    assert!(town.received.lock().unwrap().requests.is_empty(), "old orders are no news");
    // And what is news from now on is told.
    for happening in [Purchase, ChangeOfMind, Parcel] {
        town.shop.happen(happening);
    }
    town.comes_to_its_end().await;
    assert!(!town.received.lock().unwrap().requests.is_empty());
}

async fn at_first_contact_then_changes(seed: u64, fault: &str) {
    let town = calm(seed).await;
    town.killed(fault).await;
    for _ in 0..100 {
        town.shop.happen(ChangeOfMind);
    }
    town.comes_to_its_end().await;
}

async fn at_work(seed: u64, happenings: &[Happening], fault: &str) {
    let town = known(seed).await;
    for happening in happenings {
        town.shop.happen(*happening);
    }
    town.killed(fault).await;
    town.comes_to_its_end().await;
}

async fn at_redrive(seed: u64, dying: Option<&str>, fault: &str) {
    let town = known(seed).await;
    town.shop.happen(Cancellation);
    match dying {
        Some(dying) => town.killed(dying).await,
        None => {
            let hub = town.bench.start().await;
            let dead = |event: &HubEvent| event.event == EventName::DeliveryDeadLettered;
            hub.event("the dead letter", dead).await;
            idle(&town, &hub).await;
            hub.stop().await;
        }
    }
    assert_eq!(dead_letters(&town.bench).await.len(), 1);
    town.bench.stopped(fault, &["dlq", "redrive"]).await;

    town.temper.lock().unwrap().healed = true;
    town.received.lock().unwrap().redriven = true;
    // What the redrive had in its hands is given back when a hub starts.
    let hub = town.bench.start().await;
    town.bench.run(&["dlq", "redrive"]).await.ok();
    assert_eq!(dead_letters(&town.bench).await.len(), 0);
    town.reckoning(&hub).await;
    hub.terminate().await;
}

async fn idle(town: &Town, hub: &Hub) {
    let file = database(&town.bench);
    until("peace", || State::is_idle(&file).unwrap().then_some(()), || hub.story()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_contact_that_is_cut_off_is_one_all_the_same() {
    let rows = FIRST_CONTACT.iter().enumerate();
    each(rows.map(|(seed, fault)| ((*fault).to_owned(), at_first_contact(seed as u64, fault)))).await;
    let rows = FIRST_CONTACT_THEN_CHANGES.iter().enumerate();
    let row = |(seed, fault): (usize, &'static &str)| {
        (format!("{fault}, then changes"), at_first_contact_then_changes(seed as u64, fault))
    };
    each(rows.map(row)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_change_is_on_its_way_it_arrives() {
    let rows = AT_WORK.iter().enumerate();
    let row = |(seed, (happenings, fault)): (usize, &'static (&[Happening], &'static str))| {
        (format!("{} × {:?}: {fault}", happenings.len(), happenings[0]), at_work(seed as u64, happenings, fault))
    };
    each(rows.map(row)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_is_cut_off_sends_each_letter_once_more_and_no_more() {
    let rows = REDRIVES.iter().enumerate();
    let row = |(seed, (dying, fault)): (usize, &'static (Option<&'static str>, &'static str))| {
        (format!("{dying:?}, then {fault}"), at_redrive(seed as u64, *dying, fault))
    };
    each(rows.map(row)).await;
}
