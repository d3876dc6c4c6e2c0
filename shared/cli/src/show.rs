//! `crossdock show`: what the store knows of a message, an object or a delivery.

use std::collections::BTreeSet;

use crossdock_core::{
    hub::Hub,
    id::{CollectionKey, EndpointName, MessageId, ObjectKey},
    json::{FieldPath, changes},
    message::MessageRecord,
    port::{Delivery, DeliveryState, Home, Ledger, Outbox, Read, VersionStore, Waiting, Wants, whole},
    version::{Version, VersionRef},
};
use serde_json::{Value, json};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, Show},
    context::{Environment, Opened},
    failure::Failure,
    out, polls, resting, why,
};

/// Objects that are to be fetched that are shown of a collection.
const MOST_WAITING: usize = 100;

pub(crate) async fn run(args: Show, environment: Environment) -> Result<(), Failure> {
    match &args.place.on {
        On::Local => {
            let opened = Opened::existing(&args.place.which, environment).await?;
            show(&opened, &args).await?;
            opened.close().await;
            Ok(())
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => Box::pin(show(&remote::open(&args.place.which, stack, &environment).await?, &args)).await,
    }
}

async fn show<H: Home>(opened: &Opened<H>, args: &Show) -> Result<(), Failure> {
    let (id, route) = match args.id.split_once('/') {
        Some((id, route)) if id.parse::<MessageId>().is_ok() => (id, Some(route)),
        _ => (args.id.as_str(), None),
    };
    let found = match id.parse::<MessageId>() {
        Ok(id) => message(opened, id, route).await?,
        Err(_) => match collection(&opened.hub, &args.id) {
            Some(key) => waiting_of(opened, &key).await?,
            None => objects(opened, &args.id).await?,
        },
    };
    if args.json {
        out::json(&found);
    } else {
        text::all(&found);
    }
    let mut waited_for = BTreeSet::new();
    waiting(&opened.hub, &found, &mut waited_for);
    if !waited_for.is_empty() {
        resting::say_why(opened, &waited_for).await;
    }
    Ok(())
}

/// The endpoints of what was found and has no end yet: a delivery, or a route that took a message and has none.
fn waiting(hub: &Hub, found: &Value, endpoints: &mut BTreeSet<EndpointName>) {
    let list = |name: &str| found.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let ended = |state: &Value| DeliveryState::ALL.iter().any(|known| state == known.as_str() && known.ended());
    if found.get("state").is_some_and(|state| !ended(state)) {
        endpoints.extend(found["endpoint"].as_str().and_then(|name| name.parse().ok()));
    }
    for route in list("routes") {
        // Of a message that was asked for it is said why; of an object's only which.
        let name = if route["matches"] == true { &route["route"] } else { route };
        let is_known = list("deliveries").iter().any(|delivery| delivery["route"] == *name);
        let route = hub.routes.iter().find(|route| name == route.name.as_str());
        endpoints.extend(route.filter(|_| !is_known).map(|route| route.to.clone()));
    }
    for inner in ["objects", "messages", "deliveries", "polls"] {
        list(inner).iter().for_each(|one| waiting(hub, one, endpoints));
    }
}

/// A message and its deliveries; of one route, `ROUTE` or `ROUTE/ROUND`, where asked.
async fn message<H: Home>(opened: &Opened<H>, id: MessageId, only: Option<&str>) -> Result<Value, Failure> {
    let record = opened.home.store().messages(&[id]).await.and_then(whole)?.into_iter().flatten().next();
    let Some(record) = record else {
        let why = "never emitted, or over for longer than `retention` in the hub file says";
        return Err(Failure::new(format!("the store has no message {id}: {why}")));
    };
    let about = record.message.object_key().zip(record.message.object.as_ref().map(|object| object.version));
    let version = match about {
        Some((key, number)) => {
            opened.home.store().versions(&[VersionRef { key, number }]).await.and_then(whole)?.pop().flatten()
        }
        None => None,
    };
    let mut deliveries = readable(id, opened.home.store().deliveries_of(id).await?);
    deliveries.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some(only) = only {
        deliveries
            .retain(|one| only == one.key.route.as_str() || only == format!("{}/{}", one.key.route, one.key.round));
        if deliveries.is_empty() {
            return Err(Failure::new(format!("message {id} has no delivery for {only:?}")));
        }
    }
    Ok(json!({
        "message": record.message,
        // The message itself says what was in it.
        "version_expired": record.message.object.is_some() && version.is_none(),
        "routes": routes(&opened.hub, &record, &deliveries),
        "deliveries": with_polls(opened, &deliveries).await?,
    }))
}

/// Every route of the hub, and why it does or does not concern the message.
fn routes(hub: &Hub, record: &MessageRecord, deliveries: &[Delivery]) -> Vec<Value> {
    let known = hub.routes.iter().map(|route| {
        let matched = record.message.routes.contains(&route.name);
        let why = if matched {
            let last = deliveries.iter().filter(|one| one.key.route == route.name).max_by_key(|one| one.key.round);
            last.map_or("matches; waiting", |one| one.state.as_str()).to_owned()
        } else if record.disabled_routes.contains(&route.name) {
            let drains = hub.endpoints.get(&route.to).is_some_and(|endpoint| endpoint.drain);
            format!("matches, but {}", if drains { "its endpoint drains" } else { "is disabled" })
        } else {
            why::not(&route.pattern, &record.message)
        };
        json!({"route": route.name, "endpoint": route.to, "matches": matched, "why": why})
    });
    let gone = record.message.routes.iter().filter(|name| hub.route(name).is_none());
    let gone = gone.map(|name| json!({"route": name, "matches": true, "why": "matched, but is no longer in the hub"}));
    known.chain(gone).collect()
}

/// Deliveries, and with each what the endpoint was asked about it since.
async fn with_polls<H: Home>(opened: &Opened<H>, deliveries: &[Delivery]) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::with_capacity(deliveries.len());
    for one in deliveries {
        let mut shown = delivery(one);
        let mut polls = Vec::new();
        for (poll, message, deliveries) in polls::of(&opened.home, one).await? {
            let deliveries: Vec<Value> = deliveries.iter().map(delivery).collect();
            polls.push(json!({"poll": poll, "message_id": message, "deliveries": deliveries}));
        }
        if !polls.is_empty() {
            shown["polls"] = polls.into();
        }
        found.push(shown);
    }
    Ok(found)
}

