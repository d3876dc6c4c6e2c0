//! What everything on AWS is called: one place that the template, the functions and the command agree on.
//!
//! A name is made of the stack's own name (the prefix) and the names in the hub file, and can be read back: the
//! dispatcher learns the endpoint from the queue that its records come from. So no name of a queue is ever cut, and it is
//! the prefix that is limited instead. Nothing here looks at an account; a name that another stack has taken is
//! CloudFormation's to refuse.
//!
//! The lengths are those of the services' own API references.

use std::fmt;

use crossdock_core::{
    id::{CollectionKey, EndpointName, HubName, RouteName, SecretName, WebhookId},
    port::QueueName,
};
use sha2::{Digest, Sha256};

/// A stack's name as a prefix: the longest queue is `<prefix>-dead-<endpoint>`, an endpoint's name has up to 40
/// characters, and SQS takes 80 (`CreateQueue`).
pub const MAX_PREFIX: usize = 34;

/// What stands between the prefix and the rest in the names of a stack's queues; the roles of a stack name all of a kind at
/// once. In the name of another stack of the account, such a word would make that one's queues this one's: those of
/// `shop-to-erp` begin with `shop-to-`.
const KINDS: [&str; 4] = ["to", "dead", "from", "unread"];

/// What a stack can be called, as a pattern for `AllowedPattern` of a template's parameter.
pub const PREFIX_PATTERN: &str = "^(?!.*-(to|dead|from|unread)(-|$))[A-Za-z][A-Za-z0-9-]{0,33}$";

/// EventBridge Scheduler's `CreateSchedule`.
const MAX_SCHEDULE: usize = 64;

/// What `<prefix>-unread-` leaves of a queue's name.
const MAX_WEBHOOK: usize = 38;
/// What `<prefix>-` leaves of a rule's name (EventBridge's `PutRule`: 64).
const MAX_WEBHOOK_RULE: usize = 29;

/// The schedule that publishes what was left pending. No collection's schedule is called so: those have a dot.
pub const PUBLISH_SCHEDULE: &str = "publish";
/// The schedule that looks for expected deliveries without an outcome.
pub const SWEEP_SCHEDULE: &str = "sweep";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} cannot name a stack of Crossdock: expected a letter, then letters, digits or '-', at most {MAX_PREFIX} \
     characters, because the names of its queues begin with it; and not the words to, dead, from or unread behind a '-', \
     because its queues would be called as those of another stack are"
)]
pub struct InvalidPrefix {
    pub found: String,
}

/// The functions of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    Poller,
    Dispatcher,
    Ingest,
}

impl Function {
    pub const ALL: [Self; 3] = [Self::Poller, Self::Dispatcher, Self::Ingest];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poller => "poller",
            Self::Dispatcher => "dispatcher",
            Self::Ingest => "ingest",
        }
    }
}

/// The names of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Of the stack called `prefix`.
    pub fn new(prefix: &str) -> Result<Self, InvalidPrefix> {
        let good = prefix.len() <= MAX_PREFIX
            && prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !prefix.split('-').skip(1).any(|word| KINDS.contains(&word));
        if good { Ok(Self { prefix: prefix.to_owned() }) } else { Err(InvalidPrefix { found: prefix.to_owned() }) }
    }

    /// As a template writes them inside `Fn::Sub`, where the stack's name is known only when it is deployed: the prefix
    /// is `${variable}`.
    pub fn substituted(variable: &str) -> Self {
        Self { prefix: format!("${{{variable}}}") }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn table(&self) -> &str {
        &self.prefix
    }

    pub fn bus(&self) -> &str {
        &self.prefix
    }

    pub fn schedule_group(&self) -> &str {
        &self.prefix
    }

    pub fn function(&self, function: Function) -> String {
        self.with(function.as_str())
    }

    pub fn queue(&self, queue: &QueueName) -> String {
        match queue {
            QueueName::Endpoint(endpoint) => self.with(format_args!("to-{endpoint}")),
            QueueName::DeadLetters(endpoint) => self.with(format_args!("dead-{endpoint}")),
        }
    }

    /// The queue that is called so; `None` for one that is no endpoint's.
    pub fn queue_called(&self, name: &str) -> Option<QueueName> {
        let rest = name.strip_prefix(&self.prefix)?;
        let (kind, endpoint): (fn(EndpointName) -> QueueName, &str) = match rest.strip_prefix("-to-") {
            Some(endpoint) => (QueueName::Endpoint, endpoint),
            None => (QueueName::DeadLetters, rest.strip_prefix("-dead-")?),
        };
        EndpointName::new(endpoint).ok().map(kind)
    }

    /// Takes the events that EventBridge could not bring to an endpoint's queue.
    pub fn failed_events(&self) -> String {
        self.with("failed-events")
    }

    /// Takes what the functions were invoked with, where an asynchronous invocation failed for good.
    pub fn failed_invocations(&self) -> String {
        self.with("failed-invocations")
    }

    /// Takes what a bus has for a webhook.
    pub fn webhook_queue(&self, webhook: &WebhookId) -> String {
        self.with(format_args!("from-{}", cut(webhook.as_str(), MAX_WEBHOOK)))
    }

    /// Takes what a bus had for a webhook and ingest could not take in.
    pub fn webhook_dead_letters(&self, webhook: &WebhookId) -> String {
        self.with(format_args!("unread-{}", cut(webhook.as_str(), MAX_WEBHOOK)))
    }

    /// The rule on a bus for a webhook. The bus is not the stack's own, so the name begins with the stack's.
    pub fn webhook_rule(&self, webhook: &WebhookId) -> String {
        self.with(cut(webhook.as_str(), MAX_WEBHOOK_RULE))
    }

    fn with(&self, rest: impl fmt::Display) -> String {
        format!("{}-{rest}", self.prefix)
    }
}

