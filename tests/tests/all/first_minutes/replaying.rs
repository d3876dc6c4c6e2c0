//! `crossdock send --to` and `crossdock replay`: webhooks as their providers would sign them, and recordings that are tests.

use crossdock_core::{
    Timestamp,
    webhook::proof::{Key, Proof, verify},
};
use serde_json::json;

use super::listen;
use crate::support::{Bench, Reply, Server, client::call};

const WHSEC: &str = "whsec_bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3IQ==";
const OTHER_WHSEC: &str = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";

/// Each webhook, and what is said of an event where the provider says it in headers.
const WEBHOOKS: [(&str, &str, &[&str]); 8] = [
    ("github", "provider: github", &["--event", "issues.opened", "--id", "1"]),
    ("shopify", "provider: shopify", &["--event", "orders/create", "--id", "1"]),
    ("stripe", "provider: stripe", &["--event", "order.paid", "--id", "evt_1"]),
    ("woocommerce", "provider: woocommerce", &["--event", "order.created", "--id", "1"]),
    ("marketplacer", "provider: marketplacer", &["--id", "evt_1"]),
    ("commercetools", "provider: commercetools", &[]),
    ("standard", "provider: standard-webhooks", &["--event", "order.paid", "--id", "msg_1"]),
    (
        "generic",
        "provider: generic, verify: {hmac: {header: X-Mac, prefix: \"v0=\"}}, id: {header: X-Id}, event: {path: type}",
        &["--event", "order.paid", "--id", "1"],
    ),
];

const BODY: &str = r#"{"id": "evt_1", "type": "order.paid", "action": "opened", "total": 199.9900}"#;

/// A hub with all of them, and the secret of each.
fn bench(source: &Server, secret: &str, whsec: &str) -> Bench {
    let webhooks: String = WEBHOOKS
        .iter()
        .map(|(id, said, _)| {
            let secret = if *id == "standard" { "whsec" } else { "plain" };
            format!(
                "  {id}: {{source: shop, {said}, secrets: [{secret}], events: {{\"*\": {{message: \"word:said\"}}}}}}\n"
            )
        })
        .collect();
    let queue = "from: {queue: \"arn:aws:sqs:eu-west-1:123456789012:ct\"}, events: {\"*\": {message: \"word:said\"}}";
    let bench = Bench::new(&format!(
        "hub: sending\nsources:\n  shop:\n    url: {}\n    collections:\n      orders: {{type: order, request: {{path: /orders}}, id: id, \
         created: created_at, every: 1h}}\nendpoints: {{all: {{url: \"{}\"}}}}\nroutes: [{{name: all, messages: [\"*\"], to: all}}]\n\
         webhooks:\n{webhooks}  queued: {{source: shop, provider: commercetools, {queue}}}\n",
        source.url(),
        source.url(),
    ));
    let bench = bench.secret("plain", secret).secret("whsec", whsec);
    std::fs::write(bench.path("body.json"), BODY).unwrap();
    bench
}

