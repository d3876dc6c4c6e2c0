//! `crossdock gc`: what has expired, and its removal before the hub gets round to it.

use crossdock_core::hub::Retention;
use crossdock_local::{Collector, Expired, Lot};
use serde_json::{Value, json};

use crate::{
    args::Gc,
    context::{Environment, Opened},
    failure::Failure,
    out,
};

pub(crate) async fn run(args: Gc, environment: Environment) -> Result<(), Failure> {
    let opened = Opened::existing(&args.which, environment).await?;
    let (database, retention) = (opened.home.database(), opened.hub.retention);
    let expired = match args.apply {
        true => Collector::new(database.clone(), retention).run().await?,
        false => database.expired(&retention).await?,
    };
    if args.json {
        out::json(&as_json(&expired, &retention, args.apply));
    } else {
        print(&expired, &retention, args.apply);
    }
    opened.close().await;
    Ok(())
}

/// Each kind with its term in seconds; `None`: kept for ever.
fn kinds(expired: &Expired, retention: &Retention) -> [(&'static str, Lot, Option<u64>); 4] {
    let deliveries = retention.deliveries.map(|term| term.as_secs());
    [
        ("dead_letters", expired.dead_letters, Some(retention.dead_letters.as_secs())),
        ("messages", expired.messages, deliveries),
        ("deliveries", expired.deliveries, deliveries),
        ("versions", expired.versions, retention.versions.map(|term| term.as_secs())),
    ]
}

fn as_json(expired: &Expired, retention: &Retention, removed: bool) -> Value {
    let kinds = kinds(expired, retention).map(|(kind, lot, term)| {
        let Lot { count, bytes, oldest, newest } = lot;
        let lot = json!({
            "count": count, "bytes": bytes, "oldest": oldest, "newest": newest, "retention_seconds": term,
        });
        (kind.to_owned(), lot)
    });
    json!({"removed": removed, "expired": Value::Object(kinds.into_iter().collect())})
}

fn print(expired: &Expired, retention: &Retention, removed: bool) {
    let verb = if removed { "removed" } else { "would remove" };
    for (kind, lot, term) in kinds(expired, retention) {
        let kind = kind.replace('_', " ");
        match (lot.oldest, lot.newest, term) {
            (_, _, None) => out::line(&format!("{kind} are kept for ever")),
            (Some(oldest), Some(newest), _) => {
                out::line(&format!("{verb} {} {kind}, {}, from {oldest} to {newest}", lot.count, size(lot.bytes)));
            }
            _ => out::line(&format!("{verb} no {kind}")),
        }
    }
    if !removed {
        out::line("a running hub does this by itself; crossdock gc --apply does it now");
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        ..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
