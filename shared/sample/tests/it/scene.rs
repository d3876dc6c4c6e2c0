//! The scene before a scripted hub: one that polls and posts as a hub does, and knows no more than a hub file says.

use std::collections::BTreeMap;

use crate::support::{Web, token, url};
use crossdock_sample::{Options, Sample, Seen};
use serde_json::{Value, json};

/// What a hub file calls the things of the store.
#[derive(Clone, Copy)]
struct Words {
    order: &'static str,
    shipment: &'static str,
}

struct Hub<'a> {
    sample: &'a Sample,
    web: Web,
    words: Words,
    /// Version and body by number; empty until the first run is through.
    heads: BTreeMap<String, (u64, Value)>,
    baseline: usize,
    dead_letters: Vec<(String, u16)>,
}

impl<'a> Hub<'a> {
    fn new(sample: &'a Sample, words: Words) -> Self {
        let web = Web::new(Some(&token(sample)));
        Self { sample, web, words, heads: BTreeMap::new(), baseline: 0, dead_letters: Vec::new() }
    }

    /// Until the scene is over.
    async fn run(&mut self) {
        let sample = self.sample;
        let played = sample.played();
        let mut played = std::pin::pin!(played);
        loop {
            self.poll().await;
            let pause = tokio::time::sleep(std::time::Duration::from_millis(5));
            tokio::select! {
                () = &mut played => return,
                () = pause => {}
            }
        }
    }

    async fn poll(&mut self) {
        let mut found = Vec::new();
        for (object_type, list) in [(self.words.order, "orders"), (self.words.shipment, "shipments")] {
            for page in 1.. {
                let url = url(self.sample, "STORE_URL", &format!("/api/{list}?page={page}"));
                let (status, body) = self.web.get(&url).await;
                assert_eq!(status, 200);
                found.extend(body[list].as_array().unwrap().iter().map(|item| (object_type, item.clone())));
                if body["pages"] == page {
                    break;
                }
            }
        }
        let silent = self.heads.is_empty();
        for (object_type, body) in found {
            let number = body["number"].as_str().unwrap().to_owned();
            let mut compared = body.clone();
            compared.as_object_mut().unwrap().remove("updated_at");
            let before = self.heads.get(&number).cloned();
            if before.as_ref().is_some_and(|(_, known)| *known == compared) {
                continue;
            }
            let version = before.as_ref().map_or(1, |(version, _)| version + 1);
            self.heads.insert(number.clone(), (version, compared));
            if silent {
                self.baseline += usize::from(object_type == self.words.order);
                continue;
            }
            let becomes =
                |state: &str| body["state"] == state && before.as_ref().is_some_and(|(_, old)| old["state"] != state);
            let event = match &before {
                None => "new",
                Some(_) if becomes("canceled") => "canceled",
                Some(_) if becomes("ready") => "ready",
                Some(_) => "updated",
            };
            let message = json!({
                "message": format!("{object_type}:{event}"),
                "object": {"type": object_type, "id": number, "version": version},
                "payload": {object_type: {"actual": body}},
                "parameters": [{"name": "carrier", "value": "Nordpost"}],
            });
            self.route(&format!("{number}.{version}"), message).await;
        }
    }

    async fn route(&mut self, id: &str, message: Value) {
        let (object_type, event) = message["message"].as_str().unwrap().split_once(':').unwrap();
        let services: &[(&str, &str)] = match event {
            "new" if object_type == self.words.order => &[("EMAIL_URL", "/confirm"), ("ACCOUNTING_URL", "/book")],
            "ready" => &[("FULFILMENT_URL", "/ship")],
            "shipped" => &[("STORE_URL", "/shipments/tracking")],
            "canceled" => &[("LOYALTY_URL", "/points")],
            _ => &[],
        };
        for (variable, path) in services.iter().chain(&[("ANALYTICS_URL", "/track")]) {
            for (place, follow_up) in self.deliver(id, variable, path, &message).await.into_iter().enumerate() {
                let message = json!({
                    "message": follow_up["message"], "object": null, "payload": follow_up["payload"], "parameters": [],
                });
                Box::pin(self.route(&format!("{id}-{place}"), message)).await;
            }
        }
    }

