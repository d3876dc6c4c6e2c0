use super::*;
use crate::{answer::Scope, dispatch::outcome::Asked, hub::Hub, message::Carried, port::EndpointResponse};

fn hub() -> Hub {
    let text = "hub: my-shop
sources: {}
endpoints:
  books: {url: 'http://books.test/api'}
routes:
  - {name: book, messages: ['order:*'], to: books, path: /book}
";
    crate::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

fn parent() -> MessageId {
    MessageId::from_bytes([0x5f; 16])
}

/// The message in that round, or a poll about it.
fn asked(round: u32, poll: Option<u32>) -> QueueBody {
    let message = json!({
        "message_id": parent(), "message": "order:new", "hub": "my-shop", "source": "my-store",
        "created_at": "2026-11-21T10:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": null,
        "hops": 3, "object": null, "keys": {"n": 1}, "payload": {"order": {"actual": {}}}, "routes": ["book"],
    });
    let message: Carried = serde_json::from_value(message).unwrap();
    let remote = poll.map(|poll| Remote { update_url: "/jobs/7".to_owned(), poll, of: parent(), of_round: 2 });
    QueueBody { route: "book".parse().unwrap(), round, message, remote }
}

fn outcome(asked: &QueueBody, status: u16, body: &serde_json::Value) -> Outcome {
    let hub = hub();
    let response =
        EndpointResponse { status, headers: Vec::new(), body: body.to_string().into_bytes(), truncated: false };
    let of = Asked {
        endpoint: &hub.endpoints[&hub.routes[0].to],
        scope: Scope { hub: &hub, source: &asked.message.envelope.source },
        key: &asked.key(),
        route: &hub.routes[0],
        sent: None,
        current: &BTreeMap::new(),
    };
    Outcome::of(Ok(response), &of, Timestamp::UNIX_EPOCH).to(asked)
}

#[test]
fn nothing_is_put_off_for_ever() {
    let check = |asked: &QueueBody, expected: Option<&str>| {
        for status in [200, 202, 206] {
            let verdict = outcome(asked, status, &json!({"delay": 1, "update_url": "/jobs/7"})).verdict;
            let expected = match expected {
                None => Verdict::NotFinished,
                Some(why) => Verdict::DeadLetter { why: why.to_owned() },
            };
            assert_eq!(verdict, expected);
        }
    };
    check(&asked(1, None), None);
    check(&asked(999, None), None);
    check(&asked(1000, None), Some("answered with a delay in 1000 rounds"));
    check(&asked(1, Some(99)), None);
    check(&asked(1, Some(100)), Some("not finished after 100 remote:poll"));
    // One that was sent again counts as the same poll.
    check(&asked(7, Some(99)), None);
}

#[test]
fn an_address_from_an_answer_may_go_without_the_endpoint() {
    let verdict = |asked: &QueueBody| outcome(asked, 410, &json!({})).verdict;
    assert!(matches!(verdict(&asked(1, None)), Verdict::Gone { .. }));
    assert!(matches!(verdict(&asked(1, Some(1))), Verdict::DeadLetter { .. }));
}

#[test]
fn an_update_url_that_leads_nowhere_is_a_fault() {
    for url in ["ftp://books.test/7", "mailto:a@b.test", "https://[7"] {
        let found = outcome(&asked(1, None), 200, &json!({"delay": 5, "update_url": url}));
        assert_eq!(found.verdict, Verdict::Delivered, "{url}");
        let answer = found.answer.unwrap();
        assert_eq!((answer.delay, answer.update_url), (None, None));
        let expected = "expected an http or https URL, or one relative to the endpoint's";
        assert_eq!(answer.faults, [format!("update_url: found {url:?}, {expected}")]);
    }
}

#[test]
fn polls_are_counted_and_keep_their_url_until_another_is_given() {
    let check = |asked: &QueueBody, url: Option<&str>, expected: Option<(&str, u32, u32)>| {
        let answer = Answer { delay: Some(1), update_url: url.map(str::to_owned), ..Answer::default() };
        let found = remote(asked, &answer);
        assert_eq!(found.as_ref().map(|one| (one.update_url.as_str(), one.poll, one.of_round)), expected);
        assert!(found.is_none_or(|found| found.of == parent()));
    };
    check(&asked(3, None), None, None);
    check(&asked(3, None), Some("/jobs/8"), Some(("/jobs/8", 1, 3)));
    check(&asked(1, Some(4)), None, Some(("/jobs/7", 5, 2)));
    check(&asked(1, Some(4)), Some("/jobs/8"), Some(("/jobs/8", 5, 2)));
}

#[test]
fn a_poll_has_the_lineage_of_what_it_asks_about() {
    let asked = asked(1, Some(4));
    let remote = remote(&asked, &Answer { delay: Some(1), ..Answer::default() }).unwrap();
    let now = "2026-11-21T11:00:00Z".parse().unwrap();
    let found = question(Epoch([1; 16]), &asked.message.envelope, &asked.key(), &remote, now);
    let id = MessageId::of_remote_poll(Epoch([1; 16]), parent(), &asked.route, 2, 5);
    let expected = json!({
        "message_id": id, "message": "remote:poll", "hub": "my-shop", "source": "my-store",
        "created_at": "2026-11-21T11:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": parent(),
        "parent_route": "book",
        "hops": 3, "object": null, "keys": {}, "payload": {"remote": {"update_url": "/jobs/7", "poll": 5}},
        "routes": ["book"],
    });
    assert_eq!(serde_json::to_value(found).unwrap(), expected);
}
