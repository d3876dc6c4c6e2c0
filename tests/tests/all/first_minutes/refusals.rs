//! What `init` cannot make a hub file from: it says what it found and how to go on, and writes nothing.

use serde_json::json;

use crate::support::{Bench, Reply, Request, Server, server::Refusing};

fn answer(request: &Request) -> Reply {
    let order = json!({"id": 1, "number": "R1"});
    match request.path() {
        "/orders" => Reply::json(200, &json!([order])),
        "/several" => Reply::json(200, &json!({"data": [order], "included": [order]})),
        "/none" => Reply::json(200, &json!({"id": 7, "state": "paid"})),
        "/nameless" => Reply::json(200, &json!([{"total": 1, "state": "paid"}, {"total": 2, "state": "paid"}])),
        "/empty" => Reply::json(200, &json!({"orders": []})),
        "/page" => Reply::text(200, "text/html", "<!doctype html><title>Log in</title>"),
        "/moved" => Reply::status(301).with("location", "https://elsewhere.example/orders?key=s3cr3t"),
        "/closed" if request.header("authorization") != Some("Bearer s3cr3t") => Reply::status(401),
        "/keyed" if request.header("x-api-key") != Some("s3cr3t") || request.header("x-tenant") != Some("7") => {
            Reply::status(403)
        }
        "/closed" | "/keyed" => Reply::json(200, &json!([order])),
        "/silent" => Reply::Reset,
        _ => Reply::status(404),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_hub_file_is_said() {
    let shop = Server::start(answer).await;
    let refusing = Refusing::new();
    let at = |path: &str| format!("{}{path}", shop.url());
    let bench = Bench::empty();
    for (arguments, expected) in [
        (vec![format!("{}/orders", refusing.url)], "connection refused by 127.0.0.1"),
        (vec![at("/silent")], "cannot be asked: the connection broke"),
        (vec![at("/nowhere")], "/nowhere answered 404, expected 200 and a list"),
        (vec![at("/page")], "answered with a page of markup (content-type text/html), expected JSON"),
        (vec![at("/moved")], "answered 301 and points to https://elsewhere.example/orders; redirects are not followed"),
        (vec![at("/closed")], "answered 401, so it wants to know who asks"),
        (vec![at("/none")], "there is no list of objects in the answer, which is an object with id, state"),
        (vec![at("/several")], "there are several lists in the answer: data, included; say which with --items"),
        (
            vec![at("/several"), "--items=orders".to_owned()],
            "found nothing (an object with data, included) at \"orders\"",
        ),
        (
            vec![at("/nameless")],
            "no field of the list's objects is sure to name one; the first is an object with state, total; say which field does with --id",
        ),
        (
            vec![at("/orders"), "--id=sku".to_owned()],
            "1 of the 1 objects have no text or whole number at \"sku\"; they have an object with id, number",
        ),
        (
            vec![at("/empty")],
            "the list is empty, so that nobody can tell what names an object; say which field does with --id",
        ),
        (
            vec![at("/orders"), "--bearer=shop-token".to_owned()],
            "secret shop-token is not set: expected the environment variable CROSSDOCK_SECRET_SHOP_TOKEN or the file .crossdock/local-",
        ),
        (
            vec![at("/orders"), "--output=nowhere/hub.yaml".to_owned()],
            "nowhere/hub.yaml cannot be written: there is no folder nowhere; make it, or name another file with --output",
        ),
        (vec!["shop.example.com/orders".to_owned()], "expected an address that begins with http:// or https://"),
        (vec!["https://me:s3cr3t@shop.example.com".to_owned()], "expected an address without credentials"),
        (vec![at("/orders"), "--header=X-Api-Key: s3cr3t".to_owned()], "does not belong into a file"),
        (
            vec![at("/orders"), "--secret-header=X-Api-Key: S3CR3T!".to_owned()],
            "expected the name of a secret after the colon",
        ),
        (vec!["http://169.254.169.254/latest".to_owned()], "no setting opens it"),
        (
            vec!["http://10.1.2.3/orders".to_owned()],
            "it opens when `networks` in the hub file names it, which --network does",
        ),
    ] {
        let all: Vec<&str> = ["init"].into_iter().chain(arguments.iter().map(String::as_str)).collect();
        let done = bench.run_exactly(&all).await;
        assert!(!done.status.success(), "{done}");
        assert!(done.stderr.contains(expected), "{expected:?} is not in\n{done}");
        assert_eq!(done.stdout, "", "{done}");
        assert!(std::fs::read_dir(bench.path(".")).unwrap().next().is_none(), "something was written: {done}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent_and_stay_out_of_the_file() {
    let shop = Server::start(answer).await;
    let bench = Bench::empty().secret("shop-token", "s3cr3t");
    let closed = format!("{}/closed", shop.url());
    let init = bench.run_exactly(&["init", &closed, "--bearer", "shop-token", "--source", "shop"]).await.ok();
    let file = std::fs::read_to_string(bench.path("hub.yaml")).unwrap();
    assert!(file.contains("\n    auth: {bearer: {secret: shop-token}}\n"), "{file}");
    assert!(!file.contains("s3cr3t") && !init.stderr.contains("s3cr3t"), "{file}{init}");
    bench.run_exactly(&["poll", "shop/closed", "--dry-run"]).await.ok();

    // A secret that is not the one.
    let wrong = Bench::empty().secret("shop-token", "wr0ng");
    let refused = wrong.run_exactly(&["init", &closed, "--bearer", "shop-token"]).await;
    let expected = "/closed answered 401: the secret shop-token was sent as a bearer token, and refused";
    assert!(!refused.status.success() && refused.stderr.contains(expected), "{refused}");
    assert!(!refused.stderr.contains("wr0ng"), "{refused}");

    let keyed = format!("{}/keyed", shop.url());
    let arguments = [
        "init",
        &keyed,
        "--secret-header",
        "X-Api-Key: shop-token",
        "--header",
        "X-Tenant: 7",
        "--output",
        "keyed.yaml",
        "--source",
        "shop",
    ];
    bench.run_exactly(&arguments).await.ok();
    let file = std::fs::read_to_string(bench.path("keyed.yaml")).unwrap();
    assert!(
        file.contains("\n    auth: {header: {name: x-api-key, secret: shop-token}}\n    headers: {x-tenant: \"7\"}\n"),
        "{file}"
    );
    let dry = ["poll", "shop/keyed", "--dry-run", "--hub", "keyed.yaml"];
    assert!(bench.run_exactly(&dry).await.ok().stdout.contains("1 for the silent baseline"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_stays_until_told_otherwise() {
    let shop = Server::start(answer).await;
    let bench = Bench::empty();
    let orders = format!("{}/orders", shop.url());
    std::fs::write(bench.path("hub.yaml"), "mine").unwrap();
    let refused = bench.run_exactly(&["init", &orders]).await;
    assert!(!refused.status.success() && refused.stderr.contains("hub.yaml is there already"), "{refused}");
    assert_eq!(std::fs::read_to_string(bench.path("hub.yaml")).unwrap(), "mine");
    assert_eq!(shop.seen().len(), 0, "there was nothing to ask for");
    let written = bench.run_exactly(&["init", &orders, "--force", "--no-probes", "--id", "number"]).await.ok();
    assert!(written.stderr.contains("not tried; nothing in the answer speaks of more"), "{written}");
    assert!(std::fs::read_to_string(bench.path("hub.yaml")).unwrap().contains("\n        id: number # "));
    assert_eq!(shop.seen().len(), 1);
    // Even an empty list is one, for somebody who knows what is in it.
    let empty = format!("{}/empty", shop.url());
    bench.run_exactly(&["init", &empty, "--id", "number", "--output", "empty.yaml"]).await.ok();
    bench.run_exactly(&["check", "empty.yaml"]).await.ok();
}