    /// Three attempts; returns the messages of the answer.
    async fn deliver(&mut self, id: &str, variable: &str, path: &str, message: &Value) -> Vec<Value> {
        let token = token(self.sample);
        let headers = [("webhook-id", id), ("x-hub-token", token.as_str())];
        let mut last = 0;
        for _ in 0..3 {
            let (status, answer) =
                self.web.post(&url(self.sample, variable, path), &headers, &message.to_string()).await;
            if (200..300).contains(&status) {
                return answer["messages"].as_array().cloned().unwrap_or_default();
            }
            last = status;
        }
        self.dead_letters.push((message["message"].as_str().unwrap().to_owned(), last));
        Vec::new()
    }
}

fn at<'a>(seen: &'a [Seen], endpoint: &str) -> Vec<(&'a str, &'a str, u16)> {
    let short = |seen: &'a Seen| {
        (seen.message.as_deref().unwrap_or_default(), seen.object.as_deref().unwrap_or_default(), seen.status)
    };
    seen.iter().filter(|seen| seen.endpoint == endpoint).map(short).collect()
}

/// The whole scene with the hub's own words for things, about order `R<digits>`.
async fn check(folder: &tempfile::TempDir, words: Words, digits: &str, old_orders: usize) {
    let sample = Sample::start(Options::new(folder.path())).await.unwrap();
    let mut hub = Hub::new(&sample, words);
    hub.run().await;
    assert_eq!(hub.baseline, old_orders);

    let (order, shipment) = (format!("R{digits}"), format!("H{digits}"));
    let of = |object_type: &str, event: &str| format!("{object_type}:{event}");
    let [new, updated, canceled] = ["new", "updated", "canceled"].map(|event| of(words.order, event));
    let [made, ready, shipped, moved] = ["new", "ready", "shipped", "updated"].map(|event| of(words.shipment, event));
    let seen = sample.seen();
    assert_eq!(at(&seen, "email"), [(new.as_str(), order.as_str(), 200)]);
    assert_eq!(at(&seen, "accounting"), [500, 500, 200].map(|status| (new.as_str(), order.as_str(), status)));
    assert_eq!(at(&seen, "fulfilment"), [(ready.as_str(), shipment.as_str(), 200)]);
    assert_eq!(at(&seen, "store"), [(shipped.as_str(), shipment.as_str(), 200)]);
    assert_eq!(at(&seen, "loyalty"), [(canceled.as_str(), order.as_str(), 503); 3]);
    let tracked: Vec<_> = at(&seen, "analytics").into_iter().map(|(message, ..)| message).collect();
    let mut expected = [&new, &updated, &canceled, &made, &ready, &shipped, &moved].map(String::as_str).to_vec();
    let mut found = tracked.clone();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{tracked:?}");
    assert_eq!(hub.dead_letters, [(canceled, 503)]);
    let ids: Vec<_> = seen.iter().filter(|seen| seen.endpoint == "accounting").map(|seen| &seen.webhook_id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the scene fails one message, not three: {ids:?}");

    let (_, parcel) = &hub.heads[&shipment];
    assert_eq!((&parcel["state"], &parcel["tracking"]), (&json!("shipped"), &json!(format!("NP{digits}SE"))));
    let (_, bought) = &hub.heads[&order];
    assert_eq!((&bought["state"], &bought["total"]), (&json!("canceled"), &json!("204.99")));
    sample.stop().await;
}

#[tokio::test]
async fn the_scene_is_played_with_any_words_and_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    check(&folder, Words { order: "order", shipment: "shipment" }, "100000501", 500).await;
    check(&folder, Words { order: "purchase", shipment: "parcel" }, "100000502", 501).await;
}
