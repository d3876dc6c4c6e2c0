//! Many orders at once. Each is told to whom it must be told and to nobody else, and each of its messages ends.

use super::town::Town;
use crate::{
    aws::calls::counted,
    kills::shop::{Happening, ORDERS},
    support::{random::Random, say},
};

const NEW_ORDERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_orders_none_is_lost_and_none_unexplained() {
    let mut random = Random::seeded("a thousand orders");
    let town = Town::new("orders", &mut random, |hub| hub).await;
    let old = town.shop.things(ORDERS).len();
    // About every seventh request goes wrong.
    town.temper.lock().unwrap().mood = Some(random.split());
    town.happen(Happening::Purchase, NEW_ORDERS);
    town.poll().await;
    for happening in [Happening::ChangeOfMind, Happening::Payment, Happening::Cancellation, Happening::Parcel] {
        town.happen(happening, NEW_ORDERS / 20);
    }
    let state = town.reckoning().await;

    assert_eq!(town.shop.things(ORDERS).len(), old + NEW_ORDERS);
    let new = state.messages.values().filter(|message| message["message"] == "order:new").count();
    assert_eq!(new, NEW_ORDERS);
    let (messages, deliveries) = (state.messages.len(), state.deliveries.len());
    let dead = state.deliveries.values().filter(|delivery| delivery.state == "dead_lettered").count();
    say(&format!("{NEW_ORDERS} orders on AWS: {messages} messages, {deliveries} deliveries, {dead} dead letters"));
    for ((function, operation), (count, units)) in counted(&town.hub.calls().await) {
        let units = units.map_or_else(String::new, |units| format!(", {units} units"));
        say(&format!("{function} {operation}: {count} calls{units}"));
    }
}
