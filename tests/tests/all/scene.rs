//! The first impression: `crossdock dev` in an empty folder, and what plays there; then the same with every name of the
//! hub file changed and the servers in a process of their own, because nothing of it may hang on a name.

use std::collections::BTreeSet;

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use crate::support::{
    Bench, Hub,
    binary::repository_file,
    client::call,
    process::Process,
    show::{dead_letters, object, read},
    until,
};

/// What things are called in a hub.
struct Names {
    store: &'static str,
    orders: &'static str,
    order: &'static str,
    shipment: &'static str,
    /// Routes and their endpoints.
    confirm: [&'static str; 2],
    book: [&'static str; 2],
    track: [&'static str; 2],
    ship: [&'static str; 2],
    write_back: [&'static str; 2],
    take_back: [&'static str; 2],
}

const AS_SHIPPED: Names = Names {
    store: "my-store",
    orders: "orders",
    order: "order",
    shipment: "shipment",
    confirm: ["confirm", "email"],
    book: ["book", "accounting"],
    track: ["track", "analytics"],
    ship: ["ship", "fulfilment"],
    write_back: ["write-back", "my-store"],
    take_back: ["take-points-back", "loyalty"],
};

const RENAMED: Names = Names {
    store: "kiosk",
    orders: "purchases",
    order: "purchase",
    shipment: "parcel",
    confirm: ["thank", "postbox"],
    book: ["enter", "ledger"],
    track: ["watch", "numbers"],
    ship: ["pick-up", "carrier"],
    write_back: ["tell", "kiosk"],
    take_back: ["no-points", "club"],
};

/// Word by word, as one would in an editor.
const RENAMES: &[[&str; 2]] = &[
    ["hub: my-shop", "hub: harbour"],
    ["my-store", "kiosk"],
    ["      orders:\n", "      purchases:\n"],
    ["type: order ", "type: purchase "],
    ["\"order:", "\"purchase:"],
    ["type: shipment", "type: parcel"],
    ["\"shipment:", "\"parcel:"],
    ["type: payment", "type: settlement"],
    ["\"payment:", "\"settlement:"],
    ["  email: {", "  postbox: {"],
    ["to: email", "to: postbox"],
    ["accounting: {", "ledger: {"],
    ["to: accounting", "to: ledger"],
    ["analytics: {", "numbers: {"],
    ["to: analytics", "to: numbers"],
    ["fulfilment: {", "carrier: {"],
    ["to: fulfilment", "to: carrier"],
    ["loyalty: {", "club: {"],
    ["to: loyalty", "to: club"],
    ["name: confirm", "name: thank"],
    ["name: book", "name: enter"],
    ["name: track", "name: watch"],
    ["name: ship\n", "name: pick-up\n"],
    ["name: write-back", "name: tell"],
    ["name: take-points-back", "name: no-points"],
];

/// What one play of the scene was about.
struct Played {
    order: String,
    shipment: String,
}

impl Names {
    fn kind(&self, object: &str, event: &str) -> String {
        format!("{object}:{event}")
    }

    /// Waits for the scene, step by step, and holds it to its order.
    async fn play(&self, hub: &Hub) -> Played {
        let emitted = async |kind: String, of: Option<&str>| {
            let this = |event: &HubEvent| {
                event.event == EventName::MessageEmitted
                    && event.message.as_ref() == Some(&kind)
                    && of.is_none_or(|of| event.object.as_deref() == Some(of))
            };
            hub.event(&kind, this).await
        };
        let new = emitted(self.kind(self.order, "new"), None).await;
        let order = new.object.clone().unwrap();
        assert_eq!(new.count, Some(3), "three routes take it: {new:?}");
        let shipment = order.replacen('R', "H", 1);
        for route in [self.confirm, self.book, self.track] {
            self.delivered(hub, &new, route).await;
        }
        let updated = emitted(self.kind(self.order, "updated"), Some(&order)).await;
        self.delivered(hub, &updated, self.track).await;
        let ready = emitted(self.kind(self.shipment, "ready"), Some(&shipment)).await;
        self.delivered(hub, &ready, self.ship).await;
        let shipped = emitted(self.kind(self.shipment, "shipped"), None).await;
        self.delivered(hub, &shipped, self.write_back).await;
        let written_back = emitted(self.kind(self.shipment, "updated"), Some(&shipment)).await;
        let canceled = emitted(self.kind(self.order, "canceled"), Some(&order)).await;
        self.delivered(hub, &canceled, self.track).await;
        let dead = hub.event("the dead letter", |event| event.event == EventName::DeliveryDeadLettered).await;
        assert_eq!(
            (&dead.message_id, &dead.route, &dead.endpoint),
            (&canceled.message_id, &Some(self.take_back[0].to_owned()), &Some(self.take_back[1].to_owned()),)
        );
        assert_eq!((dead.attempt, dead.status), (Some(3), Some(503)));
        assert!(dead.reason.as_deref().unwrap().contains("503"), "{dead:?}");

        self.stumbles(hub, &new).await;
        let events = hub.events();
        let steps = [&new, &updated, &ready, &shipped, &written_back, &canceled, &dead];
        let places = steps.map(|step| events.iter().position(|event| event == step).unwrap());
        assert!(places.is_sorted(), "{places:?}\n{}", hub.story());
        Played { order, shipment }
    }

    async fn delivered(&self, hub: &Hub, message: &HubEvent, [route, endpoint]: [&str; 2]) {
        let this = |event: &HubEvent| {
            event.event == EventName::DeliverySucceeded
                && event.message_id == message.message_id
                && event.route.as_deref() == Some(route)
        };
        let event = hub.event(&format!("{:?} for {route}", message.message), this).await;
        assert_eq!(event.endpoint.as_deref(), Some(endpoint));
        assert!(event.status.is_some_and(|status| (200..300).contains(&status)), "{event:?}");
    }

    /// Accounting answers 500 twice, and takes it the third time.
    async fn stumbles(&self, hub: &Hub, new: &HubEvent) {
        let events = hub.events();
        let of_book = events
            .iter()
            .filter(|event| event.message_id == new.message_id && event.route.as_deref() == Some(self.book[0]));
        let told: Vec<_> = of_book.map(|event| (event.event, event.attempt.unwrap(), event.status.unwrap())).collect();
        let attempted = EventName::DeliveryAttempted;
        let expected =
            [(attempted, 1, 500), (attempted, 2, 500), (attempted, 3, 200), (EventName::DeliverySucceeded, 3, 200)];
        assert_eq!(told, expected, "{}", hub.story());
    }

    async fn baseline(&self, hub: &Hub) {
        let this = |event: &HubEvent| {
            event.event == EventName::BaselineStored && event.collection.as_deref() == Some(self.orders)
        };
        let baseline = hub.event("the baseline", this).await;
        assert_eq!(baseline.source.as_deref(), Some(self.store));
        assert_eq!(baseline.count, Some(500));
        assert_eq!(baseline.reason, Some(format!("baseline: 500 {} stored, nothing emitted", self.orders)));
    }

    /// What the command line and the store tell of it afterwards.
    async fn told_afterwards(&self, bench: &Bench, store: &Store, played: &Played) {
        let order = object(bench, &played.order).await;
        let versions = order["versions"].as_array().unwrap();
        let numbers: Vec<_> = versions.iter().map(|version| version["version"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [1, 2, 3], "{order}");
        let messages = order["messages"].as_array().unwrap();
        let types: Vec<_> = messages.iter().map(|message| message["message"].as_str().unwrap()).collect();
        assert_eq!(types, ["new", "updated", "canceled"].map(|event| self.kind(self.order, event)), "{order}");

        let updated = messages[1]["message_id"].as_str().unwrap();
        let shown = bench.run(&["show", updated, "--json"]).await.ok().json();
        let changes: Vec<Value> = read(&shown["message"]["changes"]);
        let total = json!({"path": "/total", "old": "199.99", "new": "204.99"});
        assert!(changes.contains(&total), "{shown}");
        assert!(changes.contains(&json!({"path": "/gift_wrap", "old": false, "new": true})), "{shown}");
        let previous = &shown["message"]["previous"];
        assert_eq!((&previous["number"], &previous["total"]), (&json!(played.order), &json!("199.99")));

        let shipment = store.shipment(&played.shipment).await;
        assert_eq!(shipment["state"], "shipped");
        assert_eq!(shipment["tracking"], format!("NP{}SE", &played.shipment[1..]), "{shipment}");

        let letters = dead_letters(bench).await;
        let letter = letters.last().unwrap();
        assert_eq!((letter.route.as_str(), letter.endpoint.as_str()), (self.take_back[0], self.take_back[1]));
        assert_eq!(letter.message_id, messages[2]["message_id"].as_str().unwrap());
        assert_eq!((letter.attempts, letter.status), (3, Some(503)));
        assert!(letter.reason.contains("503"), "{letter:?}");
    }
}

/// The sample store's own API.
struct Store {
    url: String,
    token: String,
}

impl Store {
    async fn shipment(&self, number: &str) -> Value {
        // By time it would be on the last page; there are a few hundred.
        for page in 1.. {
            let url = format!("{}/api/shipments?page={page}", self.url);
            let answer = call("GET", url).bearer(&self.token).send().await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let body = answer.json();
            let found = body["shipments"].as_array().unwrap().iter().find(|one| one["number"] == number);
            if let Some(found) = found {
                return found.clone();
            }
            assert!(page < body["pages"].as_u64().unwrap(), "the store has no shipment {number}");
        }
        unreachable!()
    }
}

/// What is on the standard output is what `infra/events.schema.json` says, line by line, and nothing else.
fn lines_follow_the_schema(lines: &[String]) {
    let schema: Value = serde_json::from_str(&repository_file("infra/events.schema.json")).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let event = event.as_object().unwrap();
        assert!(required.iter().all(|name| event.contains_key(name)), "{line}");
        assert!(event.keys().all(|name| properties.contains_key(name)), "{line}");
        let _: HubEvent = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

/// The objects that versions were stored of or messages told of, those within orders left out.
fn news(events: &[HubEvent]) -> BTreeSet<String> {
    let told = [EventName::VersionStored, EventName::MessageEmitted];
    let objects = events.iter().filter(|event| told.contains(&event.event)).filter_map(|event| event.object.as_ref());
    objects.map(|object| object.split(['@', '/']).next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_in_an_empty_folder_plays_the_scene_and_plays_on_after_a_restart() {
    let bench = Bench::empty();
    let hub = bench.launch(None);
    AS_SHIPPED.baseline(&hub).await;
    let first = AS_SHIPPED.play(&hub).await;
    let settings: Value =
        serde_json::from_slice(&std::fs::read(bench.path(".crossdock/sample/environment.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let store =
        Store { url: text(&settings["environment"]["STORE_URL"]), token: text(&settings["secrets"]["store-token"]) };
    AS_SHIPPED.told_afterwards(&bench, &store, &first).await;
    assert_eq!(dead_letters(&bench).await.len(), 1);
    assert_eq!(news(&hub.events()), BTreeSet::from([first.order.clone(), first.shipment.clone()]));

    let lines = hub.lines();
    assert!(!lines.is_empty());
    let log = hub.log();
    let events = hub.stop().await;
    assert_eq!(events.first().map(|event| event.event), Some(EventName::HubStarted));
    assert_eq!(events.last().map(|event| event.event), Some(EventName::HubStopped));
    lines_follow_the_schema(&lines);
    for secret in settings["secrets"].as_object().unwrap().values() {
        let secret = secret.as_str().unwrap();
        assert!(!log.contains(secret) && !lines.iter().any(|line| line.contains(secret)), "{log}");
    }

    // Started again, the hub knows all that; the scene goes on with another order.
    let hub = bench.launch(None);
    let second = AS_SHIPPED.play(&hub).await;
    assert_ne!(second.order, first.order);
    let events = hub.stop().await;
    assert!(!events.iter().any(|event| event.event == EventName::BaselineStored), "it has its baseline");
    assert_eq!(news(&events), BTreeSet::from([second.order, second.shipment]));
    assert_eq!(dead_letters(&bench).await.len(), 2);
}

fn renamed() -> String {
    let mut text = repository_file("infra/hub.yaml");
    for [from, to] in RENAMES {
        assert!(text.contains(from), "infra/hub.yaml has no {from:?} any more");
        text = text.replace(from, to);
    }
    text
}

/// What `crossdock sample` prints first.
pub(crate) async fn environment(sample: &Process) -> Value {
    let what = || sample.log();
    let line = until("the sample's environment", || sample.lines().first().cloned(), what).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scene_is_the_same_under_other_names_and_with_servers_of_their_own() {
    let servers = Bench::empty();
    let mut sample = servers.sample();
    let environment = environment(&sample).await;
    let mut bench = Bench::new(&renamed());
    for (name, value) in environment.as_object().unwrap() {
        bench = match value.as_str() {
            Some(url) => bench.variable(name, url),
            None => {
                let secrets = value.as_object().unwrap().iter();
                secrets.fold(bench, |bench, (name, value)| bench.secret(name, value.as_str().unwrap()))
            }
        };
    }
    let hub = bench.start().await;
    RENAMED.baseline(&hub).await;
    let played = RENAMED.play(&hub).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let store = Store { url: text(&environment["STORE_URL"]), token: text(&environment["secrets"]["store-token"]) };
    RENAMED.told_afterwards(&bench, &store, &played).await;
    lines_follow_the_schema(&hub.lines());
    hub.stop().await;

    // What the servers have seen of it.
    assert!(sample.interrupt().await.success(), "{}", sample.log());
    let seen: Vec<Value> = sample.lines()[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses = |endpoint: &str, kind: &str| {
        let of = |one: &&Value| one["endpoint"] == endpoint && one["message"] == kind && one["object"] == *played.order;
        seen.iter().filter(of).map(|one| one["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(statuses("email", "purchase:new"), [200]);
    assert_eq!(statuses("accounting", "purchase:new"), [500, 500, 200]);
    assert_eq!(statuses("analytics", "purchase:updated"), [202]);
    assert_eq!(statuses("loyalty", "purchase:canceled"), [503, 503, 503]);
    assert!(seen.iter().all(|one| one["status"] != 404), "{seen:#?}");
}
