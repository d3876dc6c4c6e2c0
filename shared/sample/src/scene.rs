//! What happens in the sample store while somebody watches: the life of one order, from a purchase to its end.
//!
//! Each step waits for what the step before it led to, as the servers see it, so the scene is as quick as the hub is.
//! A step that is waited for in vain is given up on and the next one comes: a scene with a hub that does not route
//! everything is shorter, not stuck. Only for its audience does it wait as long as it takes: what happens before
//! a hub has read the store for the first time is no news to it.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    endpoints::{ACCOUNTING, ANALYTICS, EMAIL, LOYALTY, Script, tracking_number},
    goods,
    seen::Notebook,
    store::{Collection, Store, StoreError, blocking},
};

/// How long each step is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the message to loyalty is tried: one attempt more than hub.yaml gives it `retries`.
const LOYALTY_ATTEMPTS: usize = 3;

pub(crate) async fn play(store: &Arc<Store>, notebook: &Notebook, script: &Script) -> Result<(), StoreError> {
    notebook.ever(|book| book.was_read(Collection::Orders)).await;
    wait(notebook, "the hub has read the shipments", |book| book.was_read(Collection::Shipments)).await;

    let number = blocking(store, Store::reserve_number).await?;
    script.stumble_over(&number);
    let order = purchase(&number);
    blocking(store, move |store| store.create_order(&order)).await?;
    wait(notebook, "email, accounting and analytics have the new order", |book| {
        [EMAIL, ACCOUNTING, ANALYTICS].iter().all(|endpoint| delivered(book, endpoint, &number, |_| true))
    })
    .await;

    let order = number.clone();
    blocking(store, move |store| store.change_order(&order, &afterthought(&order))).await?;
    wait(notebook, "analytics has the changed order", |book| {
        delivered(book, ANALYTICS, &number, |order| order["gift_wrap"] == true)
    })
    .await;

    let shipment = goods::shipment_number(&number);
    let tracking = tracking_number(&shipment);
    let id = shipment.clone();
    blocking(store, move |store| store.ready_shipment(&id)).await?;
    wait(notebook, "the tracking number is in the store and analytics has it from there", |book| {
        // The carrier's own message carries the number too, but no state.
        delivered(book, ANALYTICS, &shipment, |shipment| {
            shipment["state"] == "shipped" && shipment["tracking"] == tracking.as_str()
        })
    })
    .await;

    let order = number.clone();
    blocking(store, move |store| store.cancel_order(&order)).await?;
    wait(notebook, "analytics has the canceled order and loyalty has refused it for the last time", |book| {
        delivered(book, ANALYTICS, &number, |order| order["state"] == "canceled")
            && book.count(LOYALTY, &number, |_| true, |_| true) >= LOYALTY_ATTEMPTS
    })
    .await;
    Ok(())
}

async fn wait(notebook: &Notebook, what: &'static str, so: impl Fn(&Notebook) -> bool) {
    if !notebook.until(PATIENCE, so).await {
        tracing::warn!(what, patience_s = PATIENCE.as_secs(), "the scene waited in vain, and goes on");
    }
}

fn delivered(book: &Notebook, endpoint: &str, id: &str, carried: impl Fn(&Value) -> bool) -> bool {
    book.count(endpoint, id, |status| (200..300).contains(&status), carried) > 0
}

fn purchase(number: &str) -> Value {
    json!({
        "number": number,
        "email": "zoe@example.com",
        "line_items": [
            {"sku": "GRINDER-58", "name": "Hand grinder 58 mm", "quantity": 1, "price": "189.00"},
            {"sku": "FILTER-100", "name": "Paper filters, 100 pieces", "quantity": 1, "price": "5.95"},
        ],
        "item_count": 2,
        "item_total": "194.95",
        "delivery_total": "5.04",
        "total": "199.99",
        "weight_kg": 1.6,
        "billing_address": address(),
        "shipping_address": address(),
        "payments": [payment(number, "pending", "199.99")],
    })
}

/// The customer wants it wrapped, and pays.
fn afterthought(number: &str) -> Value {
    json!({
        "gift_wrap": true,
        "delivery_total": "10.04",
        "total": "204.99",
        "payment_state": "paid",
        "payments": [payment(number, "completed", "204.99")],
    })
}

fn payment(number: &str, state: &str, amount: &str) -> Value {
    json!({"id": number.replace('R', "P"), "method": "card", "state": state, "amount": amount})
}

fn address() -> Value {
    json!({
        "name": "Zoë Ångström",
        "street": "Västra Hamngatan 7",
        "postcode": "411 17",
        "city": "Göteborg",
        "country": "SE",
        "phone": "+46 31 123 45 67",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time is the runtime's own here and passes at once when there is nothing else to do.
    #[tokio::test(start_paused = true)]
    async fn a_hub_that_delivers_nothing_still_sees_the_whole_life_of_the_order() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let notebook = Notebook::new(None);
        notebook.read_to_the_end(Collection::Orders);
        play(&store, &notebook, &Script::default()).await.unwrap();

        let ids: Vec<_> = store.changes().into_iter().map(|change| change.id).collect();
        assert_eq!(ids, ["R100000501", "H100000501", "R100000501", "H100000501", "R100000501"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_happens_before_a_hub_has_read_the_orders() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let notebook = Notebook::new(None);
        notebook.read_to_the_end(Collection::Shipments);
        let script = Script::default();
        let played = tokio::time::timeout(100 * PATIENCE, play(&store, &notebook, &script)).await;
        assert!(played.is_err());
        assert_eq!(store.changes(), []);
    }

    #[test]
    fn the_hub_file_gives_loyalty_as_many_attempts_as_the_scene_waits_for() {
        let line = crate::HUB_FILE.lines().find(|line| line.trim_start().starts_with("loyalty:")).unwrap();
        let (_, retries) = line.split_once("retries: [").unwrap();
        let (waits, _) = retries.split_once(']').unwrap();
        assert_eq!(waits.split(',').count() + 1, LOYALTY_ATTEMPTS);
    }
}
