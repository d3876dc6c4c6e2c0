//! What routing one message costs, with 10 routes and with 3,000 of them.
//!
//! Three hubs, the same twelve messages through each. The messages match the first ten routes of a hub, and none of the
//! rest, which are like them and name other values: what is measured is what routes cost that do not match.
//!
//! - *mixed*: every operator, on the type, on keys and in arrays of the payload, spread over twelve types. No more
//!   wildcards than the 30 that EventBridge allows on a bus. The last line is about this one.
//! - *merchants*: each merchant has ten routes, all of which ask for the merchant's key.
//! - *ranges*: one type, and nothing but numeric ranges on one key.
//!
//! The ratio of the last line is of medians of calls that take turns, so that a noisy machine troubles both sides alike.

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a bench")]

use std::{hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion};
use crossdock_core::{hub, message::Message, pattern::Matcher, route::Router};
use serde_json::{Value, json};

const FEW: usize = 10;
const MANY: usize = 3_000;
const TYPES: [&str; 12] = [
    "order:new",
    "order:updated",
    "order:canceled",
    "payment:new",
    "payment:updated",
    "shipment:new",
    "shipment:ready",
    "shipment:updated",
    "product:new",
    "product:updated",
    "customer:new",
    "stock:count",
];

type Spread = (&'static str, fn(usize) -> String);
const SPREADS: [Spread; 3] = [("mixed", mixed), ("merchants", merchants), ("ranges", ranges)];

/// `messages` and `filters` of the route at this place. The messages know the values of the first ten.
fn mixed(place: usize) -> String {
    let kind = TYPES[place / 10 % TYPES.len()];
    let group = kind.split(':').next().unwrap();
    match place % 10 {
        0 => {
            format!(r#"messages: ["{kind}"], filters: [{{path: keys.channel, operator: is, value: channel-{place}}}]"#)
        }
        1 => format!(
            r#"messages: ["{group}:*"], filters: [{{path: keys.total, operator: between, value: [{place}000, {place}999]}}]"#
        ),
        2 => format!(
            r#"messages: ["{kind}"], filters: [{{path: keys.country, operator: in, value: [C{place}, D{place}, E{place}]}}]"#
        ),
        3 => format!(
            r#"messages: ["{group}:*"], filters: [{{path: keys.number, operator: begins, value: "R{place}-"}}]"#
        ),
        4 => format!(
            r#"messages: ["*"], pattern: {{detail: {{payload: {{order: {{actual: {{lines: {{sku: ["SKU-{place}"], quantity: [{{numeric: [">", 1]}}]}}}}}}}}}}}}"#
        ),
        5 => format!(
            r#"messages: ["{kind}"], filters: [{{path: keys.total, operator: gt, value: {place}000}}, {{path: keys.currency, operator: is, value: SEK}}]"#
        ),
        6 => format!(
            r#"messages: ["{group}:*"], filters: [{{path: keys.contact, operator: ends, value: "@company-{place}.example"}}]"#
        ),
        7 => {
            format!(r#"messages: ["{kind}"], filters: [{{path: keys.city, operator: same_as, value: "CITY {place}"}}]"#)
        }
        8 => format!(
            r#"messages: ["*"], match: any, filters: [{{path: keys.customer, operator: is, value: {place}}}, {{path: keys.channel, operator: is, value: partner-{place}}}]"#
        ),
        _ if place < 300 => format!(
            r#"messages: ["{kind}"], filters: [{{path: keys.note, operator: contains, value: "note {place};"}}]"#
        ),
        _ => format!(
            r#"messages: ["{kind}"], filters: [{{path: keys.state, operator: is_not, value: open}}, {{path: keys.country, operator: is, value: F{place}}}]"#
        ),
    }
}

fn merchants(place: usize) -> String {
    let merchant = format!("{{path: keys.merchant, operator: is, value: merchant-{}}}", place / 10);
    let own = [
        "{path: keys.total, operator: gt, value: 100}",
        "{path: keys.country, operator: in, value: [C2, D2]}",
        "{path: keys.state, operator: is_not, value: open}",
        "{path: keys.contact, operator: present}",
        "{path: keys.number, operator: begins, value: R}",
    ];
    format!(r#"messages: ["{}"], filters: [{merchant}, {}]"#, TYPES[place % 10 % 3], own[place % own.len()])
}

fn ranges(place: usize) -> String {
    let (from, to) = (place * 1_000, place * 1_000 + 999);
    format!(r#"messages: ["order:*"], filters: [{{path: keys.total, operator: between, value: [{from}, {to}]}}]"#)
}

fn hub_of(spread: fn(usize) -> String, count: usize) -> hub::Hub {
    let keys = "channel total country number currency contact city customer note state merchant".split(' ');
    let keys: Vec<String> = keys.map(|key| format!("{key}: {key}")).collect();
    let mut text = format!(
        r#"
hub: bench
sources:
  shop:
    url: https://shop.example
    push: {{secret: token}}
    collections:
      orders: {{type: order, request: {{path: /}}, id: id, every: 1m, keys: {{{}}}}}
endpoints:
  erp: {{url: https://erp.example}}
routes:
"#,
        keys.join(", ")
    );
    for place in 0..count {
        text.push_str(&format!("  - {{name: route-{place}, to: erp, {}}}\n", spread(place)));
    }
    match hub::load("hub.yaml", &text, &|_| None) {
        Ok(loaded) => loaded.hub,
        Err(faults) => panic!("{faults}"),
    }
}

/// About 2 KB, of each type one. Those of orders have what the first ten routes ask for.
fn messages() -> Vec<Message> {
    let line = |sku: usize| {
        json!({
            "id": 1_000 + sku, "sku": format!("SKU-{sku}"), "name": "Hand grinder", "quantity": 2, "price": "49.90",
            "options": [{"name": "colour", "value": "red"}], "tax": {"rate": 0.25, "included": true},
        })
    };
    let body = json!({
        "id": 77, "number": "R3-12345", "state": "complete", "currency": "SEK", "contact": "zoe@company-6.example",
        "total": "1500.00", "lines": (0..6).map(line).collect::<Vec<_>>(), "note": null,
        "billing": {"name": "Zoë Ångström", "street": "Västra Hamngatan 7", "city": "City 7", "country": "SE"},
        "shipping": {"name": "Zoë Ångström", "street": "Västra Hamngatan 7", "city": "City 7", "country": "SE"},
    });
    let message = |kind: &&str| {
        let own = kind.starts_with("order:");
        let keys = json!({
            "channel": if own { "channel-0" } else { "web" }, "total": if own { 1_500 } else { 20 },
            "country": if own { "D2" } else { "SE" }, "number": if own { "R3-12345" } else { "12345" },
            "currency": "SEK", "contact": "zoe@company-6.example", "city": "City 7", "customer": 8,
            "note": "a note; another note 9; and so on", "state": "complete", "merchant": "merchant-0",
        });
        let object = kind.split(':').next().unwrap();
        let message = json!({
            "message_id": "0199c0de-0000-7000-8000-000000000001", "message": kind, "hub": "bench", "source": "shop",
            "created_at": "2026-11-21T10:00:00Z", "trace_id": "0".repeat(32), "parent_id": null, "hops": 0,
            "object": null, "keys": keys, "payload": {object: {"actual": &body}}, "routes": [],
        });
        serde_json::from_value(message).unwrap()
    };
    TYPES.iter().map(message).collect()
}

/// Microseconds a call, of each of two sides: medians of calls that take turns. A call is short, so that on a busy machine
/// most are not interrupted.
fn compare(mut call: impl FnMut(usize)) -> [f64; 2] {
    const ROUNDS: usize = 3_001;
    let mut time = |side: usize| {
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let start = Instant::now();
        call(side);
        start.elapsed().as_secs_f64() * 1e6
    };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for side in [round % 2, (round + 1) % 2] {
            times[side].push(time(side));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let messages = messages();
    let events: Vec<Value> = messages.iter().map(|message| message.bus_event().unwrap()).collect();
    let per_message = |times: [f64; 2]| times.map(|time| time / messages.len() as f64);
    let mut lines = Vec::new();
    for (name, spread) in SPREADS {
        let hubs = [FEW, MANY].map(|count| hub_of(spread, count));
        let routers = hubs.each_ref().map(Router::new);
        let matchers =
            hubs.each_ref().map(|hub| Matcher::new(hub.routes.iter().map(|route| &route.pattern).enumerate()));
        let targets = |router: &Router| -> Vec<usize> {
            messages.iter().map(|message| router.targets(black_box(message)).unwrap().len()).collect()
        };
        assert_eq!(targets(&routers[0]), targets(&routers[1]), "{name}: the further routes match nothing");
        let matched: usize = targets(&routers[0]).iter().sum();
        assert!(matched > 0, "{name}: something matches");

        let mut group = criterion.benchmark_group(name);
        for (count, router) in [FEW, MANY].into_iter().zip(&routers) {
            group.bench_with_input(BenchmarkId::new("messages", count), router, |bencher, router| {
                bencher.iter(|| targets(router));
            });
        }
        group.finish();

        let routing = per_message(compare(|side| drop(black_box(targets(&routers[side])))));
        let count =
            |matcher: &Matcher| events.iter().map(|event| matcher.matches(black_box(event)).len()).sum::<usize>();
        let matching = per_message(compare(|side| {
            black_box(count(&matchers[side]));
        }));
        lines.push(format!(
            "{name}: {MANY} routes {:.2} µs a message, {FEW} routes {:.2} µs, of which matching {:.2} and {:.2} µs; \
             {matched} of {} (message, route) pairs match; ratio {MANY}:{FEW} = {:.2}",
            routing[1],
            routing[0],
            matching[1],
            matching[0],
            messages.len() * FEW,
            routing[1] / routing[0],
        ));
    }
    criterion.final_summary();
    // The mixed hub last.
    lines.reverse();
    lines.iter().for_each(|line| println!("{line}"));
}
