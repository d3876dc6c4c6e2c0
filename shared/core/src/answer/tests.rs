use serde_json::json;

use super::*;
use crate::id::NotificationLevel;

const ID: &str = "5f0c6a1e-0000-8000-8000-000000000001";

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> EndpointResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    EndpointResponse { status, headers, body: body.as_bytes().to_vec(), truncated: false }
}

/// As the answer to a message of `my-store`.
fn read_here(response: &EndpointResponse) -> (Answer, Vec<String>) {
    read(response, Scope { hub: &crate::golden::hub(), source: &"my-store".parse().unwrap() })
}

fn judged(response: &EndpointResponse, dead_letter_on: &[u16], require_ack: bool) -> Verdict {
    let (answer, acknowledged) = read_here(response);
    let now = "2026-11-21T10:00:00Z".parse().unwrap();
    let terms = Terms { dead_letter_on, require_ack: require_ack.then_some(ID), now };
    verdict(response, &answer, &acknowledged, terms)
}

fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "delivered",
        Verdict::AskAgain => "again",
        Verdict::NotFinished => "not finished",
        Verdict::Failed { .. } => "failed",
        Verdict::DeadLetter { .. } => "dead",
        Verdict::Gone { .. } => "gone",
    }
}

const BODIES: [&str; 9] = [
    "",
    "OK",
    "<html><body>Error</body></html>",
    "{}",
    "[1, 2]",
    "17",
    r#"{"messages": ["#,
    "\u{feff}{}",
    r#"{"notifications": [{"level": "error", "subject": "no stock"}]}"#,
];

/// The table of contract §5: the status decides, whatever the body is.
#[test]
fn the_status_decides() {
    let cases = [
        (&[200, 201, 202, 204, 226, 299][..], "delivered"),
        (&[206], "failed"),
        (&[300, 301, 302, 303, 304, 307, 308, 399], "failed"),
        (&[400, 401, 403, 404, 408, 409, 413, 422, 429, 499], "failed"),
        (&[410], "gone"),
        (&[500, 501, 502, 503, 504, 599], "failed"),
        (&[100, 199, 600, 999], "failed"),
    ];
    for (statuses, expected) in cases {
        for (status, body) in statuses.iter().flat_map(|status| BODIES.map(|body| (*status, body))) {
            assert_eq!(kind(&judged(&response(status, &[], body), &[], false)), expected, "{status} {body:?}");
        }
    }
}

