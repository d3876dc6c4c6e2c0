//! The hub's own stack: its parameters, a nested stack per shard, a schedule per collection and way of polling it.

use std::{collections::BTreeMap, time::Duration};

use crossdock_core::{hub::Hub, id::CollectionKey, poll::Way};

use super::{
    HEAD, Member, endpoint, file,
    logical::logical,
    yaml::{Map, Yaml},
};
use crate::{
    limits::{DISPATCHER_TIMEOUT, POLLER_TIMEOUT, QUEUE_VISIBILITY, SCHEDULE_UNIT, least_runtime},
    names,
};

pub(super) const FILE: &str = "hub.yaml";

/// Seconds until a message that still waits is worth an alarm: longer than the first five attempts of the default
/// schedule take. SQS leaves messages that were received three times and more out of this metric, so long waits between
/// later attempts raise none.
const OLDEST_MESSAGE: u64 = 60 * 60;

/// How long a schedule goes on trying to invoke the poller. The next poll does the same work, so not beyond that; a
/// minute is the least that EventBridge Scheduler takes, a day the most.
const LEAST_AGE: Duration = Duration::from_secs(60);
const MOST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds that a function may run (`lambda/latest/dg/gettingstarted-limits.html`).
const MOST_RUNTIME: u64 = 900;

pub(super) fn stack(hub: &Hub, shards: &BTreeMap<u8, Vec<Member<'_>>>) -> (String, usize) {
    let mut resources = Map::default();
    for (number, members) in shards {
        let names: Vec<&str> = members.iter().map(|member| member.endpoint.name.as_str()).collect();
        let given = endpoint::parameters(members);
        let given = given.into_iter().fold(Map::default(), |map, name| map.with(name, Yaml::reference(name)));
        let properties = Map::default().with("TemplateURL", file(*number)).with("Parameters", given);
        resources.put(
            Some(names.join(", ")),
            format!("Endpoints{number:02}"),
            Map::default().with("Type", "AWS::CloudFormation::Stack").with("Properties", properties),
        );
    }
    for collection in hub.sources.values().flat_map(|source| &source.collections) {
        let key = &collection.key;
        let reconcile = collection.reconcile.iter().map(|rule| (Way::Reconcile, rule.every));
        let fetch = collection.fetch.iter().map(|_| (Way::Fetch, SCHEDULE_UNIT));
        for (way, every) in std::iter::once((Way::Poll, collection.every)).chain(reconcile).chain(fetch) {
            let (about, resource) = match way {
                Way::Poll => (format!("collection {key}"), "Schedule"),
                Way::Reconcile => (format!("collection {key}, reconciled"), "ReconcileSchedule"),
                Way::Fetch => (format!("collection {key}, thin events"), "FetchSchedule"),
            };
            resources.put(
                Some(about),
                format!("{}{resource}", logical(&key.to_string())),
                schedule(key, way, every, hub.enabled),
            );
        }
    }
    let count = resources.len();
    let document = Map::default()
        .with("AWSTemplateFormatVersion", "2010-09-09")
        .with("Description", format!("Crossdock hub {}: what depends on the hub file", hub.name))
        .with("Metadata", linting())
        .with("Parameters", parameters(hub))
        .with("Resources", resources)
        .with("Outputs", outputs());
    (document.document(&[HEAD, "template.yaml nests this stack and gives it its parameters."]), count)
}

/// What cfn-lint need not say: that the nested files are uploaded by `sam deploy` (W3002), and that a hub without
/// collections, or without endpoints, uses fewer of the parameters that are the same for every hub (W2001).
fn linting() -> Map {
    let ignored = Map::default().with("ignore_checks", ["W2001", "W3002"]);
    Map::default().with("cfn-lint", Map::default().with("config", ignored))
}

