use std::collections::HashSet;

use super::*;
use crate::{answer::FollowUp, hub::Hub, id::NotificationLevel, port::DeliveryState};

fn hub() -> Hub {
    let text = "hub: my-shop
sources:
  my-store:
    url: http://shop.test
    collections:
      orders: {type: order, request: {path: /orders}, items: orders, id: id, every: 10s}
endpoints:
  mail: {url: http://mail.test, dead_letter_on: [422]}
  strict: {url: http://strict.test, require_ack: true}
routes:
  - {name: mail, messages: ['order:*'], to: mail, path: /send, parameters: {key: {secret: mail-key}}}
  - {name: strict, messages: ['order:*'], to: strict, path: /send}
";
    crate::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

fn parent() -> Envelope {
    serde_json::from_value(json!({
        "message_id": MessageId::from_bytes([0x5f; 16]), "message": "order:new", "hub": "my-shop",
        "source": "my-store", "created_at": "2026-11-21T10:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": null, "hops": 3, "object": null, "keys": {"n": 1}, "payload": {}, "routes": ["mail"],
    }))
    .unwrap()
}

fn key(route: usize, round: u32) -> DeliveryKey {
    DeliveryKey { message: parent().message_id, route: hub().routes[route].name.clone(), round }
}

fn delivery(key: DeliveryKey) -> Delivery {
    Delivery {
        key,
        endpoint: hub().routes[0].to.clone(),
        state: DeliveryState::Delivered,
        attempts: Vec::new(),
        receives: 1,
        updated_at: Timestamp::UNIX_EPOCH,
        next_attempt_at: None,
        reason: None,
        answer: None,
        next_round: false,
        untracked: false,
    }
}

fn answer() -> Answer {
    let order =
        |place| FollowUp { place, message: MessageType::new("order:paid").unwrap(), payload: json!({"p": place}) };
    let note = |level| Notification {
        level,
        subject: "stock".to_owned(),
        description: Some("low".to_owned()),
        occurrences: 1,
    };
    Answer {
        messages: vec![order(0), order(4)],
        notifications: vec![note(NotificationLevel::Error), note(NotificationLevel::Error)],
        ..Answer::default()
    }
}

#[test]
fn follow_ups_carry_their_lineage() {
    let now = "2026-11-21T11:00:00Z".parse().unwrap();
    let found = follow_ups(Epoch([1; 16]), &parent(), &delivery(key(0, 1)), &answer(), now);
    let types: Vec<&str> = found.iter().map(|message| message.message.as_str()).collect();
    assert_eq!(types, ["order:paid", "order:paid", "notification:error", "notification:error"]);
    for message in &found {
        assert_eq!((message.parent_id, message.hops), (Some(parent().message_id), 4));
        assert_eq!((&message.trace_id, message.created_at), (&parent().trace_id, now));
        assert_eq!((&message.hub, &message.source), (&parent().hub, &parent().source));
        assert!(message.object.is_none() && message.keys.is_empty() && message.routes.is_empty());
    }
    assert_eq!(found[1].payload, json!({"p": 4}));
    let expected = json!({"notification": {
        "level": "error", "subject": "stock", "description": "low", "endpoint": "mail", "route": "mail",
        "message_id": parent().message_id, "message": "order:new",
    }});
    assert_eq!(found[2].payload, expected);
}

#[test]
fn ids_are_the_same_for_the_same_place_and_no_two_are_the_same() {
    let ids = |epoch, key: DeliveryKey, at: &str| -> Vec<MessageId> {
        let found = follow_ups(Epoch([epoch; 16]), &parent(), &delivery(key), &answer(), at.parse().unwrap());
        found.into_iter().map(|message| message.message_id).collect()
    };
    let (now, later) = ("2026-11-21T11:00:00Z", "2026-11-22T11:00:00Z");
    assert_eq!(ids(1, key(0, 1), now), ids(1, key(0, 1), later));
    let all = [ids(1, key(0, 1), now), ids(1, key(0, 2), now), ids(1, key(1, 1), now), ids(2, key(0, 1), now)].concat();
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 16);
}

fn outcome_of(
    hub: &Hub,
    route: usize,
    round: u32,
    sent: Option<&BTreeMap<&str, &Value>>,
    current: &BTreeMap<String, Value>,
    result: Result<EndpointResponse, HttpError>,
) -> Outcome {
    let asked = Asked {
        endpoint: &hub.endpoints[&hub.routes[route].to],
        scope: Scope { hub, source: &parent().source },
        key: &key(route, round),
        route: &hub.routes[route],
        sent,
        current,
    };
    Outcome::of(result, &asked, Timestamp::UNIX_EPOCH)
}

fn outcome(route: usize, round: u32, sent: &Value, status: u16, body: &str) -> Outcome {
    let hub = hub();
    let sent = sent.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value)).collect();
    let response = EndpointResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec(), truncated: false };
    outcome_of(&hub, route, round, Some(&sent), &BTreeMap::new(), Ok(response))
}

fn check_206(round: u32, sent: &Value, body: &str, expected: Result<(), &str>) {
    let verdict = outcome(0, round, sent, 206, body).verdict;
    let found = match &verdict {
        Verdict::AskAgain => Ok(()),
        Verdict::Failed { why, retry_after: None } => Err(why.as_str()),
        other => panic!("{other:?}"),
    };
    assert_eq!(found, expected, "{sent} {body}");
}

