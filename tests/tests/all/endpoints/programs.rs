//! The five programs, one story each: an order is reserved and the warehouse hears of it, a second one brings back what
//! the first one's answer left, one that the program trips over fails as its language fails, and the next one does not.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use crossdock_core::event::EventName;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{bench, page::Page};
use crate::support::{
    Bench, Hub, Reply, Server,
    binary::{built, repository},
    client::call,
    port::free_port,
    process::Process,
    say, setting,
    show::{deliveries, object, read},
    wait::{PATIENCE, within},
};

/// A program and what starts it.
struct Language<'a> {
    /// What has to be there, asked so that it says yes only if all of it is.
    needs: &'a [&'a str],
    start: &'a [&'a str],
    /// What the operator reads where it tripped.
    trips: &'a str,
}

#[tokio::test(flavor = "multi_thread")]
async fn in_node() {
    play(&Language { needs: &["node", "--version"], start: &["node", "reserve.mjs", "PORT"], trips: "answered 500" })
        .await;
}

/// It speaks HTTP/1.0, and hangs up where its program trips.
#[tokio::test(flavor = "multi_thread")]
async fn in_python() {
    play(&Language {
        needs: &["python3", "--version"],
        start: &["python3", "reserve.py", "PORT"],
        trips: "connection",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_ruby() {
    play(&Language {
        needs: &["ruby", "-rwebrick", "-e", ""],
        start: &["ruby", "reserve.rb", "PORT"],
        trips: "answered 500",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_php() {
    play(&Language {
        needs: &["php", "--version"],
        start: &["php", "-d", "display_errors=0", "-S", "127.0.0.1:PORT", "reserve.php"],
        trips: "answered 500",
    })
    .await;
}

/// PHP that shows its errors answers 200 with them; only the missing echo tells that nothing was reserved.
#[tokio::test(flavor = "multi_thread")]
async fn in_php_that_shows_its_errors() {
    play(&Language {
        needs: &["php", "--version"],
        start: &["php", "-d", "display_errors=1", "-S", "127.0.0.1:PORT", "reserve.php"],
        trips: "answered 200 with no message_id",
    })
    .await;
}

/// `./test` builds it with everything else.
#[tokio::test(flavor = "multi_thread")]
async fn in_rust() {
    let program = built("examples/reserve");
    let program = program.to_str().unwrap();
    play(&Language { needs: &["cargo", "--version"], start: &[program, "PORT"], trips: "answered 500" }).await;
}

/// The program that is polled, for a source that has no list: page by page, from where it had come to, and what changes in
/// its file is a change like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_remote_collection_in_python() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.csv");
    let write = |rows: &[&str]| {
        // At once, so that nobody reads half of it.
        let draft = folder.path().join("draft");
        std::fs::write(&draft, format!("number,changed,total\n{}\n", rows.join("\n"))).unwrap();
        std::fs::rename(&draft, &file).unwrap();
    };
    let (one, two, three) = ("R1,2026-11-21,10.00", "R2,2026-11-21,20.00", "R3,2026-11-21,30.00");
    write(&[three, one, two]);
    let Some((_program, till)) =
        started(&["python3", "--version"], &["python3", "poll.py", "PORT", file.to_str().unwrap()]).await
    else {
        return;
    };
    let books = Server::start(|_| Reply::status(200)).await;
    let bench = Bench::new(&format!(
        r#"
hub: my-shop
sources:
  shop-floor:
    url: "{till}"
    collections:
      orders:
        type: order
        remote: {{endpoint: till, path: /orders, parameters: {{most: 1}}}}
        id: number
        every: 200ms
        start: all
endpoints:
  till: {{url: "{till}"}}
  books: {{url: "{}"}}
routes:
  - {{name: book, messages: ["order:*"], to: books}}
"#,
        books.url()
    ));
    let hub = bench.start().await;
    let told = async |count: usize| {
        let seen = books.until("the orders", |seen| (seen.len() >= count).then(|| seen.to_vec())).await;
        let mut told: Vec<String> = seen
            .iter()
            .map(|request| request.json())
            .map(|message| {
                format!(
                    "{} {} {}",
                    message["message"], message["object"]["id"], message["payload"]["order"]["actual"]["total"]
                )
            })
            .collect();
        told.sort();
        told.join(", ").replace('"', "")
    };
    assert_eq!(told(3).await, "order:new R1 10.00, order:new R2 20.00, order:new R3 30.00");
    write(&["R1,2026-11-22,12.00", two, three, "R4,2026-11-22,40.00"]);
    let expected =
        "order:new R1 10.00, order:new R2 20.00, order:new R3 30.00, order:new R4 40.00, order:updated R1 12.00";
    assert_eq!(told(5).await, expected);
    hub.stop().await;
}

async fn play(&Language { needs, start, trips }: &Language<'_>) {
    let Some((_program, url)) = started(needs, start).await else { return };
    let orders: Arc<Mutex<Vec<Value>>> = Arc::default();
    let listed = Arc::clone(&orders);
    let shop = Server::start(move |_| Reply::json(200, &json!(*listed.lock().unwrap()))).await;
    let warehouse = Server::start(|_| Reply::status(200)).await;
    let bench = bench(&shop, &url, &warehouse);
    let hub = bench.start().await;
    let arrives = |order: Value| orders.lock().unwrap().push(order);

    arrives(json!({"number": "R1", "lines": [{"sku": "MUG"}, {"sku": "POT"}]}));
    let first = delivered(&hub, &bench, "R1").await;
    assert_eq!(first["answer"]["parameters"], json!([["reserved", 2]]), "{first:#}");
    let picks = warehouse.until("the follow-up", |seen| (!seen.is_empty()).then(|| seen.to_vec())).await;
    let pick = picks[0].json();
    assert_eq!((&pick["message"], &pick["hops"]), (&json!("stock:reserved"), &json!(1)));
    assert_eq!(pick["payload"], json!({"reservation": {"order": "R1", "skus": ["MUG", "POT"]}}));
    assert_eq!(pick["parent_id"], first["message_id"]);

    // What the first answer wrote back came with the second message.
    arrives(json!({"number": "R2", "lines": [{"sku": "MUG"}]}));
    let second = delivered(&hub, &bench, "R2").await;
    assert_eq!(second["answer"]["parameters"], json!([["reserved", 3]]), "{second:#}");

    // No lines at all is more than the program was written for.
    arrives(json!({"number": "R3"}));
    let dead = hub.event("the dead letter", |event| event.event == EventName::DeliveryDeadLettered).await;
    let told = deliveries(&bench, dead.message_id.as_deref().unwrap()).await;
    assert_eq!((told[0].state.as_str(), told[0].attempts.len()), ("dead_lettered", 2), "{told:#?}");
    let reason = told[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains(trips), "{reason}");

    arrives(json!({"number": "R4", "lines": [{"sku": "POT"}]}));
    let last = delivered(&hub, &bench, "R4").await;
    assert_eq!(last["answer"]["parameters"], json!([["reserved", 4]]), "{last:#}");

    // The request that the page shows has the answer that the page shows.
    let page = Page::read();
    let answer = call("POST", format!("{url}/reserve")).json(&page.request()).send().await;
    assert_eq!((answer.status, answer.json()), (200, page.answer()));
    hub.stop().await;
}

/// What `show` tells of the order's one delivery, once it was delivered at the first attempt; with the message's id.
async fn delivered(hub: &Hub, bench: &Bench, order: &str) -> Value {
    hub.event("the delivery", |event| {
        event.event == EventName::DeliverySucceeded
            && event.route.as_deref() == Some("reserve")
            && event.object.as_deref() == Some(order)
    })
    .await;
    let shown = object(bench, order).await;
    let [message] = &read::<Value>(&shown["messages"])[..] else { panic!("one message: {shown:#}") };
    let [delivery] = &read::<Value>(&message["deliveries"])[..] else { panic!("one delivery: {shown:#}") };
    assert_eq!(
        (&delivery["state"], &delivery["attempts"][0]["status"]),
        (&json!("delivered"), &json!(200)),
        "{shown:#}"
    );
    let mut delivery = delivery.clone();
    delivery["message_id"] = message["message_id"].clone();
    delivery
}

/// The program at work, and where; `None`, and said so: its language is not here.
async fn started(needs: &[&str], start: &[&str]) -> Option<(Process, String)> {
    let mut probe = Command::new(needs[0]);
    let here = probe.args(&needs[1..]).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if !here.is_ok_and(|status| status.success()) {
        let ours = setting("CI").as_deref() == Some("true");
        assert!(!ours, "there is no {}: run ./test as root, or install it", needs.join(" "));
        say(&format!("skipped: there is no {}", needs.join(" ")));
        return None;
    }
    let port = free_port();
    let mut command = Command::new(start[0]);
    command.args(start[1..].iter().map(|word| word.replace("PORT", &port.to_string())));
    command.current_dir(repository().join("docs/endpoints")).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Process::spawn(command);
    let listens = within(PATIENCE, || match std::net::TcpStream::connect(("127.0.0.1", port)) {
        Ok(_) => Some(true),
        Err(_) => program.has_ended().then_some(false),
    });
    let listens = listens.await;
    assert_eq!(listens, Some(true), "{}: {}", start.join(" "), program.log());
    Some((program, format!("http://127.0.0.1:{port}")))
}