fn delivery(delivery: &Delivery) -> Value {
    let attempts = delivery.attempts.iter().map(|attempt| {
        json!({
            "at": attempt.at, "took_ms": attempt.took_ms, "status": attempt.status, "failure": attempt.failure,
        })
    });
    json!({
        "route": delivery.key.route,
        "round": delivery.key.round,
        "webhook_id": delivery.key.webhook_id(),
        "endpoint": delivery.endpoint,
        "state": delivery.state.as_str(),
        "reason": delivery.reason,
        "next_attempt_at": delivery.next_attempt_at,
        "updated_at": delivery.updated_at,
        "attempts": attempts.collect::<Vec<_>>(),
        "answer": delivery.answer,
    })
}

/// `SOURCE/COLLECTION`, where both are the hub's.
fn collection(hub: &Hub, text: &str) -> Option<CollectionKey> {
    let collections = hub.sources.values().flat_map(|source| &source.collections);
    collections.map(|collection| &collection.key).find(|key| key.to_string() == text).cloned()
}

/// What of a collection is yet to be fetched.
async fn waiting_of<H: Home>(opened: &Opened<H>, key: &CollectionKey) -> Result<Value, Failure> {
    let found = opened.home.store().waiting(key, MOST_WAITING + 1).await?;
    let shown = found.iter().take(MOST_WAITING).map(|one| {
        let mut shown = to_be_fetched(one);
        shown["id"] = one.wanted.object.id.as_str().into();
        shown
    });
    Ok(json!({"collection": {
        "source": key.source, "collection": key.collection, "to_be_fetched": shown.collect::<Vec<_>>(),
        "more": found.len() > MOST_WAITING,
    }}))
}

fn to_be_fetched(waiting: &Waiting) -> Value {
    json!({
        "since": waiting.since, "failures": waiting.wanted.failures, "reason": waiting.reason,
        "next_attempt_at": waiting.due,
    })
}

