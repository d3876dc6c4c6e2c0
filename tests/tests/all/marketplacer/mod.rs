//! The hubs of `infra/examples/marketplacer`, each as its file stands, between a marketplace, a shop and services that the
//! tests play. What a file leaves open are only addresses, secrets and how often it polls.

mod marketplace;

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use self::marketplace::{KEY, Marketplace, event};
use crate::support::{Bench, Hub, Reply, Server, binary::repository_file, client::call, show::object};

const WEBHOOK: &str = "the-hmac-key";
const PUSH: &str = "the-push-token";

struct Scenery {
    bench: Bench,
    hub: Hub,
    marketplace: Marketplace,
    /// The adapter, the storefront, the ERP, the CRM and finance: told apart by their paths.
    service: Server,
}

/// The example runs; its service answers as told.
async fn scenery(example: &str, answers: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> Scenery {
    let marketplace = Marketplace::start().await;
    let service = Server::start(move |request| match request.method.as_str() {
        "GET" => Reply::json(200, &answers("GET", &Value::Null)),
        _ => Reply::json(200, &answers(request.path(), &request.json())),
    });
    let service = service.await;
    let bench = start(example, marketplace.url(), service.url());
    let hub = bench.start().await;
    let scenery = Scenery { bench, hub, marketplace, service };
    scenery.hub.event("the first poll", |event| event.event == EventName::PollFinished).await;
    scenery
}

fn start(example: &str, marketplace: &str, service: &str) -> Bench {
    let mut bench = Bench::new(&repository_file(&format!("infra/examples/marketplacer/{example}.yaml")));
    bench = bench.variable("EVERY", "1s").variable("MARKETPLACE_URL", marketplace);
    for name in ["STOREFRONT_URL", "ADAPTER_URL", "ERP_URL", "CRM_URL", "FINANCE_URL"] {
        bench = bench.variable(name, service);
    }
    let bench = bench.secret("marketplacer-key", KEY).secret("seller-key", KEY).secret("marketplacer-webhook", WEBHOOK);
    bench.secret("storefront-push", PUSH).secret("erp-push", PUSH).secret("crm-push", PUSH)
}

fn nothing(_: &str, _: &Value) -> Value {
    json!({})
}

impl Scenery {
    /// As the marketplace would send it.
    async fn webhook(&self, id: &str, event: &Value) {
        std::fs::write(self.bench.path("event.json"), event.to_string()).unwrap();
        self.bench.run(&["send", "event.json", "--to", id]).await.ok();
    }

    async fn push(&self, source: &str, body: &Value) {
        let pushed =
            call("POST", format!("{}/push/{source}", self.hub.url().await)).bearer(PUSH).json(body).send().await;
        assert_eq!(pushed.status, 202, "{pushed:?}");
    }

    /// The bodies of what came to this path, when there are so many.
    async fn at(&self, path: &str, times: usize) -> Vec<Value> {
        let posted = |requests: &[crate::support::server::Request]| {
            let there: Vec<Value> = requests
                .iter()
                .filter(|request| request.method == "POST" && request.path() == path)
                .map(crate::support::server::Request::json)
                .collect();
            (there.len() >= times).then_some(there)
        };
        self.service.until(&format!("{times} at {path}"), posted).await
    }

    /// Whatever polls show has been compared with what is stored.
    async fn polled_again(&self, what: &str) {
        let asked = self.marketplace.asked(what);
        self.marketplace.until_asked(what, asked + 3).await;
    }

    /// How many messages of this type there have been.
    fn emitted(&self, message: &str) -> usize {
        let of = |event: &&HubEvent| event.message.as_deref() == Some(message);
        self.hub.events().iter().filter(of).filter(|event| event.event == EventName::MessageEmitted).count()
    }
}

fn advert(title: &str, minute: u32, stock: u32) -> Value {
    json!({
        "__typename": "Advert", "id": "QWR2ZXJ0LTE=", "title": title, "lowestOriginalPrice": 1999,
        "updatedAt": format!("2026-11-20T10:{minute:02}:00Z"),
        "variants": {"nodes": [{"id": "VmFyaWFudC0x", "countOnHand": stock}]},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn products_polled() {
    let scenery = scenery("1-products-polled", nothing).await;
    scenery.marketplace.put("allAdverts", advert("Bicycle", 1, 3));
    assert_eq!(scenery.at("/products", 1).await[0]["message"], "product:new");
    scenery.marketplace.put("allAdverts", advert("Red bicycle", 2, 3));
    let updated = &scenery.at("/products", 2).await[1];
    assert_eq!(updated["message"], "product:updated");
    assert_eq!(updated["payload"]["product"]["actual"]["title"], "Red bicycle");

    let deleted = json!({
        "__typename": "DeletedAdvert", "id": "QWR2ZXJ0LTE=", "updatedAt": "2026-11-20T10:03:00Z", "deleted": "QWR2ZXJ0LTE=",
    });
    scenery.marketplace.put("allAdverts", deleted);
    assert_eq!(scenery.at("/products/removed", 1).await[0]["message"], "product:deleted");
}

/// The poll and the webhook bring the same changes: one version and one message each, and what comes late is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn products_pushed() {
    let scenery = scenery("2-products-pushed", nothing).await;
    let send = async |id: &str, name: &str, advert: &Value| {
        scenery.webhook("adverts", &event(id, name, advert)).await;
    };
    scenery.marketplace.put("allAdverts", advert("Bicycle", 1, 3));
    send("e-1", "create", &advert("Bicycle", 1, 3)).await;
    scenery.polled_again("allAdverts").await;
    send("e-3", "update", &advert("Red bicycle", 3, 2)).await;
    scenery.marketplace.put("allAdverts", advert("Red bicycle", 3, 2));
    // It was tried for two minutes.
    send("e-2", "update", &advert("Blue bicycle", 2, 3)).await;
    send("e-2", "update", &advert("Blue bicycle", 2, 3)).await;
    scenery.polled_again("allAdverts").await;

    let products = scenery.at("/products", 2).await;
    let titles: Vec<_> = products.iter().map(|message| &message["payload"]["product"]["actual"]["title"]).collect();
    assert_eq!(titles, ["Bicycle", "Red bicycle"]);
    let stock = scenery.at("/stock", 2).await;
    assert_eq!(stock[1]["keys"]["stock"], 2);
    assert_eq!(scenery.emitted("product:updated"), 1, "{}", scenery.hub.story());
    assert_eq!(scenery.emitted("variant:updated"), 1);

    let known = object(&scenery.bench, "marketplace/products/QWR2ZXJ0LTE=").await;
    let shown: Vec<_> = known["versions"].as_array().unwrap().iter().map(|version| &version["late"]).collect();
    assert_eq!(shown, [&json!(false), &json!(false), &json!(true)], "{known}");
    let text = scenery.bench.run(&["show", "marketplace/products/QWR2ZXJ0LTE="]).await.ok().stdout;
    assert!(text.contains("late, of 2026-11-20T10:02:00Z"), "{text}");

    // Of what is gone a webhook says nothing: the poll does.
    scenery
        .webhook("adverts", &json!({"id": "e-4", "event_name": "destroy", "payload": {"data": {"node": null}}}))
        .await;
    let deleted = json!({
        "__typename": "DeletedAdvert", "id": "QWR2ZXJ0LTE=", "updatedAt": "2026-11-20T10:04:00Z", "deleted": "QWR2ZXJ0LTE=",
    });
    scenery.marketplace.put("allAdverts", deleted);
    scenery.at("/products/removed", 1).await;
    // What was on its way when it was deleted brings nothing back.
    send("e-5", "update", &advert("Old bicycle", 3, 1)).await;
    scenery.polled_again("allAdverts").await;
    assert_eq!(scenery.emitted("product:updated"), 1);
}

fn order() -> Value {
    json!({"number": "W-1", "created_at": "2099-01-01T00:00:00Z", "updated_at": "2026-11-20T10:00:00Z", "total": "19.99"})
}

fn placed() -> Value {
    let mut order = order();
    order["marketplace_id"] = json!("T3JkZXItMQ==");
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_placed() {
    let answers = |path: &str, _: &Value| match path {
        "/orders" => json!({"orders": [placed()]}),
        "GET" => json!([placed()]),
        _ => json!({}),
    };
    // The shop has it in its list only when it was pushed, so that the push is what brings it.
    let pushed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let listed = pushed.clone();
    let scenery = scenery("3-orders-placed", move |path, body| match path {
        "GET" if !listed.load(std::sync::atomic::Ordering::SeqCst) => json!([]),
        _ => answers(path, body),
    });
    let scenery = scenery.await;
    scenery.push("storefront", &json!({"orders": [order()]})).await;
    assert_eq!(scenery.at("/orders", 1).await[0]["message"], "order:new");
    let told = &scenery.at("/orders/placed", 1).await[0];
    assert_eq!(told["keys"]["marketplace_id"], "T3JkZXItMQ==");
    pushed.store(true, std::sync::atomic::Ordering::SeqCst);

    let invoice = |minute: u32, shipments: Value| {
        json!({
            "__typename": "Invoice", "id": "SW52b2ljZS0x", "legacyId": 1, "createdAt": "2099-01-01T00:00:00Z",
            "updatedAt": format!("2026-11-20T10:{minute:02}:00Z"), "statusFlags": ["SENT"], "shipments": shipments,
        })
    };
    scenery.webhook("invoices", &event("e-1", "create", &invoice(1, json!([])))).await;
    let sent = invoice(
        2,
        json!([{"id": "U2hpcG1lbnQtMQ==", "trackingNumber": "DHL-1", "trackingLink": null, "carrier": "DHL"}]),
    );
    scenery.webhook("invoices", &event("e-2", "update", &sent)).await;
    scenery.marketplace.put("invoices", sent);
    let shipped = scenery.at("/shipments", 1).await;
    assert_eq!(shipped[0]["keys"]["tracking_number"], "DHL-1");

    scenery.polled_again("invoices").await;
    assert_eq!(scenery.emitted("shipment:new"), 1, "{}", scenery.hub.story());
    assert_eq!(scenery.emitted("order:new"), 1);
    assert_eq!(scenery.emitted("order:updated"), 1, "the shop shows it as the adapter did");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_fetched() {
    let scenery = scenery("4-orders-fetched", nothing).await;
    let order = |state: &str| json!({"id": "4711", "type": "invoices", "attributes": {"state": state}});
    let thin = |id: &str| event(id, "update", &json!({"__typename": "Invoice", "legacyId": 4711}));
    let url = format!("{}/webhooks/orders", scenery.hub.url().await);
    // Sellers have no HMAC: a token in the headers.
    let send = async |id: &str, token: &str| call("POST", &url).bearer(token).json(&thin(id)).send().await.status;
    assert_eq!(send("e-0", "another").await, 401);

    scenery.marketplace.put("legacy", order("paid"));
    assert_eq!(send("e-1", WEBHOOK).await, 202);
    let came = scenery.at("/orders", 1).await;
    assert_eq!((&came[0]["message"], &came[0]["keys"]["state"]), (&json!("order:new"), &json!("paid")));
    // The same event once more, and one more without a change.
    assert_eq!(send("e-1", WEBHOOK).await, 202);
    assert_eq!(send("e-2", WEBHOOK).await, 202);
    scenery.marketplace.until_asked("/api/v2/client/invoices/4711", 2).await;
    scenery.marketplace.put("legacy", order("sent"));
    assert_eq!(send("e-3", WEBHOOK).await, 202);
    let came = scenery.at("/orders", 2).await;
    assert_eq!((&came[1]["message"], &came[1]["keys"]["state"]), (&json!("order:updated"), &json!("sent")));

    let packed = json!({"shipment": {"order": "4711", "tracking": "DHL-1"}});
    scenery.push("erp", &json!({"message": "shipment:packed", "payload": packed})).await;
    assert_eq!(scenery.at("/shipments", 1).await[0]["payload"], packed);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds() {
    let refund = |status: &str, minute: u32| {
        json!({
            "__typename": "RefundRequest", "id": "UmVmdW5kUmVxdWVzdC0x", "status": status,
            "updatedAt": format!("2026-11-20T10:{minute:02}:00Z"), "invoice": {"id": "SW52b2ljZS0x"}, "lineItems": [],
        })
    };
    let scenery = scenery("5-refunds", move |path, body| match (path, body["message"].as_str()) {
        ("/refunds", Some("return:requested")) => json!({"refunds": [refund("AWAITING", 1)]}),
        _ => json!({}),
    });
    let scenery = scenery.await;
    let wanted = json!({"return": {"order": "W-1", "line": 1}});
    scenery.push("storefront", &json!({"message": "return:requested", "payload": wanted})).await;
    let messages = async |times: usize| -> Vec<String> {
        let came = scenery.at("/refunds", times).await;
        let mut messages: Vec<String> = came.iter().map(|body| body["message"].as_str().unwrap().to_owned()).collect();
        messages.sort();
        messages
    };
    assert_eq!(messages(2).await, ["refund:new", "return:requested"]);

    // It is refunded; the poll sees it, and the webhook says it again, and then what came before.
    scenery.marketplace.put("refundRequests", refund("REFUNDED", 3));
    // Once at the storefront, once in finance.
    assert_eq!(messages(4).await, ["refund:new", "refund:paid", "refund:paid", "return:requested"]);
    scenery.webhook("refunds", &event("e-2", "update", &refund("REFUNDED", 3))).await;
    scenery.webhook("refunds", &event("e-1", "update", &refund("RETURNED", 2))).await;
    scenery.polled_again("refundRequests").await;
    assert_eq!(scenery.emitted("refund:paid"), 1, "{}", scenery.hub.story());
    let known = object(&scenery.bench, "UmVmdW5kUmVxdWVzdC0x").await;
    assert_eq!(known["versions"].as_array().unwrap().last().unwrap()["late"], true, "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sellers() {
    let scenery = scenery("6-sellers", nothing).await;
    let applied = json!({"seller": {"name": "Bicycles & Co"}});
    scenery.push("crm", &json!({"message": "seller:applied", "payload": applied})).await;
    assert_eq!(scenery.at("/sellers", 1).await[0]["payload"], applied);

    let seller = |name: &str, minute: u32| {
        json!({
            "__typename": "Seller", "id": "U2VsbGVyLTE=", "businessName": name,
            "updatedAt": format!("2026-11-20T10:{minute:02}:00Z"),
        })
    };
    scenery.webhook("sellers", &event("e-1", "create", &seller("Bicycles", 1))).await;
    scenery.marketplace.put("sellers", seller("Bicycles & Co", 2));
    let came = scenery.at("/sellers", 3).await;
    let names: Vec<_> = came[1..].iter().map(|message| &message["keys"]["name"]).collect();
    assert_eq!(names, ["Bicycles", "Bicycles & Co"]);

    let remittance = json!({"__typename": "Remittance", "id": "UmVtaXR0YW5jZS0x", "seller": {"id": "U2VsbGVyLTE="}, "totalCents": 1799});
    for name in ["create", "create", "update"] {
        scenery.webhook("sellers", &event(&format!("r-{name}"), name, &remittance)).await;
    }
    let advised = scenery.at("/remittances", 1).await;
    assert_eq!(advised[0]["payload"], remittance);
    scenery.polled_again("sellers").await;
    assert_eq!(scenery.emitted("remittance:advised"), 1);
}
