//! Webhooks: whose they are, how they are proven, what becomes of their events.

use std::collections::BTreeMap;

use super::{
    http::{CONNECTION, header_name},
    name,
};
use crate::{
    hub::{
        coming_in::{ChannelPart, Digest, EventPart, LocatorPart, VerifyPart},
        decode::{At, AtLeastOne},
        description::{ActionPart, HubFile, WebhookPart},
        fault::{Place, Report, did_you_mean, one_of},
        model::{Collection, Source},
        tree::{Content, Key, Node, quote},
        values::Field,
        webhook::{Channel, EventAction, EventRule, Kinds, Locator, Webhook},
    },
    id::{SecretName, SourceName, WebhookId},
    json::FieldPath,
    webhook::{
        Schema,
        proof::{BearerProof, HmacProof, Proof},
        provider::Provider,
    },
};

pub(super) fn webhooks(
    root: &Node,
    file: &HubFile,
    sources: &BTreeMap<SourceName, Source>,
    report: &mut Report,
) -> BTreeMap<WebhookId, Webhook> {
    let webhooks = file.webhooks.iter().flat_map(|webhooks| &webhooks.0);
    webhooks.filter_map(|(key, part)| webhook(root, key, part.as_ref()?, sources, report)).collect()
}

fn webhook(
    root: &Node,
    key: &Key,
    part: &WebhookPart,
    sources: &BTreeMap<SourceName, Source>,
    report: &mut Report,
) -> Option<(WebhookId, Webhook)> {
    let id: Option<WebhookId> = name(key, report);
    let source = part.source.as_ref().and_then(|source| source_of(root, source, report));
    let from = match &part.from {
        None => Some(Channel::Http),
        Some(from) => channel(from, report),
    };
    // A key that could not be read is not one that is missing.
    let written = |name: &str| root.get("webhooks").and_then(|webhooks| webhooks.get(&key.text)?.get(name)).is_some();
    let proven = proven(key, part, &written, report);
    let event_id = part.event_id.as_ref().map(|part| locator(part, report));
    let event_kind = part.event_kind.as_ref().map(|part| locator(part, report));
    let source = Target { of: sources.get(source?)?, known: collections(root, source?) };
    let events = if part.events.is_none() && written("events") { None } else { events(key, part, &source, report) };
    let provider = part.provider.as_ref()?.value;
    let Proven { proof, secrets, hashes } = proven?;
    let webhook = Webhook {
        id: id?,
        source: source.of.name.clone(),
        provider,
        proof,
        secrets,
        hashes,
        from: from?,
        envelope: part.envelope.unwrap_or_else(|| provider.envelope()),
        schema: part.schema.as_ref().map(|schema| Schema::new(schema.value.0.clone())),
        event_id: match event_id {
            Some(event_id) => Some(event_id?),
            None => None,
        },
        event_kind: match event_kind {
            Some(event_kind) => Some(event_kind?),
            None => None,
        },
        events: events?,
    };
    Some((webhook.id.clone(), webhook))
}

/// The source of a webhook.
struct Target<'a> {
    of: &'a Source,
    /// The names of its collections, also of those that are faulty.
    known: Vec<&'a str>,
}

fn collections<'a>(root: &'a Node, source: &str) -> Vec<&'a str> {
    let collections = root.get("sources").and_then(|sources| sources.get(source)?.get("collections"));
    collections.map(names).unwrap_or_default()
}

fn names(node: &Node) -> Vec<&str> {
    match &node.content {
        Content::Map(entries) => entries.iter().map(|entry| entry.key.text.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// The name of a source that is there, although what is said of it may be faulty.
fn source_of<'a>(root: &Node, source: &'a At<String>, report: &mut Report) -> Option<&'a str> {
    let sources = root.get("sources");
    // Sources that cannot be read at all are one fault, not one of every webhook.
    if sources.is_some_and(|sources| !matches!(sources.content, Content::Map(_))) {
        return None;
    }
    let known = sources.map(names).unwrap_or_default();
    if known.contains(&source.value.as_str()) {
        return Some(&source.value);
    }
    let expected = if known.is_empty() { "there are none".to_owned() } else { format!("expected {}", one_of(&known)) };
    let message = format!("no source is called {}; {expected}", source.shown);
    report.suggest(&source.place, message, did_you_mean(&source.value, known));
    None
}

fn channel(from: &At<ChannelPart>, report: &mut Report) -> Option<Channel> {
    match &from.value {
        ChannelPart::Queue(At { place, value, shown }) => {
            if is_queue(value) {
                return Some(Channel::Queue(value.clone()));
            }
            report.fault(place, format!("expected the ARN of a queue, arn:aws:sqs:REGION:ACCOUNT:NAME, found {shown}"));
            None
        }
        ChannelPart::Bus(At { place, value, shown }) => {
            if !value.is_empty() && !value.starts_with("arn:") {
                return Some(Channel::Bus(value.clone()));
            }
            report.fault(place, format!("expected the name of an event bus, such as aws.partner/…, found {shown}"));
            None
        }
    }
}

fn is_queue(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "sqs", region, account, name]
        if partition.starts_with("aws") && ![region, account, name].iter().any(|part| part.is_empty()))
}