async fn shop() -> Server {
    Server::start(|request| match request.method.as_str() {
        "GET" => Reply::json(200, &json!([])),
        _ => Reply::status(200),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_a_webhook_is_proven() {
    let shop = shop().await;
    let bench = bench(&shop, "s3cr3t", WHSEC);
    let nobody = bench.run(&["send", "body.json", "--to", "stripe"]).await;
    assert!(!nobody.status.success() && nobody.stderr.contains("run crossdock dev"), "{nobody}");

    let hub = bench.start().await;
    let url = hub.url().await;
    let stranger = self::bench(&shop, "an0ther", OTHER_WHSEC);
    for (id, _, said) in WEBHOOKS {
        let sending: Vec<&str> = ["send", "body.json", "--to", id].iter().chain(said).copied().collect();
        let sent = bench.run(&sending).await.ok();
        assert!(sent.stdout.contains("answered 202\nmessage "), "{id}: {sent}");
        // By its id it is known now.
        let again = bench.run(&sending).await.ok();
        let is_known = !said.is_empty();
        assert_eq!(again.stdout.contains("message "), !is_known, "{id}: {again}");
        let stranger = stranger.run(&[&sending[..], &["--url", &url]].concat()).await;
        assert!(!stranger.status.success() && stranger.stderr.contains("answered 401: "), "{id}: {stranger}");
        assert!(!format!("{stranger}").contains("an0ther"), "{stranger}");
    }
    for (arguments, expected) in [
        (&["--to", "queued"][..], "aws sqs send-message"),
        (&["--to", "nobody"], "the hub has no webhook \"nobody\"; it has commercetools, "),
        (&["--to", "stripe", "--event", "refund"], "asked for \"refund\", found \"order.paid\" in the body"),
    ] {
        let refused = bench.run(&[&["send", "body.json"], arguments].concat()).await;
        assert!(!refused.status.success() && refused.stderr.contains(expected), "{refused}");
    }
    hub.stop().await;
}

/// What a provider sent through `listen` to the hub is a test of the hub from then on.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_webhooks_are_a_test_of_the_hub() {
    let shop = shop().await;
    let bench = bench(&shop, "s3cr3t", WHSEC);
    let hub = bench.start().await;
    let url = hub.url().await;
    let (mut listener, in_front) = listen(&bench, &["--forward", &url, "--record", "kept"]).await;
    for id in ["1", "2"] {
        let sending = ["send", "body.json", "--to", "standard", "--id", id, "--url", &in_front];
        bench.run(&sending).await.ok();
    }
    assert!(listener.interrupt().await.success());
    let kept: String = std::fs::read_dir(bench.path("kept"))
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    assert!(kept.contains("\"webhook-signature\": \"(redacted)\"") && !kept.contains("v1,"), "{kept}");

    let replayed = bench.run(&["replay", "kept", "--webhook", "standard"]).await.ok();
    assert!(replayed.stdout.contains(&format!("2 as recorded, 0 not, at {url}/webhooks/standard")), "{replayed}");
    let nothing = bench.run(&["replay", "kept", "--webhook", "shopify"]).await;
    assert_eq!(nothing.status.code(), Some(1), "{nothing}");
    assert!(nothing.stderr.contains("there is nothing to send; left out"), "{nothing}");
    assert!(nothing.stderr.contains("2 at /webhooks/standard; --recorded-at PATH"), "{nothing}");
    // Another provider's webhook takes them where that is wanted: the signature is its own.
    let asked = ["replay", "kept", "--webhook", "shopify", "--recorded-at", "/webhooks/standard"];
    bench.run(&asked).await.ok();

    let stranger = self::bench(&shop, "an0ther", OTHER_WHSEC);
    let folder = bench.path("kept");
    let folder = folder.to_str().unwrap();
    let refused = stranger.run(&["replay", folder, "--webhook", "standard", "--to", &url]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    for expected in ["differs  401", "  -202", "  +401", "0 as recorded, 2 not"] {
        assert!(refused.stdout.contains(expected), "{expected}: {refused}");
    }
    hub.stop().await;
}

/// Without a hub anything is taken, at any path; later each webhook gets its own, byte for byte, and all are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_what_was_recorded_for_it_byte_for_byte() {
    let hub = Server::start(|_| Reply::status(202)).await;
    let bench = bench(&hub, "s3cr3t", WHSEC);
    let (mut listener, url) = listen(&bench, &["--record", "kept"]).await;
    let twice = "{\"b\":  1,\r\n \"a\": 2.50, \"a\": 3}";
    let bodies = [("/webhooks/github", twice), ("/", "{\"n\": 1}\n"), ("/webhooks/stripe", "{}")];
    for (path, body) in bodies {
        call("POST", format!("{url}{path}")).header("x-github-event", "push").body(body).send().await;
    }
    let large = format!("\"{}\"", "x".repeat(8 * 1024 * 1024));
    call("POST", format!("{url}/webhooks/shopify")).body(large).send().await;
    assert!(listener.interrupt().await.success());

    let base = hub.url();
    let own = bench.run(&["replay", "kept", "--webhook", "github", "--to", base]).await.ok();
    let at = format!("1 as recorded, 0 not, at {base}/webhooks/github; 3 left out");
    assert!(own.stdout.contains(&at), "{own}");
    assert!(own.stderr.contains("1 at /, 1 at /webhooks/shopify, 1 at /webhooks/stripe;"), "{own}");
    let more = ["replay", "kept", "--webhook", "github", "--to", base, "--recorded-at", "/"];
    let more = bench.run(&more).await.ok();
    assert!(more.stdout.contains("2 as recorded") && more.stdout.contains("; 2 left out"), "{more}");
    let sent: Vec<_> = hub.seen().iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect();
    assert_eq!(sent, [twice, twice, "{\"n\": 1}\n"]);

    // A hub says at once what is too long, and whoever is still sending hears of it.
    let hub = bench.start().await;
    for _ in 0..10 {
        let refused = bench.run(&["replay", "kept", "--webhook", "shopify"]).await;
        assert!(refused.stdout.contains("differs  413"), "{refused}");
    }
    hub.stop().await;
}

/// What an endpoint was sent is sent again, signed anew.
#[tokio::test(flavor = "multi_thread")]
async fn recorded_deliveries_are_a_test_of_an_endpoint() {
    let bench = Bench::empty().secret("hub", WHSEC).secret("books-key", "k3y");
    let (mut listener, url) = listen(&bench, &["--record", "kept"]).await;
    let delivery = json!({"message": "order:new", "payload": {"n": 1}});
    for (id, path) in [("m-1", "/book?x=1"), ("m-2", "/trouble")] {
        let call = call("POST", format!("{url}{path}")).header("webhook-id", id).header("webhook-signature", "v1,old");
        call.header("x-api-key", "k3y").header("x-token", "t0ken").json(&delivery).send().await;
    }
    assert!(listener.interrupt().await.success());

    let service = Server::start(|request| match request.path() {
        "/api/book" => Reply::status(204),
        _ => Reply::json(500, &json!({"error": "trouble"})),
    })
    .await;
    let base = format!("{}/api", service.url());
    let with = ["replay", "kept", "--to", &base, "--sign", "hub", "--secret-header", "X-Api-Key: books-key"];
    let replayed = bench.run_exactly(&with).await;
    assert_eq!(replayed.status.code(), Some(1), "{replayed}");
    for expected in ["same     204", "differs  500", "-2xx", "+500", "\"error\": \"trouble\"", "1 as recorded, 1 not"] {
        assert!(replayed.stdout.contains(expected), "{expected}: {replayed}");
    }
    assert!(replayed.stderr.contains("left out: x-token"), "{replayed}");

    let [got, _] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert_eq!((got.target.as_str(), got.json()), ("/api/book?x=1", delivery));
    assert_eq!((got.header("x-api-key"), got.header("x-token")), (Some("k3y"), None));
    assert_eq!(got.header("webhook-id"), Some("m-1"));
    let at: i64 = got.header("webhook-timestamp").unwrap().parse().unwrap();
    let now = Timestamp::from_second(at).unwrap();
    let proven = verify(&Proof::StandardWebhooks, &[Key::Secret(WHSEC.into())], &got.headers, &got.body, now);
    assert_eq!(proven, Ok(()), "{got:?}");

    let missing = bench.run_exactly(&["replay", "nowhere", "--to", &base]).await;
    assert!(!missing.status.success() && missing.stderr.contains("nowhere cannot be read"), "{missing}");
}