/// The rule of a route to an endpoint, on the stack's own bus: `<route>.<shard>`. A route that is led to an endpoint of
/// another nested stack gets a new rule there before the old one goes, and a bus has no two rules of one name.
pub fn rule(route: &RouteName, to: &EndpointName) -> String {
    format!("{route}.{}", crate::shard(to))
}

/// The schedule of a collection, in the stack's own group: `<source>.<collection>`. The dot is in no source's name, so
/// no two collections share a schedule. Where that is too long its end is replaced by a hash of the whole.
pub fn schedule(collection: &CollectionKey) -> String {
    fitting(format!("{}.{}", collection.source, collection.collection))
}

/// The schedule of a collection's wide poll: `<source>.<collection>.reconcile`. Only what is polled has a schedule, and of
/// that no name has a dot.
pub fn reconcile_schedule(collection: &CollectionKey) -> String {
    fitting(format!("{}.{}.reconcile", collection.source, collection.collection))
}

/// The schedule that completes a collection's thin events: `<source>.<collection>.fetch`.
pub fn fetch_schedule(collection: &CollectionKey) -> String {
    fitting(format!("{}.{}.fetch", collection.source, collection.collection))
}

fn fitting(whole: String) -> String {
    match whole.len() {
        ..=MAX_SCHEDULE => whole,
        _ => hashed(&whole, MAX_SCHEDULE, '.'),
    }
}

/// A webhook's id as a part of a name: whole, or its beginning and a hash.
fn cut(id: &str, most: usize) -> String {
    if id.len() <= most { id.to_owned() } else { hashed(id, most, '-') }
}

fn hashed(whole: &str, most: usize, joint: char) -> String {
    let digest = Sha256::digest(whole);
    let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    // Names are ASCII, so any place is between two characters.
    format!("{}{joint}{hash}", &whole[..most - 1 - hash.len()])
}

/// The folder of a hub's secrets in the parameter store.
pub fn secrets(hub: &HubName) -> String {
    format!("/{hub}")
}

/// How no folder may begin, whatever its case: the parameter store refuses it (`PutParameter`, "Name"). What it has of
/// Secrets Manager is in a folder of its own.
pub fn reserved(folder: &str) -> Option<&'static str> {
    let first = folder.trim_start_matches('/');
    let is_theirs = folder.starts_with("/aws/reference/secretsmanager/");
    let begins = |prefix: &&str| first.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    ["aws", "ssm"].into_iter().find(begins).filter(|_| !is_theirs)
}