struct Proven {
    proof: Proof,
    secrets: Vec<SecretName>,
    hashes: Vec<[u8; 32]>,
}

fn proven(key: &Key, part: &WebhookPart, written: &dyn Fn(&str) -> bool, report: &mut Report) -> Option<Proven> {
    let At { place, value: provider, .. } = part.provider.as_ref()?;
    if written("from") {
        let message = "what comes through a queue or a bus of the account's own is proven by that";
        if let Some(At { place, .. }) = &part.secrets {
            report.fault(place, format!("{message}: expected no secrets"));
        }
        if let Some(At { place, .. }) = &part.verify {
            report.fault(place, format!("{message}: expected no `verify`"));
        }
        return Some(Proven { proof: Proof::None, secrets: Vec::new(), hashes: Vec::new() });
    }
    let mut hashes = Vec::new();
    let proof = match (provider.proof(), &part.verify) {
        (Some(proof), None) => Some(proof),
        (Some(_), Some(At { place, .. })) => {
            let message = format!("{} says itself how it is proven", provider.as_str());
            report.suggest(place, message, Some("leave `verify` out, or write provider: generic".to_owned()));
            None
        }
        (None, None) if written("verify") => None,
        (None, None) => {
            report.fault(place, "a generic webhook needs `verify`: exactly one of hmac or bearer");
            None
        }
        (None, Some(verify)) => match &verify.value {
            VerifyPart::Hmac(part) => {
                let header = header(part.header.as_ref()?, report)?;
                let prefix = part.prefix.as_ref().map(|prefix| prefix.value.clone()).unwrap_or_default();
                let (algorithm, encoding) = (part.algorithm.unwrap_or_default(), part.encoding.unwrap_or_default());
                Some(Proof::Hmac(HmacProof { header, algorithm, encoding, prefix }))
            }
            VerifyPart::Bearer(part) => {
                let header = match &part.header {
                    Some(header) => self::header(header, report)?,
                    None => "authorization".to_owned(),
                };
                hashes
                    .extend(part.sha256.iter().flat_map(|AtLeastOne(digests)| digests.iter().map(|Digest(one)| *one)));
                Some(Proof::Bearer(BearerProof { header }))
            }
        },
    };
    let secrets = part.secrets.as_ref().map(|secrets| secrets.value.0.clone()).unwrap_or_default();
    let hashed = matches!(&part.verify, Some(At { value: VerifyPart::Bearer(part), .. }) if part.sha256.is_some());
    if !written("secrets") && !hashed && proof.is_some() {
        report.fault(
            &key.place,
            format!(
                "nothing proves this webhook: expected `secrets`{}",
                match proof {
                    Some(Proof::Bearer(_)) if *provider == Provider::Generic => ", or `sha256` under `verify.bearer`",
                    _ => "",
                }
            ),
        );
    }
    Some(Proven { proof: proof?, secrets, hashes })
}

fn header(At { place, value, shown }: &At<String>, report: &mut Report) -> Option<String> {
    header_name(value, shown, place, &CONNECTION, report)
}

fn locator(part: &LocatorPart, report: &mut Report) -> Option<Locator> {
    match part {
        LocatorPart::Header(name) => header(name, report).map(Locator::Header),
        LocatorPart::Path(Field(path)) => Some(Locator::Path(path.clone())),
    }
}

/// What becomes of events, the most specific first.
fn events(key: &Key, part: &WebhookPart, source: &Target<'_>, report: &mut Report) -> Option<Vec<EventRule>> {
    let Some(events) = &part.events else {
        if names_resources(part) && !source.known.is_empty() {
            return Some(by_resource(key, source, report));
        }
        let told = by_kind(part, source);
        if !told.is_empty() {
            return Some(told);
        }
        let provider = part.provider.as_ref().map(|provider| provider.value);
        if provider == Some(Provider::GitHub) {
            let message = "nobody says what becomes of its events: expected `events`, since GitHub's bodies are not the \
                           objects, but hold them, each kind its own";
            report.fault(&key.place, message);
            return None;
        }
        if let [collection] = source.of.collections.as_slice() {
            let item = match provider {
                Some(Provider::Stripe) => "data.object".parse().unwrap_or_else(|_| FieldPath::root()),
                _ => FieldPath::root(),
            };
            let action = object(collection, item, false);
            return Some(vec![EventRule { kinds: Kinds::Beginning(String::new()), action }]);
        }
        let message = format!(
            "nobody says what becomes of its events: expected `events`{}",
            match source.known.len() {
                0 => ", since its source has no collection".to_owned(),
                several => format!(", since its source has {several} collections"),
            }
        );
        report.fault(&key.place, message);
        return None;
    };
    let mut rules: Vec<EventRule> =
        events.0.iter().filter_map(|(key, part)| rule(key, part.as_ref()?, source, report)).collect();
    rules.sort_by(|a, b| b.kinds.cmp(&a.kinds));
    Some(rules)
}

