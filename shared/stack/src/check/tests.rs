use std::fmt::Write;

use crossdock_core::hub::load_outline;
use expect_test::{Expect, expect};

use super::*;

fn find(text: &str) -> String {
    let loaded = load_outline("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    let Findings { faults, notes } = check(&loaded);
    let mut found = String::new();
    for fault in faults {
        writeln!(found, "{fault}").unwrap();
    }
    for note in notes {
        writeln!(found, "note {note}").unwrap();
    }
    found
}

fn expect_found(text: &str, expected: &Expect) {
    expected.assert_eq(&find(text));
}

#[test]
fn queues_of_webhooks() {
    expect_found(
        r#"hub: shop
sources:
  s: {url: "https://s.example", collections: {c: {type: t, request: {path: /}, id: id, every: 2m, fetch: {path: "/{id}"}}}}
webhooks:
  a: {source: s, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:ct"}}
  b: {source: s, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:ct"}}
  c: {source: s, provider: commercetools, from: {queue: "arn:aws:sqs:eu-west-1:123456789012:ct.fifo"}}
  d: {source: s, provider: commercetools, from: {bus: default}}
  e: {source: s, provider: commercetools, from: {bus: default}}
"#,
        &expect![[r#"
            hub.yaml:6:57: webhooks.b.from.queue: webhook a reads this queue already, and an event goes to one reader only; give each webhook a queue of its own
            hub.yaml:7:57: webhooks.c.from.queue: events of one batch are taken in side by side: expected a standard queue, found arn:aws:sqs:eu-west-1:123456789012:ct.fifo; let its sender write to a standard queue
            note hub.yaml:5:57: webhooks.a.from.queue: what cannot be taken in (it cannot be read, the store is in trouble, the hub or the webhook is switched off) goes back to this queue, which is not the hub's to set up, and each time is a receive; after maxReceiveCount of them it is in its dead-letter queue: with 5, and 3m of visibility, in 15m; give it a dead-letter queue (a redrive policy) with maxReceiveCount 1000; without one, what cannot be read stays until it is too old
        "#]],
    );
}

#[test]
fn what_aws_cannot_do_is_said_where_it_stands() {
    expect_found(
        r#"hub: my_hub
limits: {timeout: 15m}
retention: {dead_letters: 5s}
sources:
  s:
    url: https://s.example
    collections:
      fast: {type: t, request: {path: /}, id: id, every: 30s}
      odd: {type: t, request: {path: /}, id: id, every: 90s}
      fine: {type: t, request: {path: /}, id: id, every: 2m}
      wide: {type: t, request: {path: /}, id: id, every: 2m, reconcile: {every: 100s}}
endpoints:
  one: {url: "https://e.example", concurrency: 1, timeout: 10s}
  slow: {url: "https://e.example", timeout: 111s}
  late: {url: "https://e.example"}
  quick: {url: "https://e.example", retries: [500ms, 2s], timeout: 110s}
  odd: {url: "https://e.example", concurrency: 29, timeout: 10s}
"#,
        &expect![[r#"
            hub.yaml:2:19: limits.timeout: the poller runs for 15m at most: expected a timeout up to 890s, found 15m; shorten it
            hub.yaml:8:58: sources.s.collections.fast.every: a schedule of AWS has an interval of whole minutes, from 1m: found 30s; write 1m or more, or let a variable hold what differs: ${EVERY:-1m}
            hub.yaml:9:57: sources.s.collections.odd.every: a schedule of AWS has an interval of whole minutes, from 1m: found 90s; write 1m or more, or let a variable hold what differs: ${EVERY:-1m}
            hub.yaml:11:81: sources.s.collections.wide.reconcile.every: a schedule of AWS has an interval of whole minutes, from 1m: found 100s; write 1m or more, or let a variable hold what differs: ${EVERY:-1m}
            hub.yaml:13:48: endpoints.one.concurrency: a queue that Lambda reads has at least 2 requests at a time: expected 2 or more, found 1; allow 2, or have the service take one at a time
            hub.yaml:14:45: endpoints.slow.timeout: the dispatcher runs for 2m at most: expected a timeout up to 110s, found 111s; shorten it, or have the service answer before it is done
            hub.yaml:15:3: endpoints.late: the dispatcher runs for 2m at most: expected a timeout up to 110s, found 15m; shorten it, or have the service answer before it is done
            note hub.yaml:1:6: hub: the hub's name cannot be the stack's: "my_hub" cannot name a stack of Crossdock: expected a letter, then letters, digits or '-', at most 34 characters, because the names of its queues begin with it; and not the words to, dead, from or unread behind a '-', because its queues would be called as those of another stack are; give the stack another name when you deploy it
            note hub.yaml:3:27: retention.dead_letters: dead letters stay for 20160m on AWS, found 5s; longer than asked for; nothing need be done
            note hub.yaml:16:46: endpoints.quick.retries: a queue of SQS counts waits in whole seconds; on AWS a shorter wait is 1s
            note hub.yaml:17:48: endpoints.odd.concurrency: on AWS 29 requests at a time become 27: 3 invocations with 9 each; multiples of ten are used in full
        "#]],
    );
}

#[test]
fn a_hub_that_does_nothing_is_no_stack() {
    expect_found(
        "hub: a",
        &expect![[r#"
        hub.yaml:1:6: hub: there is nothing to deploy: expected a collection or an endpoint, found neither; add one
    "#]],
    );
}

fn large(endpoints: usize, routes: usize, concurrency: usize) -> String {
    let mut text = "hub: a\nendpoints:\n".to_owned();
    for number in 0..endpoints {
        writeln!(text, "  e{number}: {{url: 'https://e.example', concurrency: {concurrency}}}").unwrap();
    }
    text.push_str("routes:\n");
    for number in 0..routes {
        let to = number % endpoints;
        writeln!(text, "  - {{name: r{number}, messages: ['t:new'], to: e{to}}}").unwrap();
    }
    text
}

#[test]
fn quotas_to_raise_are_named() {
    expect_found(&large(10, 300, 10), &expect![[""]]);
    expect_found(
        &large(10, 301, 10),
        &expect![[r#"
        note hub.yaml:314:5: routes[300]: 301 routes need 301 rules on one bus, which has 300 by default; this is the first beyond; raise the quota "Rules" of Amazon EventBridge
    "#]],
    );
    expect_found(
        &large(11, 11, 1000),
        &expect![[r#"
        note hub.yaml:2:1: endpoints: all endpoints together run 1100 functions at a time; an account has 1000 by default; raise the quota "Concurrent executions" of AWS Lambda, or lower some `concurrency`
    "#]],
    );
}

#[test]
fn a_stack_that_would_be_too_large_is_refused() {
    // All routes lead to one shard.
    expect_found(&large(1, 246, 10), &expect![[""]]);
    expect_found(
        &large(1, 247, 10),
        &expect![[r#"
        hub.yaml:2:1: endpoints: endpoints-04.yaml would have 501 resources; CloudFormation takes 500 in a stack; a hub this large is better two hubs, each with its own file and stack
    "#]],
    );
}
