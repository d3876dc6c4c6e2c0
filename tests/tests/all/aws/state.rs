//! The hub's state as it lies in the table (`docs/adr/0018-table.md`) and in the dead-letter queues, read without the
//! code that wrote it, for the same audit that the local hub's state has to pass.

use serde_json::Value;

use super::{cloud::Item, deployed::Deployed};
use crate::support::state::{Delivery, State, Version};

impl Deployed {
    pub(crate) async fn state(&self) -> State {
        let mut state = State { idle: self.waiting().await == 0, ..State::default() };
        let items = self.cloud.items(&self.stack.name).await;
        for item in &items {
            take(&mut state, item);
        }
        // What a message shares with the version it is about stands only there.
        for item in items.iter().filter(|item| item.flag("elided")) {
            let id = item.text("pk").and_then(|pk| pk.strip_prefix("m#")).unwrap();
            let message = state.messages.get_mut(id).unwrap();
            let object = message["object"].clone();
            let word = |name: &str| object[name].as_str().unwrap().to_owned();
            let versions = &state.versions[&(word("collection"), word("id"))];
            let version = versions.iter().find(|version| object["version"] == version.number).unwrap();
            message["payload"][word("type")]["actual"] = version.body.clone();
        }
        state.messages.values_mut().for_each(as_the_bus_writes);
        for queue in self.cloud.queues().await {
            let Some(endpoint) = queue.strip_prefix(&self.dead_letters("")) else { continue };
            for letter in self.cloud.peek(&queue).await {
                let body: Value = serde_json::from_str(letter["Body"].as_str().unwrap()).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                state.dead.push((endpoint.to_owned(), text(&body["message"]["message_id"]), text(&body["route"])));
            }
        }
        state
    }
}

/// The emulated bus reads a message and writes it anew, 98.20 as 98.2. What arrives is compared with this.
fn as_the_bus_writes(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            if text.contains(['.', 'e', 'E']) {
                *value = text.parse::<f64>().unwrap().into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(as_the_bus_writes),
        Value::Object(fields) => fields.values_mut().for_each(as_the_bus_writes),
        _ => {}
    }
}

fn take(state: &mut State, item: &Item) {
    let (pk, sk) = (item.text("pk").unwrap(), item.text("sk").unwrap());
    assert_eq!(item.number("parts"), None, "{pk} {sk}: no body in these tests is as large as that");
    let (kind, name) = pk.split_once('#').unwrap_or((pk, ""));
    match (kind, sk.split_once('#').unwrap_or((sk, ""))) {
        // <source>/<collection>/<id>
        ("o", ("v", number)) => {
            let mut names = name.splitn(3, '/').skip(1).map(str::to_owned);
            let key = (names.next().unwrap(), names.next().unwrap());
            let version = Version {
                number: number.parse().unwrap(),
                parent: item.number("parent"),
                baseline: item.flag("baseline"),
                body: item.json("body"),
            };
            let versions = state.versions.entry(key).or_default();
            versions.push(version);
            versions.sort_by_key(|version| version.number);
        }
        ("m", ("m", _)) => {
            state.messages.insert(name.to_owned(), item.json("body"));
        }
        ("m", ("d", delivery)) => {
            let (route, round) = delivery.split_once('#').unwrap();
            let attempts = item.json("attempts");
            let delivery = Delivery {
                endpoint: item.text("endpoint").unwrap().to_owned(),
                state: item.text("state").unwrap().to_owned(),
                attempts: attempts.as_array().unwrap().iter().map(|attempt| attempt["status"].as_u64()).collect(),
                next_round: item.flag("next_round"),
                reason: item.text("reason").map(str::to_owned),
            };
            state.deliveries.insert((name.to_owned(), route.to_owned(), round.parse().unwrap()), delivery);
        }
        // A message that waits for the bus.
        ("p", _) => state.idle = false,
        ("c", _) => {
            let collection = name.split_once('/').unwrap().1.to_owned();
            state.bookmarks.extend(item.text("bookmark").map(|time| (collection, time.parse().unwrap())));
        }
        ("hub", _) | ("o", ("head" | "m", _)) | ("e", _) => {}
        _ => panic!("the table holds an item that no audit knows of: {pk} {sk}"),
    }
}