async fn objects<H: Home>(opened: &Opened<H>, id: &str) -> Result<Value, Failure> {
    let keys = match full_key(&opened.hub, id) {
        Some(key) => vec![key],
        None => {
            let mut keys = opened.home.store().objects_with_id(id).await?;
            // One that is only named has no version yet.
            let collections = opened.hub.sources.values().flat_map(|source| &source.collections);
            let named = collections.map(|known| ObjectKey { collection: known.key.clone(), id: id.to_owned() });
            let named: Vec<ObjectKey> = named.filter(|key| !keys.contains(key)).collect();
            keys.extend(named);
            keys
        }
    };
    let mut found = Vec::new();
    for key in keys {
        let history = opened.home.store().history(&key).await?;
        let wanted = opened.home.store().wanting(&key).await?;
        if history.is_empty() && wanted.is_none() {
            continue;
        }
        let history = readable(&key, history);
        let messages = readable(&key, opened.home.store().messages_of(&key).await?);
        let mut shown = object(opened, &key, &history, &messages).await?;
        if let Some(wanted) = wanted {
            shown["to_be_fetched"] = to_be_fetched(&wanted);
        }
        found.push(shown);
    }
    if found.is_empty() {
        return Err(Failure::new(format!(
            "the store has no object {id:?}; expected an object's id, SOURCE/COLLECTION/OBJECT, or a message's id"
        )));
    }
    Ok(json!({ "objects": found }))
}

/// What can be shown; what cannot is told of.
pub(crate) fn readable<T>(of: impl std::fmt::Display, found: Vec<Read<T>>) -> Vec<T> {
    let tell = |error| tracing::error!(of = %of, error = %error, "something of it cannot be shown");
    found.into_iter().filter_map(|one| one.map_err(tell).ok()).collect()
}

/// `SOURCE/COLLECTION/ID`, where the first two are the hub's; an id may have slashes of its own.
fn full_key(hub: &Hub, text: &str) -> Option<ObjectKey> {
    let (source, rest) = text.split_once('/')?;
    let (collection, id) = rest.split_once('/')?;
    let source = hub.sources.values().find(|known| known.name.as_str() == source)?;
    let collection = CollectionKey { source: source.name.clone(), collection: collection.parse().ok()? };
    Some(ObjectKey { collection, id: id.to_owned() })
}

async fn object<H: Home>(
    opened: &Opened<H>,
    key: &ObjectKey,
    history: &[Version],
    messages: &[MessageRecord],
) -> Result<Value, Failure> {
    let volatile = volatile(&opened.hub, &key.collection);
    let versions = history.iter().enumerate().map(|(place, version)| {
        // Late ones may stand between.
        let parent = history[..place].iter().rfind(|before| version.parent == Some(before.number));
        let changes = parent.map(|parent| changes(&parent.body, &version.body, volatile));
        json!({
            "version": version.number, "stored_at": version.stored_at, "baseline": version.baseline,
            "deleted": version.deleted, "late": version.late, "order": version.order.map(|order| order.to_string()),
            "changes": changes, "body": version.body,
        })
    });
    let mut emitted = Vec::new();
    for record in messages {
        let id = record.message.message_id;
        let deliveries = readable(id, opened.home.store().deliveries_of(id).await?);
        emitted.push(json!({
            "message_id": record.message.message_id,
            "message": record.message.message,
            "version": record.message.object.as_ref().map(|object| object.version),
            "created_at": record.message.created_at,
            "routes": record.message.routes,
            "deliveries": with_polls(opened, &deliveries).await?,
        }));
    }
    Ok(json!({
        "source": key.collection.source, "collection": key.collection.collection, "id": key.id,
        "expired_versions": history.first().map_or(0, |oldest| oldest.number.saturating_sub(1)),
        "versions": versions.collect::<Vec<_>>(), "messages": emitted,
    }))
}

/// The fields whose change is no change, of a collection or of children; of one that is no longer in the hub, none.
fn volatile<'a>(hub: &'a Hub, key: &CollectionKey) -> &'a [FieldPath] {
    let collections = hub.sources.values().flat_map(|source| &source.collections);
    let rules = collections.flat_map(|collection| {
        let children = collection.children.iter().map(|child| (&child.key, &child.rules));
        std::iter::once((&collection.key, &collection.rules)).chain(children)
    });
    rules.into_iter().find(|(known, _)| *known == key).map_or(&[], |(_, rules)| &rules.volatile)
}

/// The same for people.
mod text {
    use serde_json::Value;

    use crate::out;

