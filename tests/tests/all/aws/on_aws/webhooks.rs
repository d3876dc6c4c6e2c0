//! Webhooks on AWS, by every way in: the Function URL, a queue of somebody else's, and a bus. What is taken is stored, published
//! and delivered once, however often it comes; and what that takes is counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    aws::{
        calls::{AwsCall, counted},
        cloud::until,
        deployed::Deployed,
    },
    support::{Bench, Reply, Request, Server, client::call, say},
};

const TOKEN: &str = "the-tills-token";
const QUEUE: &str = "commercetools";
const BUS: &str = "aws.partner/commercetools.com/my-project/crossdock";
/// So many, to see what one takes.
const MANY: u8 = 20;
/// What an event asks that is known, where its calls are counted beside those of others.
const ASKED: usize = 4;

struct Scenery {
    hub: Deployed,
    url: String,
    endpoint: Server,
    _shop: Server,
}

/// An order as the shop has it now.
fn order(id: &str, version: u64) -> Value {
    json!({"id": id, "version": version, "createdAt": "2999-01-01T00:00:00.000Z", "total": "98.20"})
}

fn message(id: &str) -> Value {
    json!({
        "notificationType": "Message", "projectKey": "my-project", "id": format!("message-{id}"), "type": "OrderCreated",
        "sequenceNumber": 1, "resource": {"typeId": "order", "id": id}, "resourceVersion": 1, "order": order(id, 1),
    })
}

fn change(kind: &str, id: &str, version: u64) -> Value {
    json!({
        "notificationType": kind, "projectKey": "my-project", "resource": {"typeId": "order", "id": id}, "version": version,
        "modifiedAt": "2026-11-21T10:00:00.000Z",
    })
}

fn cloud_event(id: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/my-project/orders", "type": "com.commercetools.order.change.ResourceUpdated",
        "data": data,
    })
}

async fn scenery(name: &str) -> Scenery {
    let endpoint = Server::start(|_| Reply::status(200)).await;
    let shop = Server::start(|request| match request.path().strip_prefix("/orders/") {
        Some(id) => Reply::json(200, &order(id, 2)),
        None => Reply::json(200, &json!([])),
    })
    .await;
    let file = |ways: &str| {
        format!(
            r#"
hub: incoming
sources:
  shop:
    url: "{}"
    collections:
      orders: {{type: order, request: {{path: /orders}}, id: id, created: createdAt, order: {{field: version, as: number}}, every: 24h, fetch: {{path: "/orders/{{id}}"}}}}
webhooks:
  till: {{source: shop, provider: generic, verify: {{bearer: {{}}}}, secrets: [till-token], id: {{path: id}}, events: {{"*": {{message: "sale:made"}}}}}}
{ways}
endpoints:
  all: {{url: "{}"}}
routes:
  - {{name: everything, messages: ["order:*", "sale:*"], to: all, path: /all}}
"#,
            shop.url(),
            endpoint.url(),
        )
    };
    let hub = Deployed::new(name, Bench::empty(), &file("")).await;
    hub.cloud.put_secret(&format!("/{name}/till-token"), TOKEN).await;
    // They are there before the hub comes to know them.
    hub.cloud.make_queue(QUEUE).await;
    hub.cloud.make_bus(BUS).await;
    let arn = format!("arn:aws:sqs:{}:{}:{QUEUE}", crate::aws::cloud::REGION, hub.cloud.account());
    let ways = format!(
        "  queued: {{source: shop, provider: commercetools, from: {{queue: \"{arn}\"}}}}\n  \
         partner: {{source: shop, provider: commercetools, from: {{bus: {BUS}}}}}"
    );
    hub.update(&file(&ways)).await;
    let url = hub.cloud.function_url(&hub.function("ingest")).await;
    Scenery { hub, url, endpoint, _shop: shop }
}

/// What an endpoint was told, as type and id.
fn told(seen: &[Request]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for request in seen {
        let body = request.json();
        let about = body["object"]["id"].as_str().or(body["payload"]["id"].as_str()).unwrap_or_default().to_owned();
        *told.entry(format!("{} {about}", body["message"].as_str().unwrap())).or_default() += 1;
    }
    told
}

impl Scenery {
    async fn sale(&self, id: &str) {
        let sent =
            call("POST", format!("{}/webhooks/till", self.url)).bearer(TOKEN).json(&json!({"id": id})).send().await;
        assert_eq!(sent.status, 202, "{sent:?}");
    }

    async fn until_told(&self, expected: &[&str]) {
        for what in expected {
            self.endpoint.until(what, |seen| told(seen).contains_key(*what).then_some(())).await;
        }
    }

