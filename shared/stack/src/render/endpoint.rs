//! The stack of one shard: per endpoint its queues, what may send to them, and the mapping to the dispatcher; per route a
//! rule on the bus; alarms over both.

use crossdock_core::{
    hub::{Endpoint, Hub, Route},
    port::QueueName,
};

use super::{
    HEAD, Member,
    logical::logical,
    yaml::{Map, Yaml},
};
use crate::{
    limits::{BATCH, Concurrency, LEAST_INVOCATIONS, MOST_RECEIVES, QUEUE_RETENTION},
    names::{self, Names},
};

/// How long EventBridge goes on trying to reach a queue before the event goes to the failed ones: its own longest, a day
/// and 185 times (`eventbridge/latest/userguide/eb-rule-retry-policy.html`).
pub(super) const EVENT_AGE: u64 = 24 * 60 * 60;
pub(super) const EVENT_RETRIES: u64 = 185;

/// Seconds over which a metric is looked at. SQS gives its metrics every minute and may be late.
const PERIOD: u64 = 300;

/// The parameters that the stack of these endpoints needs of those that the hub's has.
pub(super) fn parameters(members: &[Member<'_>]) -> Vec<&'static str> {
    let mut names = vec!["Prefix", "BusName", "DispatcherArn", "AlarmTopicArn"];
    if members.iter().any(|member| !member.routes.is_empty()) {
        names.push("FailedEventsQueueArn");
    }
    names.extend(["QueueVisibility", "OldestMessageAlarm"]);
    names
}

pub(super) fn stack(hub: &Hub, shard: u8, members: &[Member<'_>]) -> (String, usize) {
    let mut resources = Map::default();
    for member in members {
        endpoint(member.endpoint, &mut resources);
        for route in &member.routes {
            rule(route, &mut resources);
        }
    }
    let mut declared = Map::default();
    for name in parameters(members) {
        let kind = if matches!(name, "QueueVisibility" | "OldestMessageAlarm") { "Number" } else { "String" };
        declared = declared.with(name, Map::default().with("Type", kind));
    }
    let count = resources.len();
    let document = Map::default()
        .with("AWSTemplateFormatVersion", "2010-09-09")
        .with("Description", format!("Crossdock hub {}: endpoints of shard {shard}", hub.name))
        .with("Parameters", declared)
        .with("Resources", resources);
    (document.document(&[HEAD]), count)
}

fn endpoint(endpoint: &Endpoint, resources: &mut Map) {
    let name = &endpoint.name;
    let id = logical(name.as_str());
    let (queue, dead) = (format!("{id}Queue"), format!("{id}DeadLetters"));
    let names = Names::substituted("Prefix");
    let redrive = Map::default().with("deadLetterTargetArn", Yaml::arn(&dead)).with("maxReceiveCount", MOST_RECEIVES);
    let said = if endpoint.drain { ": nothing new goes there, what waits is still sent" } else { "" };
    resources.put(
        Some(format!("--- endpoint {name}{said} ---")),
        queue.clone(),
        kept(
            "AWS::SQS::Queue",
            Map::default()
                .with("QueueName", Yaml::sub(names.queue(&QueueName::Endpoint(name.clone()))))
                .with("SqsManagedSseEnabled", true)
                .with("MessageRetentionPeriod", QUEUE_RETENTION.as_secs())
                .with("VisibilityTimeout", Yaml::reference("QueueVisibility"))
                .with("RedrivePolicy", redrive),
        ),
    );
    // As long as SQS can: what it moves here by itself keeps the time at which it was first sent, and with a shorter term
    // might be gone on arrival.
    resources.put(
        None,
        dead.clone(),
        kept(
            "AWS::SQS::Queue",
            Map::default()
                .with("QueueName", Yaml::sub(names.queue(&QueueName::DeadLetters(name.clone()))))
                .with("SqsManagedSseEnabled", true)
                .with("MessageRetentionPeriod", QUEUE_RETENTION.as_secs()),
        ),
    );
    // Of all rules of the hub's own bus, not of this endpoint's by name: it takes SQS up to a minute to heed a changed
    // policy, and so a new route would lose time.
    let rules = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${BusName}/*";
    let from_the_bus = Map::default()
        .with("Sid", "FromTheHubsRules")
        .with("Effect", "Allow")
        .with("Principal", Map::default().with("Service", "events.amazonaws.com"))
        .with("Action", "sqs:SendMessage")
        .with("Resource", Yaml::arn(&queue))
        .with("Condition", Map::default().with("ArnLike", Map::default().with("aws:SourceArn", Yaml::sub(rules))));
    resources.put(None, format!("{id}QueuePolicy"), policy(&queue, Some(from_the_bus)));
    resources.put(None, format!("{id}DeadLettersPolicy"), policy(&dead, None));
    resources.put(None, format!("{id}Mapping"), mapping(endpoint, &queue));
    resources.put(
        None,
        format!("{id}DeadLettersAlarm"),
        alarm(
            &format!("{name}-dead-letters"),
            &format!("Messages for {name} were given up: they wait in its dead-letter queue."),
            Metric {
                namespace: "AWS/SQS",
                name: "ApproximateNumberOfMessagesVisible",
                statistic: "Maximum",
                dimensions: vec![("QueueName", Yaml::attribute(&dead, "QueueName"))],
            },
            0_u64.into(),
        ),
    );
    resources.put(
        None,
        format!("{id}OldestMessageAlarm"),
        alarm(
            &format!("{name}-oldest-message"),
            &format!("Messages for {name} have waited for long: it fails, is paused, or cannot keep up."),
            Metric {
                namespace: "AWS/SQS",
                name: "ApproximateAgeOfOldestMessage",
                statistic: "Maximum",
                dimensions: vec![("QueueName", Yaml::attribute(&queue, "QueueName"))],
            },
            Yaml::reference("OldestMessageAlarm"),
        ),
    );
}

/// A resource that outlives its stack. Only what a failed creation left behind goes, since it would be in the way of the
/// next.
pub(super) fn kept(kind: &str, properties: Map) -> Map {
    Map::default()
        .with("Type", kind)
        .with("DeletionPolicy", "RetainExceptOnCreate")
        .with("UpdateReplacePolicy", "Retain")
        .with("Properties", properties)
}

pub(super) fn resource(kind: &str, properties: Map) -> Map {
    Map::default().with("Type", kind).with("Properties", properties)
}

/// Nobody over plain HTTP, and besides the account's own roles only `allowed`.
pub(super) fn policy(queue: &str, allowed: Option<Map>) -> Map {
    let no_plain_http = Map::default()
        .with("Sid", "NoPlainHttp")
        .with("Effect", "Deny")
        .with("Principal", "*")
        .with("Action", "sqs:*")
        .with("Resource", Yaml::arn(queue))
        .with("Condition", Map::default().with("Bool", Map::default().with("aws:SecureTransport", "false")));
    let statements = allowed.into_iter().chain([no_plain_http]).map(Yaml::from).collect();
    let document = Map::default().with("Version", "2012-10-17").with("Statement", Yaml::List(statements));
    resource(
        "AWS::SQS::QueuePolicy",
        Map::default().with("Queues", [Yaml::reference(queue)]).with("PolicyDocument", document),
    )
}

/// Without a batching window: with one, Lambda may let the messages of a quiet queue wait for 20 seconds, whatever the
/// window says (`lambda/latest/dg/with-sqs.html`), and where much waits batches are full anyway.
fn mapping(endpoint: &Endpoint, queue: &str) -> Map {
    // 1 is refused before anything is rendered.
    let invocations = Concurrency::of(endpoint.concurrency).map_or(LEAST_INVOCATIONS, |split| split.invocations);
    resource(
        "AWS::Lambda::EventSourceMapping",
        Map::default()
            .with("FunctionName", Yaml::reference("DispatcherArn"))
            .with("EventSourceArn", Yaml::arn(queue))
            .with("BatchSize", BATCH)
            .with("FunctionResponseTypes", ["ReportBatchItemFailures"])
            .with("ScalingConfig", Map::default().with("MaximumConcurrency", invocations)),
    )
}

fn rule(route: &Route, resources: &mut Map) {
    let name = names::rule(&route.name, &route.to);
    let (id, queue) = (logical(route.name.as_str()), format!("{}Queue", logical(route.to.as_str())));
    let transformer = Map::default()
        .with("InputPathsMap", Map::default().with("message", "$.detail"))
        .with("InputTemplate", format!(r#"{{"route": "{}", "message": <message>}}"#, route.name));
    let target = Map::default()
        .with("Id", "queue")
        .with("Arn", Yaml::arn(&queue))
        .with("InputTransformer", transformer)
        .with(
            "RetryPolicy",
            Map::default().with("MaximumEventAgeInSeconds", EVENT_AGE).with("MaximumRetryAttempts", EVENT_RETRIES),
        )
        .with("DeadLetterConfig", Map::default().with("Arn", Yaml::reference("FailedEventsQueueArn")));
    let properties = Map::default()
        .with("Name", name.clone())
        .with("Description", format!("Crossdock route {} to endpoint {}", route.name, route.to))
        .with("EventBusName", Yaml::reference("BusName"))
        .with("State", if route.enabled { "ENABLED" } else { "DISABLED" })
        .with("EventPattern", route.pattern.as_str())
        .with("Targets", [target]);
    let rule = Map::default()
        .with("Type", "AWS::Events::Rule")
        // An event must not come before the queue lets it in.
        .with("DependsOn", format!("{}QueuePolicy", logical(route.to.as_str())))
        .with("Properties", properties);
    resources.put(Some(format!("route {}", route.name)), format!("{id}Rule"), rule);
    resources.put(
        None,
        format!("{id}RuleAlarm"),
        alarm(
            &format!("{name}-failed"),
            &format!("EventBridge could not bring events of route {} to the queue of {}.", route.name, route.to),
            Metric {
                namespace: "AWS/Events",
                name: "FailedInvocations",
                statistic: "Sum",
                dimensions: vec![
                    ("EventBusName", Yaml::reference("BusName")),
                    // `Ref` would give the name with the bus in front of it.
                    ("RuleName", name.clone().into()),
                ],
            },
            0_u64.into(),
        ),
    );
}

pub(super) struct Metric {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) statistic: &'static str,
    pub(super) dimensions: Vec<(&'static str, Yaml)>,
}

/// `name` follows the stack's. A metric that is silent is no trouble: SQS gives none of a queue that was empty for hours,
/// EventBridge none of what did not happen.
pub(super) fn alarm(name: &str, description: &str, metric: Metric, threshold: Yaml) -> Map {
    let dimension = |(name, value): (&str, Yaml)| Yaml::from(Map::default().with("Name", name).with("Value", value));
    resource(
        "AWS::CloudWatch::Alarm",
        Map::default()
            .with("AlarmName", Yaml::sub(format!("${{Prefix}}-{name}")))
            .with("AlarmDescription", description)
            .with("Namespace", metric.namespace)
            .with("MetricName", metric.name)
            .with("Dimensions", Yaml::List(metric.dimensions.into_iter().map(dimension).collect()))
            .with("Statistic", metric.statistic)
            .with("Period", PERIOD)
            .with("EvaluationPeriods", 1_u64)
            .with("ComparisonOperator", "GreaterThanThreshold")
            .with("Threshold", threshold)
            .with("TreatMissingData", "notBreaching")
            .with("AlarmActions", [Yaml::reference("AlarmTopicArn")])
            .with("OKActions", [Yaml::reference("AlarmTopicArn")]),
    )
}
