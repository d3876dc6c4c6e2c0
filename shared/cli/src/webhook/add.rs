//! `crossdock webhook add`.

use crossdock_core::{
    hub::{
        Compiled, Hub,
        edit::{self, Entry},
    },
    webhook::provider::Provider,
};
use serde_json::{Value, json};

use super::secret::{Shared, Token, name_for, taken};
use crate::{
    args::AddWebhook,
    context::{Environment, unknown},
    failure::Failure,
    out,
    patch::Patch,
    yaml::{scalar, value},
};

/// The headers where the arguments name none.
const BEARER: &str = "authorization";
const SIGNATURE: &str = "x-signature";

enum Proof {
    Token(Token),
    Shared(Shared),
}

pub(super) fn run(args: &AddWebhook, environment: &Environment) -> Result<(), Failure> {
    check(args)?;
    let patch = Patch::of(args.writing.hub.as_deref(), environment)?;
    let hub = patch.before.loaded.hub.clone();
    let id = &args.id;
    if hub.webhooks.contains_key(id) {
        return Err(Failure::new(format!("the hub has a webhook {id} already; webhook rotate gives it a new secret")));
    }
    if !hub.sources.contains_key(&args.source) {
        return Err(unknown("source", args.source.as_str(), hub.sources.keys()));
    }
    let proof = match args.bearer {
        true => Proof::Token(Token::new()),
        false => {
            let name = name_for(id, &taken(id, &patch.before.text, &[]))
                .ok_or_else(|| Failure::new(format!("no secret can be called after {id}")))?;
            Proof::Shared(Shared::new(name, args.provider))
        }
    };
    let fields = described(args, &hub, &proof);
    let proposed = edit::add_webhook(&patch.text, &entry(id.as_str(), &fields));
    let by_hand = format!("webhooks:\n  {}", entry(id.as_str(), &fields).block.join("\n  "));
    let expected = Value::Object(fields);
    let is_addition = |before: &Compiled, after: &Compiled| {
        edit::is_but_for(&before.text, &after.text, &["webhooks", id.as_str()], &expected)
    };
    if patch.propose(proposed, &by_hand, is_addition, args.writing.yes)? {
        match &proof {
            Proof::Token(token) => token.show(args.header.as_deref().unwrap_or(BEARER)),
            Proof::Shared(shared) => shared.show(&hub),
        }
        out::note(&format!("the sender's address is that of the hub with /webhooks/{id} behind it"));
    }
    Ok(())
}

fn check(args: &AddWebhook) -> Result<(), Failure> {
    let says_how = args.bearer || args.hmac;
    match args.provider {
        Provider::Generic if !says_how => Err(Failure::new(
            "nothing proves a webhook of a generic provider: say --bearer (a token) or --hmac (a signature)",
        )),
        Provider::Generic => Ok(()),
        other if says_how || args.header.is_some() => Err(Failure::new(format!(
            "{0} says itself how its webhooks are proven: leave --bearer, --hmac and --header out, or say --provider generic",
            other.as_str()
        ))),
        _ => Ok(()),
    }
}

/// What the hub file says of it.
fn described(args: &AddWebhook, hub: &Hub, proof: &Proof) -> serde_json::Map<String, Value> {
    let mut fields = serde_json::Map::new();
    fields.insert("source".to_owned(), json!(args.source));
    fields.insert("provider".to_owned(), json!(args.provider.as_str()));
    match proof {
        Proof::Token(token) => {
            let mut bearer = json!({"sha256": [token.hash]});
            if let Some(header) = &args.header {
                bearer["header"] = json!(header);
            }
            fields.insert("verify".to_owned(), json!({ "bearer": bearer }));
        }
        Proof::Shared(shared) => {
            fields.insert("secrets".to_owned(), json!([shared.name]));
            if args.hmac {
                let mut hmac = json!({
                    "header": args.header.as_deref().unwrap_or(SIGNATURE),
                    "algorithm": args.algorithm.as_deref().unwrap_or("sha256"),
                    "encoding": args.encoding.as_deref().unwrap_or("hex"),
                });
                if let Some(prefix) = &args.prefix {
                    hmac["prefix"] = json!(prefix);
                }
                fields.insert("verify".to_owned(), json!({ "hmac": hmac }));
            }
        }
    }
    if let Some(events) = args.collection.as_ref().and_then(|collection| events(args, hub, collection.as_str())) {
        fields.insert("events".to_owned(), events);
    }
    fields
}

/// That every event is about this collection, as far as its provider does not know better.
fn events(args: &AddWebhook, hub: &Hub, collection: &str) -> Option<Value> {
    let collections = hub.sources.get(&args.source).map(|source| source.collections.as_slice()).unwrap_or_default();
    let object_type = collections
        .iter()
        .find(|known| known.key.collection.as_str() == collection)
        .map_or("", |known| known.object_type.as_str());
    match args.provider {
        provider if provider.kinds_of(collection, object_type).is_some() => None,
        Provider::GitHub => Some(json!({"ping": "ignore", "*": {"collection": collection, "item": object_type}})),
        Provider::Stripe => Some(json!({"*": {"collection": collection, "item": "data.object"}})),
        _ => Some(json!({"*": {"collection": collection}})),
    }
}

fn entry(id: &str, fields: &serde_json::Map<String, Value>) -> Entry {
    // In the order in which people read them, whatever the map's is.
    let order = ["source", "provider", "secrets", "verify", "events"];
    let written = order.iter().filter_map(|name| Some(format!("{name}: {}", value(fields.get(*name)?))));
    let written: Vec<String> = written.collect();
    let id = scalar(id);
    Entry {
        flow: format!("{id}: {{{}}}", written.join(", ")),
        block: std::iter::once(format!("{id}:")).chain(written.iter().map(|line| format!("  {line}"))).collect(),
    }
}
