//! `check --target aws`: what of a hub file AWS cannot do, and which quotas it asks more of than an account has.
//!
//! A fault is what could not be deployed or would not be kept to; `render` refuses it too. A note is a quota to raise, by
//! its name in Service Quotas, or a number that comes out a little different. What EventBridge cannot match is refused for
//! every home when the file is read (`crossdock_core::pattern`). Whether a URL may be asked at all is the caller's to
//! check: that needs the addresses' policy and the values of variables.

use std::{collections::BTreeMap, time::Duration};

use crossdock_core::{
    hub::{Channel, Fault, Hub, LoadedHub, Places},
    id::WebhookId,
    retry::RetryPolicy,
};

use crate::{
    limits::{
        CONCURRENT_EXECUTIONS, Concurrency, DISPATCHER_TIMEOUT, POLLER_TIMEOUT, QUEUE_RETENTION, RESERVE, RESOURCES,
        RULES, SCHEDULE_UNIT, SHORTEST_WAIT, TEMPLATE, WEBHOOK_RECEIVES, WEBHOOK_VISIBILITY,
    },
    names::{self, InvalidPrefix, Names},
    render::{self, Rendering},
};

/// Each in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub faults: Vec<Fault>,
    pub notes: Vec<Fault>,
}

pub fn check(loaded: &LoadedHub) -> Findings {
    let LoadedHub { hub, places, .. } = loaded;
    let mut findings = Findings::default();
    let mut seen = Seen { places, findings: &mut findings };
    seen.whole(hub);
    seen.collections(hub);
    seen.endpoints(hub);
    seen.routes(hub);
    seen.webhooks(hub);
    if seen.findings.faults.is_empty() {
        seen.sizes(&render::render(hub));
    }
    let order = |fault: &Fault| (fault.line, fault.column);
    findings.faults.sort_by_key(order);
    findings.notes.sort_by_key(order);
    findings
}

struct Seen<'a> {
    places: &'a Places,
    findings: &'a mut Findings,
}

