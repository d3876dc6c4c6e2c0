//! `crossdock audit`: what was promised to routes, and what became of it.

use std::{collections::BTreeMap, process::ExitCode};

use crossdock_core::{
    audit::{Audit as Promises, Promise, Standing},
    port::{DeliveryState, Home},
};
use serde_json::{Value, json};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Audit, On},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

/// Promises of a kind that are named.
const NAMED: usize = 20;

pub(crate) async fn run(args: Audit, environment: Environment) -> Result<ExitCode, Failure> {
    match &args.place.on {
        On::Local => {
            let opened = Opened::existing(&args.place.which, environment).await?;
            let code = show(&opened, &args).await?;
            opened.close().await;
            Ok(code)
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => show(&remote::open(&args.place.which, stack, &environment).await?, &args).await,
    }
}

/// Promises of one standing.
#[derive(Default)]
struct Kind {
    count: u64,
    named: Vec<Promise>,
}

async fn show<H: Home>(opened: &Opened<H>, args: &Audit) -> Result<ExitCode, Failure> {
    let now = opened.home.clock().now();
    let from = args.since.before(now);
    let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
    let (mut messages, mut promises) = (0, 0);
    let mut audit = Promises::new(&opened.home, &opened.hub, from, now);
    while let Some((looked_at, found)) = audit.next().await? {
        messages += looked_at;
        promises += found.len();
        for promise in found {
            let kind = kinds.entry(name(promise.standing)).or_default();
            kind.count += 1;
            if is_named(promise.standing) && kind.named.len() < NAMED {
                kind.named.push(promise);
            }
        }
    }
    if args.json {
        let kinds: serde_json::Map<String, Value> =
            kinds.iter().map(|(name, kind)| ((*name).to_owned(), as_json(kind))).collect();
        out::json(&json!({"since": from, "messages": messages, "promises": promises, "deliveries": kinds}));
    } else {
        print(&format!("{messages} messages since {from} were promised to routes {promises} times"), &kinds);
    }
    let missing = kinds.contains_key(name(Standing::Missing));
    Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn name(standing: Standing) -> &'static str {
    match standing {
        Standing::Known(state) => state.as_str(),
        Standing::OnItsWay => "on_its_way",
        Standing::Missing => "missing",
        Standing::Unreadable => "unreadable",
        Standing::NoRoute => "no_route",
    }
}

/// What somebody may want to do something about.
fn is_named(standing: Standing) -> bool {
    matches!(
        standing,
        Standing::Missing | Standing::Unreadable | Standing::NoRoute | Standing::Known(DeliveryState::DeadLettered)
    )
}

fn as_json(kind: &Kind) -> Value {
    let named = kind.named.iter().map(|promise| {
        json!({
            "message_id": promise.message_id,
            "message": promise.message,
            "object": promise.object,
            "route": promise.route,
            "endpoint": promise.endpoint,
            "reason": promise.reason,
        })
    });
    json!({"count": kind.count, "named": named.collect::<Vec<_>>()})
}

fn print(first: &str, kinds: &BTreeMap<&str, Kind>) {
    out::line(first);
    for (name, kind) in kinds {
        out::line(&format!("  {:<14} {}", name.replace('_', " "), kind.count));
    }
    for (name, kind) in kinds.iter().filter(|(_, kind)| !kind.named.is_empty()) {
        let which = match kind.count {
            count if count > NAMED as u64 => format!("{NAMED} of {count}"),
            _ => "all".to_owned(),
        };
        out::line(&format!("{} ({which}): {}", name.replace('_', " "), advice(name)));
        for Promise { message_id, message, object, route, endpoint, reason, .. } in &kind.named {
            let object = object.as_ref().map(|object| format!("  {}", out::plain(object))).unwrap_or_default();
            let endpoint = endpoint.as_ref().map(|endpoint| format!(" → {endpoint}")).unwrap_or_default();
            let reason = reason.as_ref().map(|reason| format!(": {}", out::plain(reason))).unwrap_or_default();
            out::line(&format!("  {message_id} {message}{object}  {route}{endpoint}{reason}"));
        }
    }
}

fn advice(name: &str) -> &'static str {
    match name {
        "missing" => "the ledger knows nothing of these; a running hub looks for them hourly and sends them again",
        "unreadable" => "a record of their message's deliveries cannot be read, and may be of these; the log names it",
        "no_route" => "their route is gone or disabled; nobody waits for them",
        _ => "crossdock dlq redrive sends them again, as long as they are in the queue",
    }
}
