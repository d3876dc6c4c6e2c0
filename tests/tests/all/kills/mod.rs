//! Whatever dies and whenever, nothing is lost and nothing is told twice (contract §5, the guarantee).
//!
//! A shop in which something happens all the time, endpoints that fail now and then, and between them a hub that is
//! killed again and again: half of the times from outside, at a random moment, half of the times by itself, at a random
//! call of a port; now and then it is told to end, which it must do in peace. When it is let live at last and has
//! nothing left to do, the three accounts are compared ([`audit`]). Kills at chosen moments are in [`aimed`] and
//! [`pushed`].
//!
//! `CROSSDOCK_SEED` plays a run again, as far as the machine's own timing lets it. It kills 50 times, and 1,000 times with
//! `CROSSDOCK_LONG=1`.

mod aimed;
pub(crate) mod audit;
mod pushed;
pub(crate) mod shop;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use self::{
    audit::{PATHS, Received, audit, bookmarks, is_up_to_date},
    shop::Shop,
};
use crate::support::{
    Bench, Hub, Reply, Request, Server, hub::database, random::Random, say, setting, show::dead_letters, state::State,
    until,
};

/// One more than the `retries` below.
const ATTEMPTS: usize = 4;
/// Between two things that happen in the shop, in milliseconds, at most.
const PAUSE: u64 = 60;
/// In one town. Then it is left in peace and looked at, and another one begins: a hub that lives for half a second at a
/// time falls behind a shop that never rests.
const KILLS: u64 = 50;
/// Between two looks at what a killed hub left behind, in kills.
const LOOK: u64 = 10;

struct Town {
    bench: Bench,
    shop: Arc<Shop>,
    received: Arc<Mutex<Received>>,
    /// What its endpoints do by chance, and the one that takes nothing.
    temper: Arc<Mutex<Temper>>,
    life: JoinHandle<()>,
    _servers: [Server; 2],
}

impl Drop for Town {
    fn drop(&mut self) {
        self.life.abort();
    }
}

/// Polled every so often.
pub(crate) fn hub_file(shop: &str, endpoints: &str, every: &str) -> String {
    let rules = format!(
        "created: created_at
        since: {{param: updated_at_gte, field: updated_at, overlap: 2s}}
        pages: {{style: page, param: page, total: pages}}
        items: items
        id: number
        every: {every}
        volatile: [updated_at]"
    );
    let endpoint =
        |name: &str| format!("  {name}: {{url: \"{endpoints}\", retries: [50ms, 100ms, 200ms], timeout: 2s}}\n");
    let endpoints: String =
        ["email", "accounting", "analytics", "fulfilment", "my-store", "loyalty"].into_iter().map(endpoint).collect();
    format!(
        r#"
hub: town
sources:
  my-store:
    url: "{shop}"
    collections:
      orders:
        type: order
        request: {{path: /api/orders}}
        {rules}
        keys: {{total: {{path: total, as: number}}}}
        children: {{payments: {{type: payment, id: id}}}}
        derive: [{{path: state, becomes: canceled, message: "order:canceled", instead: true}}]
      shipments:
        type: shipment
        request: {{path: /api/shipments}}
        {rules}
        derive: [{{path: state, becomes: ready, message: "shipment:ready", instead: true}}]
endpoints:
{endpoints}
routes:
  - {{name: confirm, messages: ["order:new"], to: email, path: /confirm}}
  - name: book
    messages: ["order:*"]
    to: accounting
    path: /book
    filters: [{{path: keys.total, operator: gt, value: 100}}]
  - {{name: track, messages: ["order:*", "payment:*", "shipment:*"], to: analytics, path: /track}}
  - {{name: ship, messages: ["shipment:ready"], to: fulfilment, path: /ship}}
  - {{name: write-back, messages: ["shipment:shipped"], to: my-store, path: /tracking}}
  - {{name: take-back, messages: ["order:canceled"], to: loyalty, path: /points}}
"#
    )
}

fn tracking_number(shipment: &str) -> String {
    format!("NP{shipment}SE")
}