impl Seen<'_> {
    fn fault(&mut self, path: &str, message: String, suggestion: impl Into<String>) {
        self.findings.faults.push(self.places.fault(path, message, Some(suggestion.into())));
    }

    fn note(&mut self, path: &str, message: String, suggestion: impl Into<String>) {
        self.findings.notes.push(self.places.fault(path, message, Some(suggestion.into())));
    }

    fn whole(&mut self, hub: &Hub) {
        if hub.endpoints.is_empty() && hub.sources.values().all(|source| source.collections.is_empty()) {
            self.fault(
                "hub",
                "there is nothing to deploy: expected a collection or an endpoint, found neither".to_owned(),
                "add one",
            );
        }
        if let Err(InvalidPrefix { found }) = Names::new(hub.name.as_str()) {
            let message = format!("the hub's name cannot be the stack's: {}", InvalidPrefix { found });
            self.note("hub", message, "give the stack another name when you deploy it");
        }
        if let Some(prefix) = names::reserved(&names::secrets(&hub.name)) {
            let message = format!(
                "a stack of the hub's name has no secrets: the parameter store takes no folder that begins with {prefix:?}, found {}",
                names::secrets(&hub.name)
            );
            self.note(
                "hub",
                message,
                "give the stack another name when you deploy it, or set its parameter SecretsFolder",
            );
        }
        if hub.limits.timeout > POLLER_TIMEOUT - RESERVE {
            let (most, found) = (show(POLLER_TIMEOUT - RESERVE), show(hub.limits.timeout));
            self.fault(
                "limits.timeout",
                format!(
                    "the poller runs for {} at most: expected a timeout up to {most}, found {found}",
                    show(POLLER_TIMEOUT)
                ),
                "shorten it",
            );
        }
        if hub.retention.dead_letters < QUEUE_RETENTION {
            let (kept, found) = (show(QUEUE_RETENTION), show(hub.retention.dead_letters));
            let message = format!("dead letters stay for {kept} on AWS, found {found}");
            self.note("retention.dead_letters", message, "longer than asked for; nothing need be done".to_owned());
        }
    }

    fn collections(&mut self, hub: &Hub) {
        for collection in hub.sources.values().flat_map(|source| &source.collections) {
            let key = &collection.key;
            let reconcile = collection.reconcile.iter().map(|rule| ("reconcile.every", rule.every));
            for (setting, every) in std::iter::once(("every", collection.every)).chain(reconcile) {
                let whole = every.as_millis().is_multiple_of(SCHEDULE_UNIT.as_millis());
                if whole && !every.is_zero() {
                    continue;
                }
                let message =
                    format!("a schedule of AWS has an interval of whole minutes, from 1m: found {}", show(every));
                let path = format!("sources.{}.collections.{}.{setting}", key.source, key.collection);
                self.fault(&path, message, "write 1m or more, or let a variable hold what differs: ${EVERY:-1m}");
            }
        }
    }

    fn endpoints(&mut self, hub: &Hub) {
        let mut running = 0;
        for (name, endpoint) in &hub.endpoints {
            let path = |key: &str| format!("endpoints.{name}.{key}");
            match Concurrency::of(endpoint.concurrency) {
                None => self.fault(
                    &path("concurrency"),
                    format!(
                        "a queue that Lambda reads has at least 2 requests at a time: expected 2 or more, found {}",
                        endpoint.concurrency
                    ),
                    "allow 2, or have the service take one at a time",
                ),
                Some(split) => {
                    running += split.invocations;
                    if split.total() < endpoint.concurrency {
                        let message = format!(
                            "on AWS {} requests at a time become {}: {} invocations with {} each",
                            endpoint.concurrency,
                            split.total(),
                            split.invocations,
                            split.requests
                        );
                        self.note(&path("concurrency"), message, "multiples of ten are used in full");
                    }
                }
            }
            let longest = DISPATCHER_TIMEOUT - RESERVE;
            if endpoint.timeout > longest {
                let message = format!(
                    "the dispatcher runs for {} at most: expected a timeout up to {}, found {}",
                    show(DISPATCHER_TIMEOUT),
                    show(longest),
                    show(endpoint.timeout)
                );
                self.fault(&path("timeout"), message, "shorten it, or have the service answer before it is done");
            }
            if shortest(&endpoint.retries).is_some_and(|wait| wait < SHORTEST_WAIT) {
                let message = "a queue of SQS counts waits in whole seconds".to_owned();
                self.note(&path("retries"), message, "on AWS a shorter wait is 1s");
            }
        }
        if running > CONCURRENT_EXECUTIONS {
            let message = format!(
                "all endpoints together run {running} functions at a time; an account has {CONCURRENT_EXECUTIONS} by default"
            );
            self.note(
                "endpoints",
                message,
                "raise the quota \"Concurrent executions\" of AWS Lambda, or lower some `concurrency`",
            );
        }
    }

    fn routes(&mut self, hub: &Hub) {
        let rules = hub
            .routes
            .iter()
            .enumerate()
            .filter(|(_, route)| hub.endpoints.get(&route.to).is_some_and(|endpoint| !endpoint.drain));
        let count = rules.clone().count();
        if let Some((first, _)) = rules.clone().nth(RULES) {
            let message = format!(
                "{count} routes need {count} rules on one bus, which has {RULES} by default; this is the first beyond"
            );
            self.note(&format!("routes[{first}]"), message, "raise the quota \"Rules\" of Amazon EventBridge");
        }
    }

    fn webhooks(&mut self, hub: &Hub) {
        let mut read: BTreeMap<&str, &WebhookId> = BTreeMap::new();
        for (id, webhook) in &hub.webhooks {
            let Channel::Queue(arn) = &webhook.from else { continue };
            let path = format!("webhooks.{id}.from.queue");
            if arn.ends_with(".fifo") {
                let message =
                    format!("events of one batch are taken in side by side: expected a standard queue, found {arn}");
                self.fault(&path, message, "let its sender write to a standard queue");
            } else if let Some(other) = read.insert(arn, id) {
                let message = format!("webhook {other} reads this queue already, and an event goes to one reader only");
                self.fault(&path, message, "give each webhook a queue of its own");
            } else {
                let message = format!(
                    "what cannot be taken in (it cannot be read, the store is in trouble, the hub or the webhook is switched \
                     off) goes back to this queue, which is not the hub's to set up, and each time is a receive; after \
                     maxReceiveCount of them it is in its dead-letter queue: with 5, and {} of visibility, in {}",
                    show(WEBHOOK_VISIBILITY),
                    show(WEBHOOK_VISIBILITY * 5)
                );
                let suggestion = format!(
                    "give it a dead-letter queue (a redrive policy) with maxReceiveCount {WEBHOOK_RECEIVES}; without one, what \
                     cannot be read stays until it is too old"
                );
                self.note(&path, message, suggestion);
            }
        }
    }

    fn sizes(&mut self, rendering: &Rendering) {
        for (file, resources) in &rendering.resources {
            let size = rendering.files.get(file).map_or(0, String::len);
            let suggestion = "a hub this large is better two hubs, each with its own file and stack";
            if *resources > RESOURCES {
                let message =
                    format!("{file} would have {resources} resources; CloudFormation takes {RESOURCES} in a stack");
                self.fault("endpoints", message, suggestion);
            }
            if size > TEMPLATE {
                let message = format!("{file} would have {size} bytes; CloudFormation takes {TEMPLATE} in a template");
                self.fault("endpoints", message, suggestion);
            }
        }
    }
}

fn shortest(retries: &RetryPolicy) -> Option<Duration> {
    retries.waits().iter().min().copied()
}

/// In the unit that says it best.
fn show(span: Duration) -> String {
    match span.as_millis() {
        millis if millis % 1_000 != 0 => format!("{millis}ms"),
        millis if millis % 60_000 != 0 => format!("{}s", millis / 1_000),
        millis => format!("{}m", millis / 60_000),
    }
}

#[cfg(test)]
mod tests;