    pub(super) fn all(found: &Value) {
        if let Some(collection) = found.get("collection") {
            self::collection(collection);
        }
        for object in list(found, "objects") {
            self::object(object);
        }
        if let Some(message) = found.get("message") {
            out::line(&format!("{} {}", of(message, "message"), of(message, "message_id")));
            out::line(&format!("  from {} at {}", of(message, "source"), of(message, "created_at")));
            if let Some(object) = message.get("object").filter(|object| !object.is_null()) {
                out::line(&format!(
                    "  about {} {} version {}{}",
                    of(object, "type"),
                    of(object, "id"),
                    of(object, "version"),
                    if found["version_expired"] == true { ", which has expired" } else { "" },
                ));
            }
            if let Some(parent) = message.get("parent_id").filter(|parent| !parent.is_null()) {
                let route = some(message, "parent_route", ", delivered by ");
                out::line(&format!("  from an answer to {}{route}", plain(parent)));
            }
            changes(message, "  ");
            out::line("routes");
            for route in list(found, "routes") {
                out::line(&format!("  {} → {}: {}", of(route, "route"), of(route, "endpoint"), of(route, "why")));
            }
            out::line("deliveries");
            for one in list(found, "deliveries") {
                delivery(one, "  ");
            }
        }
    }

    fn collection(collection: &Value) {
        out::line(&format!("{}/{}", of(collection, "source"), of(collection, "collection")));
        let waiting = list(collection, "to_be_fetched");
        if waiting.is_empty() {
            out::line("  nothing waits to be fetched");
        }
        for one in waiting {
            out::line(&format!("  {}: {}", of(one, "id"), to_be_fetched(one)));
        }
        if collection["more"] == true {
            out::line("  and more");
        }
    }

    fn to_be_fetched(waiting: &Value) -> String {
        let since = some(waiting, "since", " since ");
        let why = match waiting["failures"].as_u64() {
            None | Some(0) => String::new(),
            Some(1) => format!(", failed once{}", some(waiting, "reason", ": ")),
            Some(times) => format!(", failed {times} times{}", some(waiting, "reason", ": ")),
        };
        format!("to be fetched{since}{why}, next attempt {}", of(waiting, "next_attempt_at"))
    }

    fn object(object: &Value) {
        out::line(&format!("{}/{}/{}", of(object, "source"), of(object, "collection"), of(object, "id")));
        if let Some(waiting) = object.get("to_be_fetched") {
            out::line(&format!("  {}", to_be_fetched(waiting)));
        }
        match object["expired_versions"].as_u64() {
            None | Some(0) => {}
            Some(1) => out::line("  version 1 has expired"),
            Some(last) => out::line(&format!("  versions 1 to {last} have expired")),
        }
        for version in list(object, "versions") {
            let kinds = ["baseline", "deleted"].into_iter().filter(|kind| version[*kind] == true);
            let kinds: String = kinds.map(|kind| format!(" {kind}")).collect();
            let late = match version["late"] == true {
                true => format!(" late, of {}", of(version, "order")),
                false => String::new(),
            };
            let stored = of(version, "stored_at");
            out::line(&format!("  version {} stored {stored}{kinds}{late}", of(version, "version")));
            changes(version, "    ");
        }
        for message in list(object, "messages") {
            let name = of(message, "message");
            out::line(&format!("  {name} of version {} {}", of(message, "version"), of(message, "message_id")));
            for one in list(message, "deliveries") {
                delivery(one, "    ");
            }
        }
    }

    fn delivery(delivery: &Value, indent: &str) {
        let round = match delivery["round"].as_u64() {
            Some(round) if round > 1 => format!(" round {round}"),
            _ => String::new(),
        };
        let attempts = list(delivery, "attempts").len();
        let reason = some(delivery, "reason", ": ");
        let plural = if attempts == 1 { "" } else { "s" };
        let state = match delivery["state"].as_str() {
            Some("waiting") => format!("waiting until {}", of(delivery, "next_attempt_at")),
            // The reason says it, and by which version.
            Some("superseded") => format!("{} after {attempts} attempt{plural}", of(delivery, "reason")),
            _ => {
                let next = some(delivery, "next_attempt_at", ", next attempt ");
                format!("{} after {attempts} attempt{plural}{reason}{next}", of(delivery, "state"))
            }
        };
        out::line(&format!("{indent}{} → {}{round}: {state}", of(delivery, "route"), of(delivery, "endpoint")));
        for attempt in list(delivery, "attempts") {
            let failure = some(attempt, "failure", " ");
            let failure = if failure.is_empty() { some(attempt, "status", " answered ") } else { failure };
            out::line(&format!("{indent}  {}{failure} in {} ms", of(attempt, "at"), of(attempt, "took_ms")));
        }
        answer(&delivery["answer"], &format!("{indent}  "));
        for poll in list(delivery, "polls") {
            out::line(&format!("{indent}  remote:poll {} {}", of(poll, "poll"), of(poll, "message_id")));
            for one in list(poll, "deliveries") {
                self::delivery(one, &format!("{indent}    "));
            }
        }
    }

