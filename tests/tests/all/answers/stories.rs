//! Answers that set something off: waits, messages, parameters, notifications, a pause, a new round.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crossdock_core::event::{EventName, HubEvent};
use serde_json::{Value, json};

use super::{TOKEN, ends, hub_file, push_one};
use crate::support::{
    Bench, Reply, Request, Server,
    hub::database,
    show::{dead_letters, deliveries},
    until,
};

fn parameters(request: &Request) -> BTreeMap<String, Value> {
    let list = request.json()["parameters"].as_array().unwrap().clone();
    list.into_iter().map(|one| (one["name"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
}

/// `Retry-After` delays, in seconds or by a date, and never hastens.
#[tokio::test(flavor = "multi_thread")]
async fn retry_after_only_ever_delays() {
    let first_then_fine = |request: &Request, seen: &std::sync::Mutex<Vec<String>>, reply: Reply| {
        let mut seen = seen.lock().unwrap();
        let first = !seen.iter().any(|path| path == request.path());
        seen.push(request.path().to_owned());
        if first { reply } else { Reply::status(200) }
    };
    let seen = std::sync::Mutex::new(Vec::new());
    let date =
        |at: jiff::Timestamp| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap();
    let names = ["seconds", "a-date", "zero", "nonsense", "not-with-500"];
    let server = Server::start(move |request| {
        let reply = match request.path() {
            "/seconds" => Reply::status(429).with("retry-after", "2"),
            "/a-date" => Reply::status(503).with("retry-after", date(request.at + jiff::SignedDuration::from_secs(5))),
            "/zero" => Reply::status(502).with("retry-after", "0"),
            "/nonsense" => Reply::status(504).with("retry-after", "soon"),
            _ => Reply::status(500).with("retry-after", "900"),
        };
        first_then_fine(request, &seen, reply)
    })
    .await;
    let url = server.url();
    let endpoints: Vec<_> = names.iter().map(|name| (*name, format!("url: \"{url}\", retries: [300ms]"))).collect();
    let routes: Vec<_> = names.iter().map(|name| (*name, "word:*", *name)).collect();
    let bench = Bench::new(&hub_file(&endpoints, &routes)).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    ends(&hub, &id, names.len()).await;
    for (name, at_least) in names.iter().zip([2_000, 2_000, 240, 240, 240]) {
        let attempts = server.seen_at(&format!("/{name}"));
        assert_eq!(attempts.len(), 2, "{name}");
        let apart = attempts[1].at.duration_since(attempts[0].at).as_millis();
        assert!(apart >= at_least, "{name}: {apart} ms apart, expected {at_least} at least");
        // What was planned says that a machine's slowness did not do it.
        let of = |event: &HubEvent| event.route.as_deref() == Some(*name) && event.next_attempt_at.is_some();
        let planned = hub.event(name, of).await;
        let wait = planned.next_attempt_at.unwrap().duration_since(planned.time).as_millis();
        assert!(wait >= at_least - 50 && wait < 10_000, "{name}: {wait} ms were planned");
    }
}

/// An answer's messages are messages like any other, one hop further.
#[tokio::test(flavor = "multi_thread")]
async fn messages_in_an_answer_follow_on() {
    let server = Server::start(|request| match request.path() {
        "/first" => Reply::json(
            200,
            &json!({"messages": [
                {"message": "next:one", "payload": {"n": 1}},
                {"payload": {"n": 2}},
                {"message": "Next", "payload": {}},
                {"message": "next:two", "payload": {"n": 3}},
                {"message": "unheard:of", "payload": {}},
            ], "summary": "two good ones"}),
        ),
        "/failing" => Reply::json(500, &json!({"messages": [{"message": "next:never", "payload": {}}]})),
        _ => Reply::status(200),
    })
    .await;
    let url = server.url();
    let endpoint = |name: &'static str| (name, format!("url: \"{url}\", retries: none"));
    let bench = Bench::new(&hub_file(
        &[endpoint("first"), endpoint("failing"), endpoint("next")],
        &[("first", "word:*", "first"), ("failing", "word:*", "failing"), ("next", "next:*", "next")],
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    ends(&hub, &id, 2).await;
    hub.event("a message nobody routes", |event| event.message.as_deref() == Some("unheard:of")).await;
    let nexts = server
        .until("the follow-ups", |seen| {
            let nexts: Vec<Request> = seen.iter().filter(|request| request.path() == "/next").cloned().collect();
            (nexts.len() >= 2).then_some(nexts)
        })
        .await;
    let first = server.seen_at("/first")[0].json();
    let mut heard = Vec::new();
    for next in &nexts {
        let message = next.json();
        assert_eq!(message["parent_id"], id);
        assert_eq!(message["hops"], 1);
        assert_eq!(message["trace_id"], first["trace_id"]);
        assert_eq!(message["source"], "shop");
        assert_eq!(message["object"], Value::Null);
        assert_ne!(message["message_id"], id);
        heard.push((message["message"].as_str().unwrap().to_owned(), message["payload"]["n"].clone()));
    }
    heard.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(heard, [("next:one".to_owned(), json!(1)), ("next:two".to_owned(), json!(3))]);

    let told = deliveries(&bench, &id).await;
    let faults = |route: &str| {
        let answer = &told.iter().find(|delivery| delivery.route == route).unwrap().answer;
        answer["faults"].as_array().cloned().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let first = faults("first");
    assert!(first.len() == 2 && first[0].contains("messages[1]") && first[1].contains("messages[2]"), "{first:?}");
    assert!(faults("failing")[0].contains("2xx"), "{told:#?}");
}

/// An endpoint that answers every message with another one comes to an end.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_answers_ends_among_the_dead_letters() {
    let answer = json!({"messages": [{"message": "echo:again", "payload": {}}]});
    let server = Server::start(move |_| Reply::json(200, &answer)).await;
    let endpoint = format!("url: \"{}\"", server.url());
    let bench = Bench::new(&hub_file(&[("echo", endpoint)], &[("echo", "echo:*", "echo")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    push_one(&hub, "echo:first").await;
    let dead = hub.event("the end", |event| event.event == EventName::DeliveryDeadLettered).await;
    let hops: Vec<_> = server.seen().iter().map(|request| request.json()["hops"].as_u64().unwrap()).collect();
    assert_eq!(hops, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let letters = dead_letters(&bench).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(Some(&letters[0].message_id), dead.message_id.as_ref());
    assert!(letters[0].reason.starts_with("loop"), "{letters:?}");
    assert_eq!(letters[0].attempts, 0, "{letters:?}");
}

/// What answers say about an endpoint's parameters goes with its next delivery, over what the route says.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_written_back() {
    let server = Server::start(|request| {
        let sent = parameters(request);
        match sent.get("cursor").and_then(Value::as_u64) {
            None => Reply::json(200, &json!({"parameters": {"cursor": 1, "token": "abc", "rows": [{"a": 1}]}})),
            // The other way of writing them; a failure's count too.
            Some(1) => Reply::json(503, &json!({"parameters": [{"name": "cursor", "value": 2}, {"value": 3}]})),
            Some(_) => Reply::status(200),
        }
    })
    .await;
    let url = server.url();
    let bench = Bench::new(&format!(
        r#"{}
"#,
        hub_file(
            &[("one", format!("url: \"{url}\", retries: [50ms]")), ("other", format!("url: \"{url}\""))],
            &[("first", "word:*", "one"), ("other", "other:*", "other")],
        )
        .replace("to: one,", "to: one, parameters: {carrier: Nordpost, token: none},")
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    for message in ["word:one", "word:two"] {
        let id = push_one(&hub, message).await;
        ends(&hub, &id, 1).await;
    }
    let sent: Vec<Value> = server.seen().iter().map(|request| json!(parameters(request))).collect();
    let (rows, carrier) = (json!([{"a": 1}]), "Nordpost");
    assert_eq!(
        sent,
        [
            json!({"carrier": carrier, "token": "none"}),
            json!({"carrier": carrier, "token": "abc", "cursor": 1, "rows": rows}),
            json!({"carrier": carrier, "token": "abc", "cursor": 2, "rows": rows}),
        ]
    );
    // They are that endpoint's and nobody else's.
    let id = push_one(&hub, "other:one").await;
    ends(&hub, &id, 1).await;
    assert_eq!(parameters(&server.seen_at("/other")[0]), BTreeMap::new());
}

/// 200 with a notification is how an endpoint says that something is wrong with the business, not with the delivery.
#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_messages() {
    let notice = json!({"notifications": [{"level": "error", "subject": "No stock", "description": "of A"}]});
    let server = Server::start(move |request| match request.path() {
        "/stock" => Reply::json(200, &notice),
        _ => Reply::status(200),
    })
    .await;
    let url = server.url();
    let endpoint = |name: &'static str| (name, format!("url: \"{url}\""));
    let bench = Bench::new(&hub_file(
        &[endpoint("stock"), endpoint("people")],
        &[("stock", "word:*", "stock"), ("people", "notification:error", "people")],
    ))
    .secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let id = push_one(&hub, "word:said").await;
    let request =
        server.until("the notification", |seen| seen.iter().find(|one| one.path() == "/people").cloned()).await;
    let message = request.json();
    assert_eq!((&message["message"], &message["parent_id"]), (&json!("notification:error"), &json!(id)));
    let notification = &message["payload"]["notification"];
    for (field, expected) in [
        ("level", "error"),
        ("subject", "No stock"),
        ("description", "of A"),
        ("endpoint", "stock"),
        ("route", "stock"),
        ("message", "word:said"),
    ] {
        assert_eq!(notification[field], expected, "{notification}");
    }
    let told = deliveries(&bench, &id).await;
    assert_eq!(told[0].state, "delivered");
    assert_eq!(told[0].attempts.len(), 1, "not tried again");
    assert_eq!(server.seen_at("/stock").len(), 1);
}

/// 410: nothing more is sent until somebody says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_paused_until_it_is_resumed() {
    let gone = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&gone);
    let server = Server::start(move |_| match state.load(Ordering::SeqCst) {
        true => Reply::status(410),
        false => Reply::status(200),
    })
    .await;
    let endpoint = format!("url: \"{}\", retries: [50ms]", server.url());
    let bench = Bench::new(&hub_file(&[("leaver", endpoint)], &[("leaver", "word:*", "leaver")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let first = push_one(&hub, "word:one").await;
    ends(&hub, &first, 1).await;
    let paused = hub.event("the pause", |event| event.event == EventName::EndpointPaused).await;
    assert_eq!(paused.endpoint.as_deref(), Some("leaver"));
    let told = deliveries(&bench, &first).await;
    assert_eq!((told[0].state.as_str(), told[0].attempts.len()), ("dead_lettered", 1), "{told:#?}");
    assert!(told[0].reason.as_deref().unwrap().contains("410"), "{told:#?}");

    let second = push_one(&hub, "word:two").await;
    until(
        "the second message to be parked",
        || {
            let state = rusqlite::Connection::open(database(&bench)).unwrap();
            let parked = "SELECT count(*) FROM deliveries WHERE state = 'retrying' AND next_attempt_at IS NOT NULL";
            (state.query_one(parked, [], |row| row.get::<_, i64>(0)).unwrap() == 1).then_some(())
        },
        || hub.story(),
    )
    .await;
    assert_eq!(server.seen().len(), 1, "nothing is sent while it is paused");

    gone.store(false, Ordering::SeqCst);
    let said = bench.run(&["endpoint", "resume", "leaver"]).await.ok();
    assert_eq!(said.stdout, "leaver goes on; 1 delivery that had to wait is tried now\n");
    let third = push_one(&hub, "word:three").await;
    for id in [&third, &second] {
        ends(&hub, id, 1).await;
        assert_eq!(deliveries(&bench, id).await[0].state, "delivered");
    }
    assert_eq!(server.seen().len(), 3);
}

/// Dead letters can be sent on their way again, as a round of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_a_new_round() {
    let works = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&works);
    let server = Server::start(move |_| match state.load(Ordering::SeqCst) {
        true => Reply::status(200),
        false => Reply::status(500),
    })
    .await;
    let endpoint = format!("url: \"{}\", retries: [50ms]", server.url());
    let bench = Bench::new(&hub_file(&[("late", endpoint)], &[("late", "word:*", "late")])).secret(TOKEN, TOKEN);
    let hub = bench.start().await;
    let ids = [push_one(&hub, "word:one").await, push_one(&hub, "word:two").await];
    for id in &ids {
        ends(&hub, id, 1).await;
    }
    works.store(true, Ordering::SeqCst);
    bench.run(&["dlq", "redrive", "late", &ids[0]]).await.ok();
    ends(&hub, &ids[0], 2).await;
    let rounds = deliveries(&bench, &ids[0]).await;
    let told: Vec<_> = rounds.iter().map(|one| (one.round, one.state.as_str(), one.attempts.len())).collect();
    assert_eq!(told, [(1, "dead_lettered", 2), (2, "delivered", 1)]);
    let letters = dead_letters(&bench).await;
    assert_eq!(letters.iter().map(|letter| &letter.message_id).collect::<Vec<_>>(), [&ids[1]]);

    bench.run(&["dlq", "redrive", "late"]).await.ok();
    ends(&hub, &ids[1], 2).await;
    assert_eq!(dead_letters(&bench).await.len(), 0);
    let last: Vec<String> = server.seen().iter().rev().take(2).rev().map(|one| one.webhook_id().to_owned()).collect();
    assert_eq!(last, [format!("{}.2", ids[0]), format!("{}.2", ids[1])]);
}
