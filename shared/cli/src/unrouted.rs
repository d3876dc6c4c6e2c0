//! `crossdock unrouted`: messages that no route took, by type.

use std::collections::BTreeMap;

use crossdock_core::{audit::Stored, message::Message, port::Home};
use serde_json::{Value, json};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, Unrouted},
    context::{Environment, Opened},
    failure::Failure,
    out,
};

/// Messages of a type that are named.
const EXAMPLES: usize = 3;

pub(crate) async fn run(args: Unrouted, environment: Environment) -> Result<(), Failure> {
    match &args.place.on {
        On::Local => {
            let opened = Opened::existing(&args.place.which, environment).await?;
            show(&opened, &args).await?;
            opened.close().await;
            Ok(())
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => show(&remote::open(&args.place.which, stack, &environment).await?, &args).await,
    }
}

/// The messages of one type.
#[derive(Default)]
struct Kind {
    count: u64,
    /// How many of them a route would have taken if it were enabled.
    disabled: u64,
    examples: Vec<Message>,
}

async fn show<H: Home>(opened: &Opened<H>, args: &Unrouted) -> Result<(), Failure> {
    let now = opened.home.clock().now();
    let from = args.since.before(now);
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let (mut all, mut unrouted) = (0_u64, 0_u64);
    let mut stored = Stored::between(&opened.home, from, now);
    while let Some(messages) = stored.next().await? {
        all += messages.len() as u64;
        for record in messages.into_iter().filter(|record| record.message.routes.is_empty()) {
            unrouted += 1;
            let kind = kinds.entry(record.message.message.to_string()).or_default();
            kind.count += 1;
            kind.disabled += u64::from(!record.disabled_routes.is_empty());
            if kind.examples.len() < EXAMPLES {
                kind.examples.push(record.message);
            }
        }
    }
    if args.json {
        let kinds: serde_json::Map<String, Value> =
            kinds.iter().map(|(name, kind)| (name.clone(), as_json(kind))).collect();
        out::json(&json!({"since": from, "messages": all, "unrouted": unrouted, "types": kinds}));
        return Ok(());
    }
    out::line(&format!("{unrouted} of {all} messages since {from} took no route"));
    for (name, Kind { count, disabled, examples }) in &kinds {
        let disabled = match disabled {
            0 => String::new(),
            disabled => format!("; {disabled} match a route that is disabled or whose endpoint drains"),
        };
        out::line(&format!("{name}  {count}{disabled}"));
        for message in examples {
            out::line(&format!("  {}{}", message.message_id, about(message)));
        }
    }
    if unrouted > 0 {
        out::line("crossdock show MESSAGE says of each route why it does not match");
    }
    Ok(())
}

fn as_json(kind: &Kind) -> Value {
    let examples = kind.examples.iter().map(|message| {
        json!({"message_id": message.message_id, "source": message.source, "object": message.object, "created_at": message.created_at})
    });
    json!({"count": kind.count, "disabled": kind.disabled, "examples": examples.collect::<Vec<_>>()})
}

/// The object, where it is about one.
fn about(message: &Message) -> String {
    message.object.as_ref().map(|object| format!("  {}", out::plain(&object.id))).unwrap_or_default()
}
