//! docs/cost.md is what its units and prices come to. Both stand here, once: whoever finds out that a delivery takes
//! another write changes a number, and `UPDATE_EXPECT=1` writes the sums.
//!
//! Not here: whether the units are right. Those of DynamoDB, SQS and EventBridge are counted in the end-to-end tests.

use std::fmt::Write as _;

use expect_test::expect_file;
use serde_json::json;

use crate::{support::binary::repository_file, template::document::Template};

/// In us-east-1: US dollars for a million, where nothing else is said. Where each is from stands in docs/cost.md.
mod price {
    pub(super) const EVENT: f64 = 1.00;
    pub(super) const QUEUE_REQUEST: f64 = 0.40;
    pub(super) const WRITE_UNIT: f64 = 0.625;
    pub(super) const READ_UNIT: f64 = 0.125;
    pub(super) const INVOCATION: f64 = 0.20;
    /// GB-seconds, arm64.
    pub(super) const GB_SECOND: f64 = 13.3334;
    pub(super) const SCHEDULE: f64 = 1.00;
    /// KB of logs taken in: 0.50 a GB.
    pub(super) const LOG_KB: f64 = 0.50;
    pub(super) const TRACE: f64 = 5.00;
    pub(super) const KEY_REQUEST: f64 = 3.00;
    /// A month each.
    pub(super) const ALARM: f64 = 0.10;
    pub(super) const DASHBOARD: f64 = 3.00;
    pub(super) const KEY: f64 = 1.00;
}

/// So many units of something with a price.
struct Line {
    what: &'static str,
    units: f64,
    price: f64,
}

fn line(what: &'static str, units: f64, price: f64) -> Line {
    Line { what, units, price }
}

fn sum(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.units * line.price).sum()
}

/// GB-seconds of one invocation, at the memory that template.yaml has by default.
fn gb_seconds(template: &Template, memory: &str, seconds: f64) -> f64 {
    let megabytes = u32::try_from(template.number(&json!({ "Ref": memory }))).unwrap();
    f64::from(megabytes) / 1024.0 * seconds
}

fn message(template: &Template) -> Vec<Line> {
    vec![
        line("EventBridge: events", 1.0, price::EVENT),
        // Head, version, message and pending mark; in a transaction each counts twice.
        line("DynamoDB: write units of the transaction", 2.0 * 4.0, price::WRITE_UNIT),
        // The message in the index, and the mark that is cleared.
        line("DynamoDB: write units beside it", 2.0, price::WRITE_UNIT),
        // The head, and the version that the new one is compared with.
        line("DynamoDB: read units", 2.0, price::READ_UNIT),
        // A page of a hundred changed objects in 2 s.
        line("Lambda: GB-seconds of the poller", gb_seconds(template, "PollerMemory", 2.0) / 100.0, price::GB_SECOND),
        // Lambda's own lines of an invocation.
        line("CloudWatch: KB of logs", 0.1, price::LOG_KB),
    ]
}

fn delivery(template: &Template) -> Vec<Line> {
    const BATCH: f64 = 10.0;
    vec![
        line("SQS: requests", 1.0 + 2.0 / BATCH, price::QUEUE_REQUEST),
        // The delivery's record, the object's head, and one control record for the batch.
        line("DynamoDB: read units", 2.0 + 1.0 / BATCH, price::READ_UNIT),
        line("DynamoDB: write units", 1.0, price::WRITE_UNIT),
        line("Lambda: invocations", 1.0 / BATCH, price::INVOCATION),
        line("Lambda: GB-seconds", gb_seconds(template, "DispatcherMemory", 0.4) / BATCH, price::GB_SECOND),
        // A line of ours, and the batch's share of Lambda's and of the metrics.
        line("CloudWatch: KB of logs", 0.6, price::LOG_KB),
        // X-Ray's own sampling: one of twenty invocations where there are many.
        line("X-Ray: traces", 0.05 / BATCH, price::TRACE),
    ]
}

