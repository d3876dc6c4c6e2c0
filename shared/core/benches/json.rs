//! What comparing costs: canonical JSON, its hash, and the list of changes, of an order of about 2 KB and one of 100 KB.
//!
//! Figures in nanoseconds say little on somebody else's machine, so the last lines are ratios: parsing the order's text with
//! serde_json is 1, since a poll does at least that to every row.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

mod turns;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput};
use crossdock_core::json::{FieldPath, canonical, changes, content_hash};
use serde_json::{Value, json};

use self::turns::timed;

/// An order as shops have them: nested, with texts of the world, money as text, and numbers too long for a float.
fn order(lines: usize) -> Value {
    let address = json!({
        "name": "Zoë Ångström", "street": "Rue de l’Abbé-de-l’Épée 9", "postcode": "75005", "country": "FR",
        "state": null, "geo": {"lat": 48.84339, "lon": 2.34126},
    });
    let line = |place: usize| {
        json!({
            "id": 9_007_199_254_740_993_u64 + place as u64, "sku": format!("SKU-{place:04}"), "name": "Kaffeemühle \"Gök\"",
            "quantity": 1 + place % 5, "price": "129.00", "tax": {"rate": 0.25, "included": true}, "discounts": [],
            "options": [{"name": "colour", "value": "röd"}, {"name": "engraving", "value": null}],
        })
    };
    json!({
        "id": "o-0001", "number": "R000000001", "state": "complete", "currency": "SEK", "total": "399.00",
        "item_total": "387.00", "weight_kg": 1.10, "ledger_id": 12_345_678_901_234_567_890_u64, "note": null, "meta": {},
        "created_at": "2026-11-21T10:00:00Z", "updated_at": "2026-11-21T10:00:00Z", "contact": "zoë@exämple.com",
        "billing_address": address.clone(), "shipping_address": address,
        "line_items": (0..lines).map(line).collect::<Vec<_>>(),
        "payments": [{"id": 1, "method": "card", "state": "completed", "amount": "399.00"}],
    })
}

/// As the next poll finds it: another time, which does not count, and one field here and there.
fn changed(order: &Value) -> Value {
    let mut order = order.clone();
    order["updated_at"] = json!("2026-11-21T10:05:00Z");
    order["state"] = json!("canceled");
    let lines = order["line_items"].as_array_mut().unwrap();
    lines[0]["quantity"] = json!(9);
    if let Some(last) = lines.last_mut() {
        last["options"][1]["value"] = json!("för Zoë");
    }
    order
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut summary = Vec::new();
    for (size, lines, rounds) in [("2 KB", 4, 2_001), ("100 KB", 415, 101)] {
        let old = order(lines);
        let new = changed(&old);
        let text = old.to_string();
        let volatile: [FieldPath; 1] = ["updated_at".parse().unwrap()];
        let parse = || drop(black_box(serde_json::from_str::<Value>(black_box(&text)).unwrap()));
        let write = || drop(black_box(black_box(&old).to_string()));
        let canonical = || drop(black_box(canonical(black_box(&old), &volatile)));
        let hash = || _ = black_box(content_hash(black_box(&old), &volatile));
        let changes = || drop(black_box(changes(black_box(&old), black_box(&new), &volatile)));

        let mut group = criterion.benchmark_group(format!("an order of {size}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("serde_json: parse", |bencher| bencher.iter(parse));
        group.bench_function("serde_json: write", |bencher| bencher.iter(write));
        group.bench_function("canonical", |bencher| bencher.iter(canonical));
        group.bench_function("content_hash", |bencher| bencher.iter(hash));
        group.bench_function("changes", |bencher| bencher.iter(changes));
        group.finish();

        let [parse, write, canonical, hash, changes] = turns::medians(
            rounds,
            [&mut || timed(parse), &mut || timed(write), &mut || timed(canonical), &mut || timed(hash), &mut || {
                timed(changes)
            }],
        )
        .map(|time| time.as_secs_f64());
        summary.push(format!(
            "{size} ({} bytes), parse = 1: write {:.2}, canonical {:.2}, content_hash {:.2}, changes {:.2}",
            text.len(),
            write / parse,
            canonical / parse,
            hash / parse,
            changes / parse,
        ));
    }
    criterion.final_summary();
    for line in summary {
        println!("{line}");
    }
}