impl Town {
    /// Nothing happens before [`Town::wake`].
    async fn new(random: &mut Random) -> Self {
        let shop = Arc::new(Shop::new(random.split()));
        let asked = Arc::clone(&shop);
        let shop_server = Server::start(move |request| asked.answer(request)).await;

        let received: Arc<Mutex<Received>> = Arc::default();
        let (book, written) = (Arc::clone(&received), Arc::clone(&shop));
        let temper = Arc::new(Mutex::new(Temper { mood: Some(random.split()), healed: false }));
        let tempered = Arc::clone(&temper);
        let endpoints = Server::start(move |request| {
            let mut temper = tempered.lock().unwrap();
            let reply = temper.trouble(request).unwrap_or_else(|| answer(&written, request));
            let accepted = matches!(reply, Reply::Answer { status: 200..300, .. });
            book.lock().unwrap().requests.push((request.clone(), accepted));
            reply
        })
        .await;
        let bench = Bench::new(&hub_file(shop_server.url(), endpoints.url(), "150ms"));
        let life = tokio::spawn(async {});
        Self { bench, shop, received, temper, life, _servers: [shop_server, endpoints] }
    }

    fn wake(&mut self, random: &mut Random) {
        let (shop, mut random) = (Arc::clone(&self.shop), random.split());
        self.life = tokio::spawn(async move {
            loop {
                shop.stir();
                tokio::time::sleep(Duration::from_millis(random.below(PAUSE))).await;
            }
        });
    }

    async fn sleep(&mut self) {
        self.life.abort();
        // Aborted between two things that happen; an error says so.
        let _ = (&mut self.life).await;
    }

    /// Lets it be until there is nothing left to do, and looks at it then.
    async fn reckoning(&self, hub: &Hub) {
        let file = database(&self.bench);
        let quiet = || {
            let state = State::is_idle(&file).unwrap().then(|| State::read(&file).unwrap())?;
            (state.idle && is_up_to_date(&self.shop, &state)).then_some(state)
        };
        let state = until("everything to be settled", quiet, || hub.story()).await;
        audit(&self.shop, &state, &self.received.lock().unwrap());
        self.dead_letters(&state).await;
    }

    /// The command line shows what ended as a dead letter, each once. A copy in the queue of what was delivered after
    /// all, by the life after a crash, is not shown.
    async fn dead_letters(&self, state: &State) {
        let letters = dead_letters(&self.bench).await;
        let shown: Vec<_> = letters.iter().map(|letter| (letter.message_id.clone(), letter.route.clone())).collect();
        let unique: BTreeSet<_> = shown.iter().cloned().collect();
        assert_eq!(shown.len(), unique.len(), "{letters:#?}");
        let dead = state.deliveries.iter().filter(|(_, delivery)| delivery.state == "dead_lettered");
        let left = dead.filter(|((message, route, _), _)| {
            state.dead.iter().any(|(_, dead, over)| (dead, over) == (message, route))
        });
        let expected: BTreeSet<_> = left.map(|((message, route, _), _)| (message.clone(), route.clone())).collect();
        assert_eq!(unique, expected, "{letters:#?}");
    }
}

pub(crate) struct Temper {
    /// `None`: all goes well.
    pub(crate) mood: Option<Random>,
    /// What never took anything does now.
    pub(crate) healed: bool,
}

impl Temper {
    pub(crate) fn trouble(&mut self, request: &Request) -> Option<Reply> {
        let hopeless = request.path() == "/points" && !self.healed;
        self.mood.as_mut().and_then(by_chance).or_else(|| hopeless.then(|| Reply::status(503)))
    }
}