#[test]
fn a_206_asks_again_while_it_changes_a_parameter() {
    let sent = json!({"page": 1, "shop": "eu"});
    check_206(1, &sent, r#"{"parameters": {"page": 2}}"#, Ok(()));
    check_206(1, &sent, r#"{"parameters": {"page": 1, "cursor": "x"}}"#, Ok(()));
    check_206(1, &sent, r#"{"parameters": {"page": "1"}}"#, Ok(()));
    let unchanged = Err("answered 206 without changing a parameter");
    check_206(1, &sent, r#"{"parameters": {"page": 1}}"#, unchanged);
    check_206(1, &sent, r#"{"parameters": [{"name": "shop", "value": "eu"}]}"#, unchanged);
    let there_and_back = r#"{"parameters": [{"name": "page", "value": 2}, {"name": "page", "value": 1}]}"#;
    check_206(1, &sent, there_and_back, unchanged);
    let none = Err("answered 206 without a parameter to go on with");
    check_206(1, &sent, "{}", none);
    check_206(1, &sent, "more to come", none);
}

#[test]
fn a_206_is_followed_a_thousand_times_at_most() {
    let on = r#"{"parameters": {"page": 2}}"#;
    check_206(999, &json!({}), on, Ok(()));
    check_206(1000, &json!({}), on, Err("answered 206 in 1,000 rounds"));
    check_206(1000, &json!({"page": 2}), on, Err("answered 206 without changing a parameter"));
}

#[test]
fn the_endpoints_terms_are_heeded() {
    let verdict = |route, status, body: &str| outcome(route, 3, &json!({}), status, body).verdict;
    assert!(matches!(verdict(0, 422, ""), Verdict::DeadLetter { .. }));
    assert!(matches!(verdict(1, 422, ""), Verdict::Failed { .. }));
    assert_eq!(verdict(0, 200, ""), Verdict::Delivered);
    assert!(matches!(verdict(1, 200, ""), Verdict::Failed { .. }));
    // The message's id, also in later rounds.
    let echo = format!(r#"{{"request_id": "{}"}}"#, parent().message_id);
    assert_eq!(verdict(1, 200, &echo), Verdict::Delivered);
}

#[test]
fn without_an_answer_the_attempt_failed() {
    let hub = hub();
    let refused = Err(HttpError::Refused("10.0.0.1:80".to_owned()));
    let found = outcome_of(&hub, 0, 1, None, &BTreeMap::new(), refused);
    let why = "connection refused by 10.0.0.1:80".to_owned();
    assert_eq!(found.verdict, Verdict::Failed { why, retry_after: None });
    assert_eq!((found.status, found.answer), (None, None));
}

#[test]
fn a_paused_endpoint_is_looked_at_less_and_less() {
    let wait = |seconds| paused_wait(Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap()).as_secs();
    assert_eq!([-5, 0, 3599, 3600, 1_000_000].map(wait), [60, 60, 60, 1800, 1800]);
}

/// Some endpoints answer with all parameters they were sent.
#[test]
fn a_secret_parameter_is_not_written_back() {
    let hub = hub();
    let (page, secret) = (json!(1), json!("hush"));
    let sent = BTreeMap::from([("page", &page), ("key", &secret)]);
    let nothing = BTreeMap::new();
    let check = |sent: Option<&BTreeMap<&str, &Value>>, body: &str, again: bool, written: &[(&str, Value)]| {
        let response =
            EndpointResponse { status: 206, headers: Vec::new(), body: body.as_bytes().to_vec(), truncated: false };
        let found = outcome_of(&hub, 0, 1, sent, &nothing, Ok(response));
        assert_eq!(found.verdict == Verdict::AskAgain, again, "{body}");
        let answer = found.answer.unwrap();
        assert!(!serde_json::to_string(&answer).unwrap().contains("hush"), "{body}");
        let expected: Vec<_> = written.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert_eq!(answer.parameters, expected, "{body}");
    };
    // At another origin nothing was sent; what the route calls a secret is none of theirs either.
    for sent in [Some(&sent), None] {
        check(sent, r#"{"parameters": {"page": 2, "key": "hush"}}"#, true, &[("page", json!(2))]);
        check(sent, r#"{"parameters": [{"name": "key", "value": "other"}]}"#, false, &[]);
    }
}

#[test]
fn where_nothing_was_sent_progress_is_what_the_hub_did_not_have() {
    let (hub, current) = (hub(), BTreeMap::from([("page".to_owned(), json!(2))]));
    let check = |body: &str, again: bool| {
        let response =
            EndpointResponse { status: 206, headers: Vec::new(), body: body.as_bytes().to_vec(), truncated: false };
        let verdict = outcome_of(&hub, 0, 1, None, &current, Ok(response)).verdict;
        assert_eq!(verdict == Verdict::AskAgain, again, "{body}");
    };
    check(r#"{"parameters": {"page": 3}}"#, true);
    check(r#"{"parameters": {"page": 2}}"#, false);
    check(r#"{"parameters": {"page": 2, "cursor": "x"}}"#, true);
}