    async fn until_empty(&self, queue: &str) {
        until(&format!("{queue} to be empty"), async || (self.hub.cloud.depth(queue).await.total() == 0).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_come_in_by_every_way_and_are_told_once() {
    let scenery = scenery("webhooks").await;
    let (hub, from_bus) = (&scenery.hub, "webhooks-from-partner");
    for _ in 0..2 {
        scenery.sale("s1").await;
        hub.cloud.send(QUEUE, &message("R1").to_string()).await;
        hub.cloud.put_events(BUS, &[("OrderCreated", message("R2"))]).await;
        scenery.until_told(&["sale:made s1", "order:new R1", "order:new R2"]).await;
        scenery.until_empty(QUEUE).await;
        scenery.until_empty(from_bus).await;
    }
    // What is only named is fetched, in whatever format it was named; a deletion is told with what it says.
    hub.cloud.send(QUEUE, &cloud_event("c1", &change("ResourceUpdated", "R1", 2)).to_string()).await;
    hub.cloud.put_events(BUS, &[("ResourceUpdated", change("ResourceUpdated", "R2", 2))]).await;
    // The test notification of a subscription that was made.
    let mut subscribed = change("ResourceCreated", "s", 1);
    subscribed["resource"]["typeId"] = json!("subscription");
    hub.cloud.send(QUEUE, &subscribed.to_string()).await;
    scenery.until_empty(QUEUE).await;
    scenery.until_empty(from_bus).await;
    hub.fetch("shop/orders").await;
    scenery.until_told(&["order:updated R1", "order:updated R2"]).await;
    hub.cloud.send(QUEUE, &change("ResourceDeleted", "R1", 2).to_string()).await;
    scenery.until_told(&["order:deleted R1"]).await;
    // Late, because the order is gone.
    hub.cloud.send(QUEUE, &message("R1").to_string().replace("message-R1", "message-R1-again")).await;
    scenery.until_empty(QUEUE).await;

    let expected =
        ["order:deleted R1", "order:new R1", "order:new R2", "order:updated R1", "order:updated R2", "sale:made s1"];
    assert_eq!(told(&scenery.endpoint.seen()), expected.map(|what| (what.to_owned(), 1)).into());

    // Nobody over HTTP gets at what comes through a queue; nor learns that it is there.
    for id in ["queued", "partner", "nothing"] {
        let sent = call("POST", format!("{}/webhooks/{id}", scenery.url)).json(&message("R3")).send().await;
        let mut body = sent.json();
        body.as_object_mut().unwrap().remove("trace_id");
        assert_eq!((sent.status, body), (404, json!({"error": "there is no such webhook"})), "{id}");
    }
}

/// It goes back, is counted for the alarm, and keeps nothing else from being taken in.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_stays_in_its_queue_and_is_told() {
    let scenery = scenery("unread").await;
    let hub = &scenery.hub;
    hub.cloud.send(QUEUE, "what?").await;
    hub.cloud.send(QUEUE, &message("R1").to_string()).await;
    scenery.until_told(&["order:new R1"]).await;
    let counted = async || {
        let lines = hub.cloud.lines(&hub.function("ingest")).await;
        lines.iter().any(|line| line["UnreadWebhooks"] == 1 && line["hub"] == "unread").then_some(())
    };
    until("the metric", counted).await;
    assert_eq!(hub.cloud.depth(QUEUE).await.total(), 1);
    let alarms = hub.cloud.alarms().await;
    let alarm = &alarms["unread-unread-webhooks"];
    assert_eq!((&alarm["MetricName"], &alarm["Namespace"]), (&json!("UnreadWebhooks"), &json!("Crossdock")));
}

/// What one event takes, in calls of ingest and in write units, as the emulator counts them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_takes() {
    let scenery = scenery("counted").await;
    let hub = &scenery.hub;
    // Whatever is looked up once per process has been.
    scenery.sale("warm").await;
    hub.cloud.send(QUEUE, &message("warm").to_string()).await;
    scenery.until_told(&["sale:made warm", "order:new warm"]).await;
    let of_ingest =
        async || -> Vec<AwsCall> { hub.calls().await.into_iter().filter(|call| call.function == "ingest").collect() };
    scenery.sale("warm").await;
    let mut before = of_ingest().await.len();
    let mut measured = async |what: &str| {
        // The log of an invocation is complete when the next one has begun: one that is known, and only reads.
        scenery.sale("warm").await;
        let calls = of_ingest().await.split_off(before);
        before += calls.len();
        let mut writes = 0.0;
        for ((_, operation), (count, units)) in counted(&calls) {
            let units = units.unwrap_or(0.0);
            writes += if operation.contains("Get") || operation.contains("Query") { 0.0 } else { units };
            say(&format!("{what}: {operation}: {count} calls, {units} units for {MANY} events"));
        }
        (calls.len(), writes)
    };

    for number in 0..MANY {
        scenery.sale(&format!("s{number}")).await;
    }
    let (calls, writes) = measured("a message over HTTP").await;
    // Asked: whether it is off, whether it is known. Written: the message with its mark, that it is known; published, unmarked.
    assert!(calls <= 6 * usize::from(MANY) + ASKED, "{calls} calls");
    assert!(writes <= 8.0 * f64::from(MANY), "{writes} write units");

    for number in 0..MANY {
        scenery.sale(&format!("s{number}")).await;
    }
    let (calls, writes) = measured("a message that is known, over HTTP").await;
    assert!(calls <= 2 * usize::from(MANY) + ASKED, "{calls} calls");
    assert!(writes < 1.0, "{writes} write units for what is known");

    let names: Vec<String> = (0..MANY).map(|number| format!("order:new o{number}")).collect();
    for number in 0..MANY {
        hub.cloud.send(QUEUE, &message(&format!("o{number}")).to_string()).await;
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    scenery.until_told(&names).await;
    let (calls, writes) = measured("an object through a queue").await;
    assert!(calls <= 9 * usize::from(MANY) + ASKED, "{calls} calls");
    assert!(writes <= 16.0 * f64::from(MANY), "{writes} write units");
}