#[test]
fn a_206_asks_again_only_with_a_parameter() {
    for (body, expected) in [
        (r#"{"parameters": {"page": 2}}"#, "again"),
        (r#"{"parameters": [{"name": "page", "value": 2}]}"#, "again"),
        (r#"{"parameters": {}}"#, "failed"),
        (r#"{"parameters": []}"#, "failed"),
        (r#"{"parameters": 7}"#, "failed"),
    ] {
        assert_eq!(kind(&judged(&response(206, &[], body), &[], false)), expected, "{body}");
        assert_eq!(kind(&judged(&response(200, &[], body), &[], false)), "delivered", "{body}");
    }
}

#[test]
fn named_statuses_are_hopeless_and_others_are_not() {
    let hopeless = [422, 302, 503, 200, 410];
    for (status, expected) in
        [(422, "dead"), (302, "dead"), (503, "dead"), (500, "failed"), (200, "delivered"), (410, "gone")]
    {
        assert_eq!(kind(&judged(&response(status, &[], ""), &hopeless, false)), expected, "{status}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let cases = [
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("0", Some(0)),
        ("99999999999999999999999999", Some(u64::MAX)),
        ("Sat, 21 Nov 2026 10:02:00 GMT", Some(120)),
        ("Sat, 21 Nov 2026 09:00:00 GMT", None),
        ("-5", None),
        ("+5", None),
        // No standard has it, and servers do it.
        ("1.5", Some(2)),
        ("2.0", Some(2)),
        ("2.", None),
        (".5", None),
        ("soon", None),
        ("", None),
    ];
    for (value, expected) in cases {
        for (status, heeded) in [(429, true), (502, true), (503, true), (504, true), (500, false), (400, false)] {
            let Verdict::Failed { retry_after, .. } =
                judged(&response(status, &[("retry-after", value)], ""), &[], false)
            else {
                panic!("{status}");
            };
            let expected = expected.filter(|_| heeded).map(Duration::from_secs);
            assert_eq!(retry_after, expected, "{status} {value:?}");
        }
    }
}

#[test]
fn an_echo_is_asked_for_only_where_it_is_required() {
    let cases = [
        (format!(r#"{{"message_id": "{ID}"}}"#), "delivered"),
        (format!(r#"{{"request_id": "{ID}"}}"#), "delivered"),
        (format!(r#"{{"message_id": "<m1@mail.test>", "request_id": "{ID}"}}"#), "delivered"),
        (format!("\u{feff}{{\"message_id\": \"{ID}\"}}"), "delivered"),
        (r#"{"message_id": "a", "request_id": "b"}"#.to_owned(), "failed"),
        (r#"{"message_id": "another"}"#.to_owned(), "failed"),
        (r#"{"message_id": 7}"#.to_owned(), "failed"),
        (format!(r#"{{"messageId": "{ID}"}}"#), "failed"),
        (format!(r#"["{ID}"]"#), "failed"),
        (ID.to_owned(), "failed"),
        (String::new(), "failed"),
    ];
    for (body, expected) in cases {
        assert_eq!(kind(&judged(&response(200, &[], &body), &[], true)), expected, "{body}");
        assert_eq!(kind(&judged(&response(200, &[], &body), &[], false)), "delivered", "{body}");
    }
    let Verdict::Failed { why, .. } = judged(&response(200, &[], r#"{"message_id": "x"}"#), &[], true) else {
        panic!()
    };
    assert_eq!(why, format!("answered 200 with message_id x, expected message_id {ID}"));
}

fn check(status: u16, body: &str, expected: impl std::borrow::Borrow<Answer>) {
    assert_eq!(read_here(&response(status, &[], body)).0, *expected.borrow(), "{status} {body}");
}

fn named(pairs: &[(&str, Value)]) -> Vec<(String, Value)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn faults(faults: &[&str]) -> Vec<String> {
    faults.iter().map(|fault| (*fault).to_owned()).collect()
}

#[test]
fn what_is_no_object_is_kept_as_text() {
    for body in ["OK", "<html></html>", "[1]", "17", "null", "[1"] {
        check(200, body, Answer { text: Some(body.to_owned()), ..Answer::default() });
        check(500, body, Answer { text: Some(body.to_owned()), ..Answer::default() });
    }
    check(200, "  \n ", Answer::default());
    for empty in ["{}", r#"{"messages": null, "parameters": null, "notifications": null, "events": null}"#] {
        check(200, empty, Answer::default());
        check(500, empty, Answer::default());
    }
    for nothing in [r#"{"summary": null, "messages": []}"#, "\u{feff}{}"] {
        check(500, nothing, Answer::default());
    }
    let long = "ü".repeat(5_000);
    check(200, &long, Answer { text: Some("ü".repeat(1_000)), ..Answer::default() });
    let cut = EndpointResponse { truncated: true, ..response(200, &[], r#"{"summary": "cu"#) };
    let expected = Answer {
        truncated: true,
        text: Some(r#"{"summary": "cu"#.to_owned()),
        faults: faults(&["the body is no whole JSON object: EOF while parsing a string at line 1 column 15"]),
        ..Answer::default()
    };
    assert_eq!(read_here(&cut).0, expected);
    let binary = EndpointResponse { body: vec![0xff, b'a'], ..response(200, &[], "") };
    assert_eq!(read_here(&binary).0.text.as_deref(), Some("\u{fffd}a"));
}

#[test]
fn messages_keep_their_places_and_bad_ones_are_named() {
    let follow = |place, payload: Value| FollowUp { place, message: MessageType::new("order:new").unwrap(), payload };
    let body = r#"{"messages": [{"message": "order:new", "payload": {"n": 1.10}}, {"payload": {}}, 7,
        {"message": 7}, {"message": "Not A Type"}, {"message": "order:new"}]}"#;
    let (answer, _) = read_here(&response(200, &[], body));
    let first: Value = serde_json::from_str(r#"{"n": 1.10}"#).unwrap();
    assert_eq!(answer.messages, [follow(0, first), follow(5, json!({}))]);
    let places: Vec<&str> = answer.faults.iter().filter_map(|fault| fault.split(": ").next()).collect();
    assert_eq!(places, ["messages[1]", "messages[2]", "messages[3]", "messages[4]"], "{:?}", answer.faults);
    let single = r#"{"messages": {"message": "order:new", "payload": 1}}"#;
    check(200, single, Answer { messages: vec![follow(0, json!(1))], ..Answer::default() });
    let refused = faults(&["messages: taken from a 2xx answer only"]);
    for status in [199, 300, 410, 500] {
        check(status, single, Answer { faults: refused.clone(), ..Answer::default() });
    }
}

#[test]
fn parameters_are_a_list_or_a_map_on_any_status() {
    let expected = Answer { parameters: named(&[("a", json!(1)), ("b", Value::Null)]), ..Answer::default() };
    for status in [200, 302, 404, 500] {
        check(status, r#"{"parameters": {"a": 1, "b": null}}"#, expected.clone());
        check(status, r#"{"parameters": [{"name": "a", "value": 1}, {"name": "b"}]}"#, expected.clone());
    }
    let bad =
        r#"{"parameters": [{"name": "a", "value": 1}, {"value": 2}, 3, {"name": ""}, {"name": "b", "value": null}]}"#;
    let named_faults = faults(&[
        "parameters[1]: found no name",
        "parameters[2]: found a number, expected {\"name\", \"value\"}",
        "parameters[3]: the name is \"\"",
    ]);
    check(200, bad, Answer { faults: named_faults, ..expected });
    let only = |faults: &[&str], pairs: &[(&str, Value)]| Answer {
        faults: self::faults(faults),
        parameters: named(pairs),
        ..Answer::default()
    };
    check(200, r#"{"parameters": {"name": "a", "value": 1}}"#, only(&[], &[("a", json!(1))]));
    check(200, r#"{"parameters": {"name": "a"}}"#, only(&[], &[("name", json!("a"))]));
    check(200, r#"{"parameters": {"": 1, "b": 2}}"#, only(&["parameters.: the name is \"\""], &[("b", json!(2))]));
    check(200, r#"{"parameters": [{"name": 7}]}"#, only(&["parameters[0].name: found a number, expected text"], &[]));
    check(200, r#"{"parameters": 7}"#, only(&["parameters[0]: found a number, expected {\"name\", \"value\"}"], &[]));
}

/// The parser reads 127 levels, and what the ledger keeps stands in a few of its own.
#[test]
fn what_the_ledger_could_not_read_back_is_left_out() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (levels, expected) in [(DEEPEST, 0), (DEEPEST + 1, 4), (124, 4)] {
        let deep = nested(levels);
        let body = format!(
            r#"{{"messages": [{{"message": "order:new", "payload": {deep}}}], "parameters": {{"a": {deep}, "b": 1}},
                "events": [{deep}]}}"#
        );
        let (answer, _) = read_here(&response(200, &[], &body));
        let list = format!(r#"{{"parameters": [{{"name": "a", "value": {deep}}}]}}"#);
        let (more, _) = read_here(&response(200, &[], &list));
        assert_eq!(answer.faults.len() + more.faults.len(), expected, "{levels}: {:?}", answer.faults);
    }
    // Among the ledger's parameters a value stands a level deeper than in a map.
    for levels in [DEEPEST, 125] {
        let (answer, _) = read_here(&response(200, &[], &format!(r#"{{"parameters": {{"a": {}}}}}"#, nested(levels))));
        assert_eq!(answer.text, None);
        let stored = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&stored).unwrap(), answer, "{levels}");
    }
}

#[test]
fn notifications_events_and_summary_are_recorded_on_any_status() {
    let note =
        |level, subject: &str| Notification { level, subject: subject.to_owned(), description: None, occurrences: 1 };
    let body = r#"{"notifications": [{"level": "warning", "subject": "a"}, {"subject": "b"}, "c", {"level": "error"},
        {"level": "fatal", "subject": "d"}, {"level": 5, "subject": "e"}, {"level": null, "subject": "f"}], "events": [{"code": 200}, 7], "summary": "done", "else": 1}"#;
    let expected = Answer {
        notifications: vec![
            note(NotificationLevel::Warn, "a"),
            note(NotificationLevel::Info, "b"),
            note(NotificationLevel::Info, "c"),
            note(NotificationLevel::Error, "d"),
            note(NotificationLevel::Error, "e"),
            note(NotificationLevel::Info, "f"),
        ],
        events: vec![json!({"code": 200}), json!(7)],
        summary: Some("done".to_owned()),
        faults: faults(&[
            "notifications[3]: found no subject",
            "notifications[4]: found level \"fatal\", expected info, warn or error",
            "notifications[5]: found level a number, expected info, warn or error",
        ]),
        ..Answer::default()
    };
    for status in [200, 302, 410, 500] {
        check(status, body, expected.clone());
    }
    check(200, r#"{"events": {"code": 1}}"#, Answer { events: vec![json!({"code": 1})], ..Answer::default() });
    check(
        200,
        r#"{"summary": 7}"#,
        Answer { faults: faults(&["summary: found a number, expected text"]), ..Answer::default() },
    );
}

#[test]
fn the_ledger_gives_back_what_it_was_given() {
    let body = r#"{"messages": [{"message": "order:new", "payload": {"n": 1.10}}], "parameters": {"a": [1]},
        "notifications": [{"level": "warn", "subject": "s", "description": "d"}], "summary": "x", "events": [1]}"#;
    for response in [response(200, &[], body), response(500, &[], body), response(200, &[], "text")] {
        let (answer, _) = read_here(&response);
        let stored = serde_json::to_string(&answer).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&stored).unwrap(), answer);
    }
}