/// What the provider's own names of events say of the source's collections; everything else of it is dropped.
fn by_kind(part: &WebhookPart, source: &Target<'_>) -> Vec<EventRule> {
    let Some(provider) = part.provider.as_ref().map(|provider| provider.value) else { return Vec::new() };
    let rules = |collection: &Collection| {
        let kinds = provider.kinds_of(collection.key.collection.as_str(), collection.object_type.as_str())?;
        let rule = |kind: &str, deleted| EventRule {
            kinds: Kinds::Exactly(kind.to_owned()),
            action: object(collection, FieldPath::root(), deleted),
        };
        let mut rules: Vec<EventRule> = kinds.whole.iter().map(|kind| rule(kind, false)).collect();
        rules.push(rule(kinds.deleted, true));
        Some(rules)
    };
    source.of.collections.iter().filter_map(rules).flatten().collect()
}

/// Notifications of commercetools say themselves which resource they are about, by the name of its type.
fn names_resources(part: &WebhookPart) -> bool {
    part.provider.as_ref().is_some_and(|provider| provider.value == Provider::Commercetools)
}

/// Each collection gets what is about the resources of its `type`. Most notifications only name one, so it has to be
/// fetched.
fn by_resource(key: &Key, source: &Target<'_>, report: &mut Report) -> Vec<EventRule> {
    for collection in source.of.collections.iter().filter(|collection| collection.fetch.is_none()) {
        let message = format!(
            "most notifications only name what they are about, and {} has no `fetch`: expected one, or `events` here",
            collection.key
        );
        report.fault(&key.place, message);
    }
    let rule = |collection: &Collection| EventRule {
        kinds: Kinds::Beginning(format!("{}.", collection.object_type)),
        action: object(collection, FieldPath::root(), false),
    };
    let mut rules: Vec<EventRule> = source.of.collections.iter().map(rule).collect();
    rules.sort_by(|a, b| b.kinds.cmp(&a.kinds));
    rules
}

fn rule(key: &Key, part: &EventPart, source: &Target<'_>, report: &mut Report) -> Option<EventRule> {
    let kinds = match key.text.strip_suffix('*') {
        Some(beginning) => Kinds::Beginning(beginning.to_owned()),
        None => Kinds::Exactly(key.text.clone()),
    };
    let (Kinds::Beginning(text) | Kinds::Exactly(text)) = &kinds;
    if text.contains('*') || key.text.is_empty() {
        let found = quote(&key.text);
        report
            .fault(&key.place, format!("expected what happened, or its beginning and one * at the end, found {found}"));
        return None;
    }
    let action = match part {
        EventPart::Ignore => EventAction::Ignore,
        EventPart::Action(part) => action(part, source, report)?,
    };
    Some(EventRule { kinds, action })
}

fn action(
    At { place, value: part, .. }: &At<ActionPart>,
    source: &Target<'_>,
    report: &mut Report,
) -> Option<EventAction> {
    let item = part.item.clone().unwrap_or_else(FieldPath::root);
    match (&part.collection, &part.message) {
        (Some(named), None) => {
            let collection = collection(named, source, report)?;
            let deleted = part.deleted.as_ref().is_some_and(|flag| flag.value.0);
            let Some(At { place, value: Field(id), .. }) = &part.id else {
                return Some(object(collection, item, deleted));
            };
            if part.item.is_some() || part.deleted.is_some() {
                report.fault(place, "an object that is only named is fetched: expected no `item` and no `deleted`");
            }
            if collection.fetch.is_none() {
                let message = format!("objects that are only named are fetched, and {} has no `fetch`", named.shown);
                report.fault(place, message);
            }
            Some(EventAction::Thin { collection: collection.key.clone(), id: id.clone() })
        }
        (None, Some(message)) => {
            let wrong: [Option<&Place>; 2] =
                [part.deleted.as_ref().map(|part| &part.place), part.id.as_ref().map(|part| &part.place)];
            for place in wrong.into_iter().flatten() {
                report.fault(place, "a message is no object: expected only `item` beside `message`");
            }
            Some(EventAction::Message { message: message.value.clone(), item })
        }
        (collection, _) => {
            let found = if collection.is_some() { "both" } else { "neither" };
            report.fault(place, format!("expected either a collection or a message, found {found}"));
            None
        }
    }
}

fn object(collection: &Collection, item: FieldPath, deleted: bool) -> EventAction {
    EventAction::Object { collection: collection.key.clone(), item, deleted }
}

fn collection<'a>(named: &At<String>, source: &Target<'a>, report: &mut Report) -> Option<&'a Collection> {
    let Target { of, known } = source;
    if !known.contains(&named.value.as_str()) {
        let expected = if known.is_empty() { "it has none".to_owned() } else { format!("expected {}", one_of(known)) };
        let message = format!("{} has no collection {}; {expected}", of.name, named.shown);
        report.suggest(&named.place, message, did_you_mean(&named.value, known.iter().copied()));
    }
    of.collections.iter().find(|collection| collection.key.collection.as_str() == named.value)
}