/// About every seventh request goes wrong, in one way or another.
fn by_chance(mood: &mut Random) -> Option<Reply> {
    match mood.below(70) {
        0..6 => Some(Reply::json(500, &json!({"error": "not today"}))),
        6 => Some(Reply::status(503).with("retry-after", "0")),
        7 => Some(Reply::Reset),
        8 => Some(Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{".to_vec())),
        _ => None,
    }
}

pub(crate) fn answer(shop: &Shop, request: &Request) -> Reply {
    let message = request.json();
    match request.path() {
        "/ship" => {
            let shipment = &message["payload"]["shipment"]["actual"]["number"];
            let tracking = tracking_number(shipment.as_str().unwrap());
            let payload = json!({"shipment": {"number": shipment, "tracking": tracking}});
            Reply::json(200, &json!({"messages": [{"message": "shipment:shipped", "payload": payload}]}))
        }
        "/tracking" => {
            let shipment = &message["payload"]["shipment"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let known = shop.ship(&text(&shipment["number"]), &text(&shipment["tracking"]));
            Reply::status(if known { 200 } else { 404 })
        }
        path if PATHS.iter().any(|(_, known)| *known == path) => Reply::status(202),
        _ => Reply::status(404),
    }
}

async fn both_polled(hub: &Hub) {
    for collection in [shop::ORDERS, shop::SHIPMENTS] {
        let polled = |event: &HubEvent| {
            event.event == EventName::PollFinished && event.collection.as_deref() == Some(collection)
        };
        hub.event("the end of a poll", polled).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_told_twice_by_a_hub_that_keeps_dying() {
    let mut random = Random::seeded("kills");
    let towns = if setting("CROSSDOCK_LONG").is_some() { 1_000 / KILLS } else { 1 };
    for town in 1..=towns {
        keeps_dying(&mut random.split()).await;
        say(&format!("{} kills", town * KILLS));
    }
}

async fn keeps_dying(random: &mut Random) {
    let mut town = Town::new(random).await;

    // The first contact itself is interrupted, and still nobody old hears of it.
    let at = 5 + random.below(60);
    let mut hub = town.bench.launch(Some(&format!("stop@{at}")));
    assert!(hub.died().await, "stop@{at}: is this crossdock built with fault points?\n{}", hub.story());
    let hub = town.bench.start().await;
    both_polled(&hub).await;
    hub.kill().await;
    assert!(town.received.lock().unwrap().requests.is_empty(), "old orders are no news");

    town.wake(random);
    for kill in 1..=KILLS {
        match kill % 2 {
            0 => {
                let mut hub = town.bench.launch(None);
                // Now and then before it has begun.
                if !random.one_in(5) {
                    assert!(hub.started_or_ended().await, "{}", hub.story());
                }
                tokio::time::sleep(Duration::from_millis(random.below(700))).await;
                hub.kill().await;
            }
            _ => {
                let at = 1 + random.below(400);
                let mut hub = town.bench.launch(Some(&format!("stop@{at}")));
                assert!(hub.died().await, "stop@{at}\n{}", hub.story());
            }
        }
        if kill % LOOK == 0 {
            bookmarks(&town.shop, &State::read(&database(&town.bench)).unwrap());
            // In the middle of all that, being told to end is not being killed.
            let mut hub = town.bench.launch(None);
            assert!(hub.started_or_ended().await, "{}", hub.story());
            tokio::time::sleep(Duration::from_millis(random.below(300))).await;
            hub.terminate().await;
        }
    }
    let hub = town.bench.start().await;
    town.sleep().await;
    town.reckoning(&hub).await;

    // And nothing comes of it afterwards: started once more, it has nothing to say.
    let before = town.received.lock().unwrap().requests.len();
    hub.stop().await;
    let hub = town.bench.start().await;
    both_polled(&hub).await;
    town.reckoning(&hub).await;
    assert_eq!(town.received.lock().unwrap().requests.len(), before);
}

/// Not the hub dies but what it stands on: every so many calls of a port one fails, before or after it took effect. Each
/// life has another number, since failures that come as regularly as polls may hit every poll at the same place.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_told_twice_by_a_hub_whose_calls_keep_failing() {
    let mut random = Random::seeded("failing calls");
    let mut town = Town::new(&mut random).await;
    town.received.lock().unwrap().incomplete = true;
    live(&town, 11).await;
    let hub = town.bench.start().await;
    both_polled(&hub).await;
    assert!(town.received.lock().unwrap().requests.is_empty(), "old orders are no news");
    hub.stop().await;

    town.wake(&mut random);
    for every in [53, 29, 17, 7, 41] {
        live(&town, every).await;
    }
    let hub = town.bench.start().await;
    town.sleep().await;
    town.reckoning(&hub).await;
}

/// For a while, with every so many calls failing, and ended by Ctrl-C, which must work all the same.
async fn live(town: &Town, every: u64) {
    let hub = town.bench.launch(Some(&format!("fail@every:{every}")));
    hub.url().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    hub.stop().await;
}
