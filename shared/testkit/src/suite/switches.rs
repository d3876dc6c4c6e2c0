//! The contract of [`Switches`]: what is off stays off, since when it was, until it is switched on.

use crossdock_core::{
    Timestamp,
    port::{Ledger, Off, Switch, Switches},
};
use futures_util::future::join_all;

use super::StoreFixture;
use crate::build::{at, endpoint};

fn webhook(id: &str) -> Switch {
    Switch::Webhook(id.parse().expect("a webhook id"))
}

async fn switch(fixture: &impl StoreFixture, which: &Switch, off: Option<Timestamp>) {
    fixture.store().switch(which, off).await.expect("switch");
}

/// The same, as those hear of it who deliver.
async fn off(fixture: &impl StoreFixture) -> Off {
    let off = fixture.store().off().await.expect("off");
    let opened = fixture.store().open(&endpoint("alpha"), &[], &[]).await.expect("open");
    assert_eq!(opened.hub_off.as_ref(), off.get(&Switch::Hub));
    off
}

pub async fn a_new_store_has_nothing_off<F: StoreFixture>(fixture: &F) {
    assert_eq!(off(fixture).await, Off::new());
    switch(fixture, &Switch::Hub, None).await;
    assert_eq!(off(fixture).await, Off::new(), "what is on already can be switched on");
}

pub async fn each_switch_is_its_own<F: StoreFixture>(fixture: &F) {
    let [orders, stock] = [webhook("shop-orders"), webhook("Stock_2")];
    switch(fixture, &orders, Some(at(1))).await;
    assert_eq!(off(fixture).await, Off::from([(orders.clone(), at(1))]));
    switch(fixture, &Switch::Hub, Some(at(2))).await;
    switch(fixture, &stock, Some(at(3))).await;
    let all = [(Switch::Hub, at(2)), (orders.clone(), at(1)), (stock.clone(), at(3))];
    assert_eq!(off(fixture).await, Off::from(all));
    switch(fixture, &orders, None).await;
    assert_eq!(off(fixture).await, Off::from([(Switch::Hub, at(2)), (stock.clone(), at(3))]));
    switch(fixture, &Switch::Hub, None).await;
    assert_eq!(off(fixture).await, Off::from([(stock, at(3))]));
}

/// A webhook may be called like the hub.
pub async fn no_webhook_is_the_hub<F: StoreFixture>(fixture: &F) {
    switch(fixture, &webhook("hub"), Some(at(1))).await;
    assert_eq!(off(fixture).await, Off::from([(webhook("hub"), at(1))]));
    switch(fixture, &Switch::Hub, Some(at(2))).await;
    switch(fixture, &webhook("hub"), None).await;
    assert_eq!(off(fixture).await, Off::from([(Switch::Hub, at(2))]));
}

pub async fn what_is_off_stays_off_since_when_it_was<F: StoreFixture>(fixture: &F) {
    for since in [5, 9, 1] {
        switch(fixture, &Switch::Hub, Some(at(since))).await;
        assert_eq!(off(fixture).await, Off::from([(Switch::Hub, at(5))]));
    }
    switch(fixture, &Switch::Hub, None).await;
    switch(fixture, &Switch::Hub, Some(at(9))).await;
    assert_eq!(off(fixture).await, Off::from([(Switch::Hub, at(9))]));
}

pub async fn switches_that_are_thrown_at_once_are_all_kept<F: StoreFixture>(fixture: &F) {
    let all: Vec<Switch> = (0..8).map(|number| webhook(&format!("w{number}"))).collect();
    join_all(all.iter().map(|which| switch(fixture, which, Some(at(1))))).await;
    assert_eq!(off(fixture).await, all.into_iter().map(|which| (which, at(1))).collect());
}

#[macro_export]
macro_rules! switches_suite {
    ($fixture:expr) => {
        $crate::cases!(
            switches,
            $fixture,
            [
                a_new_store_has_nothing_off,
                each_switch_is_its_own,
                no_webhook_is_the_hub,
                what_is_off_stays_off_since_when_it_was,
                switches_that_are_thrown_at_once_are_all_kept,
            ]
        );
    };
}