/// The same for every hub, so that `template.yaml` need not know what is in it. How long the functions run is among them
/// for its least value alone: CloudFormation refuses a function that would have no time for what the hub file asks of it.
fn parameters(hub: &Hub) -> Map {
    let text = |about: &str| Map::default().with("Type", "String").with("Description", about);
    let seconds = |default: u64, least: u64, most: u64, about: &str| {
        Map::default()
            .with("Type", "Number")
            .with("Default", default)
            .with("MinValue", least)
            .with("MaxValue", most)
            .with("Description", about)
    };
    Map::default()
        .with(
            "Prefix",
            text("What the names of queues and alarms begin with: the name of the outermost stack.")
                .with("AllowedPattern", names::PREFIX_PATTERN),
        )
        .with("BusName", text("The hub's own event bus."))
        .with("DispatcherArn", text("The function that delivers."))
        .with("PollerArn", text("The function that polls."))
        .with("SchedulerRoleArn", text("Lets schedules invoke the poller and send to the queue of failed invocations."))
        .with("ScheduleGroupName", text("The group that the schedules are in."))
        .with("FailedEventsQueueArn", text("Takes events that could not be brought to an endpoint's queue."))
        .with("FailedInvocationsQueueArn", text("Takes scheduled polls that could not be started."))
        .with("AlarmTopicArn", text("The topic that alarms go to."))
        .with(
            "QueueVisibility",
            seconds(
                QUEUE_VISIBILITY.as_secs(),
                0,
                12 * 60 * 60,
                "Seconds a received message stays hidden: six times the dispatcher's timeout.",
            ),
        )
        .with(
            "OldestMessageAlarm",
            seconds(OLDEST_MESSAGE, 60, 14 * 24 * 60 * 60, "Seconds a message may wait before there is an alarm."),
        )
        .with(
            "DispatcherTimeout",
            seconds(
                DISPATCHER_TIMEOUT.as_secs(),
                least_runtime(longest(hub.endpoints.values().map(|endpoint| endpoint.timeout))).as_secs(),
                MOST_RUNTIME,
                "Seconds the dispatcher may run. Least: the longest timeout of an endpoint, and time around it.",
            ),
        )
        .with(
            "PollerTimeout",
            seconds(
                POLLER_TIMEOUT.as_secs(),
                least_runtime(longest(asked_within(hub))).as_secs(),
                MOST_RUNTIME,
                "Seconds the poller may run. Least: limits.timeout, or the longest timeout of an endpoint that is polled, and time around it.",
            ),
        )
}

/// What was checked, so that it is not there for nothing.
fn outputs() -> Map {
    let output =
        |name: &str, about: &str| Map::default().with("Description", about).with("Value", Yaml::reference(name));
    Map::default()
        .with("DispatcherTimeout", output("DispatcherTimeout", "Seconds the dispatcher may run: enough for this hub."))
        .with("PollerTimeout", output("PollerTimeout", "Seconds the poller may run: enough for this hub."))
}

/// How long each of the poller's requests may take: sources have the hub's time, endpoints that are polled their own.
fn asked_within(hub: &Hub) -> impl Iterator<Item = Duration> {
    let remotes = hub.sources.values().flat_map(|source| &source.collections).filter_map(|one| one.remote.as_ref());
    let endpoints = remotes.filter_map(|remote| hub.endpoints.get(&remote.endpoint)).map(|endpoint| endpoint.timeout);
    (!hub.sources.is_empty()).then_some(hub.limits.timeout).into_iter().chain(endpoints)
}

fn longest(timeouts: impl IntoIterator<Item = Duration>) -> Duration {
    timeouts.into_iter().max().unwrap_or_default()
}

fn schedule(key: &CollectionKey, way: Way, every: Duration, enabled: bool) -> Map {
    let (name, what, way) = match way {
        Way::Poll => (names::schedule(key), "polls", ""),
        Way::Reconcile => (names::reconcile_schedule(key), "reconciles", r#","way":"reconcile""#),
        Way::Fetch => (names::fetch_schedule(key), "completes thin events of", r#","way":"fetch""#),
    };
    let input = format!(r#"{{"task":"poll","collection":"{key}"{way}}}"#);
    let age = every.clamp(LEAST_AGE, MOST_AGE);
    let target = Map::default()
        .with("Arn", Yaml::reference("PollerArn"))
        .with("RoleArn", Yaml::reference("SchedulerRoleArn"))
        .with("Input", input)
        .with(
            "RetryPolicy",
            Map::default().with("MaximumEventAgeInSeconds", age.as_secs()).with("MaximumRetryAttempts", 3_u64),
        )
        .with("DeadLetterConfig", Map::default().with("Arn", Yaml::reference("FailedInvocationsQueueArn")));
    let properties = Map::default()
        .with("Name", name)
        .with("GroupName", Yaml::reference("ScheduleGroupName"))
        .with("Description", format!("Crossdock {what} {key}"))
        .with("ScheduleExpression", rate(every))
        .with("FlexibleTimeWindow", Map::default().with("Mode", "OFF"))
        .with("State", if enabled { "ENABLED" } else { "DISABLED" })
        .with("Target", target);
    Map::default().with("Type", "AWS::Scheduler::Schedule").with("Properties", properties)
}

/// In the largest unit that fits. What is no whole number of minutes is refused before anything is rendered.
fn rate(every: Duration) -> String {
    let minutes = every.as_secs() / SCHEDULE_UNIT.as_secs();
    let (count, unit) = match minutes {
        whole if whole % (24 * 60) == 0 => (whole / (24 * 60), "day"),
        whole if whole % 60 == 0 => (whole / 60, "hour"),
        whole => (whole, "minute"),
    };
    format!("rate({count} {unit}{})", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_rates() {
        let check =
            |minutes: u64, expected: &str| assert_eq!(rate(60 * Duration::from_secs(1) * minutes as u32), expected);
        check(1, "rate(1 minute)");
        check(90, "rate(90 minutes)");
        check(60, "rate(1 hour)");
        check(120, "rate(2 hours)");
        check(24 * 60, "rate(1 day)");
        check(48 * 60, "rate(2 days)");
    }
}