    /// What was kept of the round's answers: what people look for line by line, whatever else there is as it is.
    fn answer(answer: &Value, indent: &str) {
        for name in ["summary", "text"] {
            let said = some(answer, name, &format!("{indent}{name}: "));
            if !said.is_empty() {
                out::line(&said);
            }
        }
        for one in list(answer, "notifications") {
            let (description, count) = (some(one, "description", ": "), some(one, "occurrences", ", said "));
            let count = if count.is_empty() { count } else { format!("{count} times") };
            out::line(&format!("{indent}{}: {}{description}{count}", of(one, "level"), of(one, "subject")));
        }
        for event in list(answer, "events") {
            out::line(&format!("{indent}event: {}", plain(event)));
        }
        for objects in list(answer, "objects") {
            let ids: Vec<String> = list(objects, "ids").iter().map(plain).collect();
            let what = if ids.is_empty() { "objects to be stored".to_owned() } else { ids.join(", ") };
            out::line(&format!("{indent}gave {}/{}: {what}", of(objects, "source"), of(objects, "collection")));
        }
        for fault in list(answer, "faults") {
            out::line(&format!("{indent}not understood: {}", plain(fault)));
        }
        let told = ["summary", "text", "notifications", "events", "objects", "faults", "since"];
        let rest: serde_json::Map<String, Value> = answer.as_object().cloned().unwrap_or_default();
        let rest: serde_json::Map<String, Value> =
            rest.into_iter().filter(|(name, _)| !told.contains(&name.as_str())).collect();
        if !rest.is_empty() {
            out::line(&format!("{indent}answer: {}", Value::Object(rest)));
        }
    }

    fn changes(of_what: &Value, indent: &str) {
        for change in list(of_what, "changes") {
            let side = |name: &str| change.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
            out::line(&format!("{indent}{}: {} → {}", of(change, "path"), side("old"), side("new")));
        }
    }

    fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
        value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn of(value: &Value, name: &str) -> String {
        value.get(name).map(plain).unwrap_or_default()
    }

    fn some(value: &Value, name: &str, before: &str) -> String {
        match value.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(value) => format!("{before}{}", plain(value)),
        }
    }

    fn plain(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), |text| out::plain(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_known_by_its_endpoint() {
        let text = "hub: h\nendpoints: {a: {url: 'http://a.test'}, b: {url: 'http://b.test'}}\n\
                    routes: [{name: to-a, messages: ['*'], to: a}, {name: to-b, messages: ['*'], to: b}]\n";
        let hub =
            crossdock_core::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
        let check = |found: Value, expected: &[&str]| {
            let mut endpoints = BTreeSet::new();
            waiting(&hub, &found, &mut endpoints);
            assert_eq!(endpoints.iter().map(|name| name.as_str()).collect::<Vec<_>>(), expected, "{found}");
        };
        let delivery = |state: &str| json!({"route": "to-a", "endpoint": "a", "state": state});
        let takes = |matches: bool| json!({"route": "to-b", "endpoint": "b", "matches": matches, "why": "…"});
        check(json!({"deliveries": [delivery("retrying")], "routes": [takes(false)]}), &["a"]);
        check(json!({"deliveries": [delivery("delivered")], "routes": [takes(true)]}), &["b"]);
        check(
            json!({"objects": [{"messages": [{"routes": ["to-a", "to-b", "gone"], "deliveries": [delivery("dead_lettered")]}]}]}),
            &["b"],
        );
        let poll = json!({"deliveries": [delivery("waiting")]});
        check(
            json!({"deliveries": [{"route": "to-b", "endpoint": "b", "state": "delivered", "polls": [poll]}]}),
            &["a"],
        );
        // What a payload says of itself is nothing of ours.
        check(json!({"message": {"payload": delivery("retrying")}}), &[]);
    }
}