/// Of a month with 30 days, in millions where the price is for a million.
fn idle(template: &Template, endpoints: f64) -> Vec<Line> {
    const MINUTES: f64 = 30.0 * 24.0 * 60.0;
    let millions = |units: f64| units / 1e6;
    // A poll of one collection and the publishing of what is pending, each minute.
    let invocations = 2.0 * MINUTES;
    let gb_seconds = MINUTES * (gb_seconds(template, "PollerMemory", 0.3) + gb_seconds(template, "PollerMemory", 0.1));
    let fixed_alarms = u32::try_from(template.of_kind("AWS::CloudWatch::Alarm").len()).unwrap();
    let alarms = f64::from(fixed_alarms) + 3.0 * endpoints;
    vec![
        line("alarms", alarms, price::ALARM),
        line("dashboard", 1.0, price::DASHBOARD),
        line("key of the alarms' topic", 1.0, price::KEY),
        line("receives of idle queues (millions)", 0.65 * endpoints, price::QUEUE_REQUEST),
        line("polls and publishing: schedules (millions)", millions(invocations), price::SCHEDULE),
        line("polls and publishing: invocations (millions)", millions(invocations), price::INVOCATION),
        line("polls and publishing: GB-seconds (millions)", millions(gb_seconds), price::GB_SECOND),
        // A poll takes its lease and stores its state. It reads the heads of what it is shown: nothing here.
        line("polls and publishing: write units (millions)", millions(2.0 * MINUTES), price::WRITE_UNIT),
        // Pending marks are in eight shards, and asking one that is empty is a unit too, as is asking for what is due.
        line("polls and publishing: read units (millions)", millions(9.0 * MINUTES), price::READ_UNIT),
        line("polls and publishing: KB of logs (millions)", millions(invocations), price::LOG_KB),
        line("polls and publishing: traces (millions)", millions(invocations), price::TRACE),
        // DynamoDB asks for a caller's key every five minutes.
        line("requests to the table's key (millions)", millions(MINUTES / 5.0), price::KEY_REQUEST),
    ]
}

fn deliveries_table(template: &Template) -> String {
    let mut table = "| | units each | USD a million units | USD |\n|---|---:|---:|---:|\n".to_owned();
    let (message, delivery) = (message(template), delivery(template));
    for (title, lines) in [("a million messages", &message), ("a million deliveries, beside that", &delivery)] {
        writeln!(table, "| **{title}** | | | **{:.2}** |", sum(lines)).unwrap();
        for line in lines {
            let usd = line.units * line.price;
            writeln!(table, "| {} | {} | {} | {usd:.2} |", line.what, round(line.units), round(line.price)).unwrap();
        }
    }
    table.push_str("\n| fan-out | USD a million deliveries |\n|---:|---:|\n");
    for fan_out in [1.0, 3.0] {
        let whole = sum(&message) / fan_out + sum(&delivery);
        let (of_message, of_delivery) = (sum(&message) / fan_out, sum(&delivery));
        writeln!(table, "| {fan_out} | {of_message:.2} + {of_delivery:.2} = **{whole:.2}** |").unwrap();
    }
    table
}

fn idle_table(template: &Template) -> String {
    let columns: Vec<Vec<Line>> = [1.0, 10.0, 100.0].map(|endpoints| idle(template, endpoints)).into_iter().collect();
    let mut table = "| | USD a unit or million | 1 endpoint | 10 endpoints | 100 endpoints |\n".to_owned();
    table.push_str("|---|---:|---:|---:|---:|\n");
    for (place, first) in columns[0].iter().enumerate() {
        write!(table, "| {} | {} |", first.what, round(first.price)).unwrap();
        for lines in &columns {
            let line = &lines[place];
            write!(table, " {} → {:.2} |", round(line.units), line.units * line.price).unwrap();
        }
        table.push('\n');
    }
    table.push_str("| **USD a month** | |");
    for lines in &columns {
        write!(table, " **{:.2}** |", sum(lines)).unwrap();
    }
    table.push('\n');
    table
}

/// Four digits behind the point at most, and none that say nothing.
fn round(number: f64) -> String {
    format!("{number:.4}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Puts a table between `<!-- name -->` and `<!-- end -->`.
fn put(document: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- {name} -->\n");
    let (before, rest) = document.split_once(&start).unwrap_or_else(|| panic!("docs/cost.md has no {start}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{start}{table}<!-- end -->{after}")
}

#[test]
fn the_sums_are_those_of_their_units() {
    let template = Template::main();
    let document = repository_file("docs/cost.md");
    let document = put(&document, "deliveries", &deliveries_table(&template));
    let document = put(&document, "idle", &idle_table(&template));
    expect_file!["../../../docs/cost.md"].assert_eq(&document);
}

/// The idle month counts three for each endpoint with one route.
#[test]
fn alarms_are_rendered_as_they_are_counted() {
    let rendered = Template::rendered();
    let count = |kind: &str| rendered.iter().map(|template| template.of_kind(kind).len()).sum::<usize>();
    let (endpoints, routes) = (count("AWS::Lambda::EventSourceMapping"), count("AWS::Events::Rule"));
    assert_eq!(count("AWS::CloudWatch::Alarm"), 2 * endpoints + routes);
    assert!(endpoints > 0 && routes > 0);
}