/// One secret's parameter in such a folder.
pub fn secret(folder: &str, name: &SecretName) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longest<T: std::str::FromStr<Err = crossdock_core::id::InvalidName>>() -> T {
        "n".repeat(40).parse().unwrap()
    }

    fn collection(source: &str, collection: &str) -> CollectionKey {
        CollectionKey { source: source.parse().unwrap(), collection: collection.parse().unwrap() }
    }

    /// With the longest of everything, against the limits and alphabets of each service's API reference.
    #[test]
    fn every_name_keeps_to_its_service() {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let dotted = |c: char| plain(c) || c == '.';
        let check = |name: &str, max: usize, letters: &dyn Fn(char) -> bool| {
            assert!((3..=max).contains(&name.len()), "{name}: {} of {max}", name.len());
            assert!(name.chars().all(letters), "{name}");
        };
        let names = Names::new(&"p".repeat(MAX_PREFIX)).unwrap();
        let endpoint: EndpointName = longest();
        for queue in [QueueName::Endpoint(endpoint.clone()), QueueName::DeadLetters(endpoint)] {
            check(&names.queue(&queue), 80, &plain);
        }
        let webhook: WebhookId = "w".repeat(60).parse().unwrap();
        check(&names.webhook_queue(&webhook), 80, &plain);
        check(&names.webhook_dead_letters(&webhook), 80, &plain);
        check(&names.webhook_rule(&webhook), 64, &dotted);
        check(&names.failed_events(), 80, &plain);
        check(&names.failed_invocations(), 80, &plain);
        check(names.table(), 255, &dotted);
        check(names.bus(), 256, &dotted);
        check(names.schedule_group(), 64, &dotted);
        for function in Function::ALL {
            check(&names.function(function), 64, &plain);
        }
        check(&rule(&longest(), &longest()), 64, &dotted);
        check(&schedule(&CollectionKey { source: longest(), collection: longest() }), 64, &dotted);
        check(&fetch_schedule(&CollectionKey { source: longest(), collection: longest() }), 64, &dotted);
        check(&reconcile_schedule(&CollectionKey { source: longest(), collection: longest() }), 64, &dotted);
        let parameter = secret(&secrets(&longest()), &longest());
        // 1,011 characters with the ARN in front of it (`PutParameter`).
        check(&parameter, 900, &|c| dotted(c) || c == '/');
        assert!(parameter.starts_with('/'));
    }

    #[test]
    fn a_prefix_that_would_not_fit_is_refused() {
        for bad in ["", "1shop", "-shop", "my_shop", "my shop", "shöp", &"p".repeat(MAX_PREFIX + 1)] {
            let error = Names::new(bad).unwrap_err();
            assert!(error.to_string().contains("at most 34 characters"), "{error}");
        }
        for bad in ["shop-to", "shop-to-erp", "a-b-dead-c", "x-from", "shop--unread"] {
            let error = Names::new(bad).unwrap_err();
            assert!(error.to_string().contains("called as those of another stack"), "{error}");
        }
        for good in ["s", "My-Shop2", "to-shop", "shop-tools", "undead", "shop-To", &"p".repeat(MAX_PREFIX)] {
            assert_eq!(Names::new(good).unwrap().prefix(), good);
        }
        assert!(PREFIX_PATTERN.contains(&format!("{{0,{}}}", MAX_PREFIX - 1)));
        assert!(PREFIX_PATTERN.contains(&format!("-({})(-|$)", KINDS.join("|"))));
    }

    /// Roles name a stack's queues by what their names begin with, and so does the dispatcher know its own.
    #[test]
    fn no_stack_has_a_queue_that_is_called_as_another_stacks() {
        let words = ["a", "to", "b", "dead", "from", "unread", "A"];
        let mut all: Vec<String> = words.map(str::to_owned).into();
        for _ in 0..2 {
            let longer = all.iter().flat_map(|name| words.map(|word| format!("{name}-{word}")));
            all = all.iter().cloned().chain(longer).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        }
        let stacks: Vec<Names> = all.iter().filter_map(|name| Names::new(name).ok()).collect();
        assert!(stacks.len() > 50, "{}", stacks.len());
        let queues = |names: &Names| {
            let endpoints = ["a", "to-a", "dead-b"].map(|name| name.parse::<EndpointName>().unwrap());
            let of_endpoints = endpoints.into_iter().flat_map(|endpoint| {
                [QueueName::Endpoint(endpoint.clone()), QueueName::DeadLetters(endpoint)]
                    .map(|queue| names.queue(&queue))
            });
            let webhooks = ["a", "to-a", "dead-b"].map(|id| id.parse::<WebhookId>().unwrap());
            let of_webhooks =
                webhooks.into_iter().flat_map(|id| [names.webhook_queue(&id), names.webhook_dead_letters(&id)]);
            of_endpoints
                .chain(of_webhooks)
                .chain([names.failed_events(), names.failed_invocations()])
                .collect::<Vec<_>>()
        };
        for one in &stacks {
            for other in stacks.iter().filter(|other| *other != one) {
                for queue in queues(other) {
                    for kind in KINDS {
                        let named = format!("{}-{kind}-", one.prefix());
                        assert!(!queue.starts_with(&named), "{queue} of {} is named by {named}*", other.prefix());
                    }
                    assert_eq!(
                        one.queue_called(&queue),
                        None,
                        "{queue} of {} is none of {}",
                        other.prefix(),
                        one.prefix()
                    );
                }
            }
        }
    }

    #[test]
    fn folders_that_the_parameter_store_keeps_for_itself() {
        for (folder, expected) in [
            ("/shop", None),
            ("/my-aws", None),
            ("/aws-shop", Some("aws")),
            ("/AWSome", Some("aws")),
            ("/Ssm", Some("ssm")),
            ("/aw", None),
            ("/aws/reference/secretsmanager/shop", None),
        ] {
            assert_eq!(reserved(folder), expected, "{folder}");
        }
    }

    #[test]
    fn a_queue_tells_its_endpoint() {
        let names = Names::new("shop").unwrap();
        for endpoint in ["accounting", "to-x", "dead-to-x", "a"] {
            let endpoint: EndpointName = endpoint.parse().unwrap();
            for queue in [QueueName::Endpoint(endpoint.clone()), QueueName::DeadLetters(endpoint)] {
                assert_eq!(names.queue_called(&names.queue(&queue)), Some(queue));
            }
        }
        for other in ["shop-failed-events", "shop-to-", "shop-to-Big", "shops-to-a", "to-a", "shop", ""] {
            assert_eq!(names.queue_called(other), None, "{other}");
        }
    }

    #[test]
    fn the_names_of_a_stack() {
        let names = Names::new("shop").unwrap();
        let endpoint: EndpointName = "mail".parse().unwrap();
        assert_eq!(names.queue(&QueueName::Endpoint(endpoint.clone())), "shop-to-mail");
        assert_eq!(names.queue(&QueueName::DeadLetters(endpoint.clone())), "shop-dead-mail");
        assert_eq!(names.failed_events(), "shop-failed-events");
        assert_eq!(names.failed_invocations(), "shop-failed-invocations");
        assert_eq!(names.function(Function::Poller), "shop-poller");
        assert_eq!(Names::substituted("Prefix").queue(&QueueName::Endpoint(endpoint)), "${Prefix}-to-mail");
        assert_eq!(secret(&secrets(&"shop".parse().unwrap()), &"store-token".parse().unwrap()), "/shop/store-token");
        assert_eq!(secret("/shop/", &"t".parse().unwrap()), "/shop/t");
    }

    #[test]
    fn no_two_webhooks_share_a_queue() {
        let names = Names::new("shop").unwrap();
        let queue = |id: &str| names.webhook_queue(&id.parse().unwrap());
        assert_eq!(queue("Orders_1"), "shop-from-Orders_1");
        assert_eq!(names.webhook_dead_letters(&"orders".parse().unwrap()), "shop-unread-orders");
        assert_eq!(names.webhook_rule(&"orders".parse().unwrap()), "shop-orders");
        let long = "o".repeat(40);
        assert_ne!(queue(&format!("{long}1")), queue(&format!("{long}2")));
        assert_eq!(names.queue_called(&queue("to-mail")), None, "no endpoint's");
    }

    #[test]
    fn no_two_collections_share_a_schedule() {
        assert_eq!(schedule(&collection("my-store", "orders")), "my-store.orders");
        assert_eq!(fetch_schedule(&collection("my-store", "orders")), "my-store.orders.fetch");
        assert_eq!(reconcile_schedule(&collection("my-store", "orders")), "my-store.orders.reconcile");
        assert_ne!(schedule(&collection("a-b", "c")), schedule(&collection("a", "b-c")));
        let long = "s".repeat(40);
        let (one, two) = ("c".repeat(40), format!("{}d", "c".repeat(39)));
        let (one, two) = (schedule(&collection(&long, &one)), schedule(&collection(&long, &two)));
        assert_ne!(one, two);
        assert_eq!((one.len(), two.len()), (64, 64));
        for fixed in [PUBLISH_SCHEDULE, SWEEP_SCHEDULE] {
            assert!(!fixed.contains('.'));
        }
    }
}
