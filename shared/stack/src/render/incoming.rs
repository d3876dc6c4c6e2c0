//! The stack of what webhooks come through in place of HTTP: of a queue that somebody else owns, only the mapping to ingest; of
//! a bus, a rule, a queue that keeps what it has until it is taken in, and a dead-letter queue for what never is.
//!
//! Ingest's role gets its leave to receive here, because only here is it known from which queues. A queue that is named in the
//! hub file keeps its own redrive policy and its own key: both are said by whoever owns it.
//!
//! Of a hub that its file switches off nothing reads the queues: a function would only give back what it received, and each
//! receive counts for the redrive policy, which would take away what has nothing wrong with it.

use crossdock_core::{
    hub::{Channel, Hub, Webhook},
    id::WebhookId,
};

use super::{
    HEAD,
    endpoint::{EVENT_AGE, EVENT_RETRIES, Metric, alarm, kept, policy, resource},
    logical::logical,
    yaml::{Map, Yaml},
};
use crate::{
    limits::{BATCH, QUEUE_RETENTION, WEBHOOK_INVOCATIONS, WEBHOOK_RECEIVES, WEBHOOK_VISIBILITY},
    names::Names,
};

pub(super) const FILE: &str = "incoming.yaml";

/// Lets ingest receive.
const LEAVE: &str = "IngestMayReceive";

pub(super) fn stack(hub: &Hub) -> (String, usize) {
    let mut resources = Map::default();
    let mut sources = Vec::new();
    for webhook in hub.webhooks.values() {
        let source = match &webhook.from {
            Channel::Http => continue,
            Channel::Queue(arn) => named(&webhook.id, arn, hub.enabled, &mut resources),
            Channel::Bus(bus) => from_bus(webhook, bus, hub.enabled, &mut resources),
        };
        sources.push(source);
    }
    if sources.is_empty() {
        // A stack has at least one resource; this one is only a name.
        resources.put(
            Some("Everything comes over HTTP.".to_owned()),
            "Nothing",
            Map::default().with("Type", "AWS::CloudFormation::WaitConditionHandle"),
        );
    } else {
        resources.put(Some("What mappings do in ingest's name.".to_owned()), LEAVE, leave(sources));
        resources.put(None, "UnreadAlarm", unread());
    }
    let count = resources.len();
    let document = Map::default()
        .with("AWSTemplateFormatVersion", "2010-09-09")
        .with("Description", format!("Crossdock hub {}: queues and buses that webhooks come through", hub.name))
        .with("Metadata", linting())
        .with("Parameters", parameters())
        .with("Resources", resources);
    (document.document(&[HEAD, "template.yaml nests this stack and gives it its parameters."]), count)
}

/// A hub whose webhooks come over HTTP uses none of the parameters (W2001).
fn linting() -> Map {
    let ignored = Map::default().with("ignore_checks", ["W2001"]);
    Map::default().with("cfn-lint", Map::default().with("config", ignored))
}

/// The same for every hub.
fn parameters() -> Map {
    let text = |about: &str| Map::default().with("Type", "String").with("Description", about);
    let seconds = |default: u64, most: u64, about: &str| {
        Map::default()
            .with("Type", "Number")
            .with("Default", default)
            .with("MinValue", 0_u64)
            .with("MaxValue", most)
            .with("Description", about)
    };
    Map::default()
        .with("Prefix", text("What the names of queues, rules and alarms begin with: the name of the outermost stack."))
        .with("IngestArn", text("The function that takes webhooks in."))
        .with("IngestRoleName", text("Its role."))
        .with("AlarmTopicArn", text("The topic that alarms go to."))
        .with(
            "WebhookVisibility",
            seconds(
                WEBHOOK_VISIBILITY.as_secs(),
                12 * 60 * 60,
                "Seconds a received event stays hidden: six times ingest's timeout.",
            ),
        )
        .with(
            "OldestMessageAlarm",
            seconds(60 * 60, 14 * 24 * 60 * 60, "Seconds an event may wait before there is an alarm."),
        )
}

/// A queue that is there already; its ARN.
fn named(id: &WebhookId, arn: &str, enabled: bool, resources: &mut Map) -> Yaml {
    let logical = logical(id.as_str());
    let queue = arn.rsplit(':').next().unwrap_or_default();
    let source = Yaml::from(arn);
    resources.put(
        Some(format!("--- webhook {id}, from the queue {queue} ---")),
        format!("{logical}Mapping"),
        mapping(&source, enabled),
    );
    resources.put(None, format!("{logical}OldestMessageAlarm"), oldest(id, queue.into()));
    source
}

/// The queue's ARN.
fn from_bus(webhook: &Webhook, bus: &str, enabled: bool, resources: &mut Map) -> Yaml {
    let id = &webhook.id;
    let logical = logical(id.as_str());
    let (queue, dead) = (format!("{logical}Queue"), format!("{logical}DeadLetters"));
    let names = Names::substituted("Prefix");
    let redrive =
        Map::default().with("deadLetterTargetArn", Yaml::arn(&dead)).with("maxReceiveCount", WEBHOOK_RECEIVES);
    resources.put(
        Some(format!("--- webhook {id}, from the bus {bus} ---")),
        queue.clone(),
        kept(
            "AWS::SQS::Queue",
            Map::default()
                .with("QueueName", Yaml::sub(names.webhook_queue(id)))
                .with("SqsManagedSseEnabled", true)
                .with("MessageRetentionPeriod", QUEUE_RETENTION.as_secs())
                .with("VisibilityTimeout", Yaml::reference("WebhookVisibility"))
                .with("RedrivePolicy", redrive),
        ),
    );
    resources.put(
        None,
        dead.clone(),
        kept(
            "AWS::SQS::Queue",
            Map::default()
                .with("QueueName", Yaml::sub(names.webhook_dead_letters(id)))
                .with("SqsManagedSseEnabled", true)
                .with("MessageRetentionPeriod", QUEUE_RETENTION.as_secs()),
        ),
    );
    let rule = names.webhook_rule(id);
    let from_the_rule = |queue: &str| {
        // Of any other bus than the default one, a rule's ARN has the bus's name in it.
        let on = if bus == "default" { String::new() } else { format!("{bus}/") };
        let arn = format!("arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{on}{rule}");
        Map::default()
            .with("Sid", "FromTheRule")
            .with("Effect", "Allow")
            .with("Principal", Map::default().with("Service", "events.amazonaws.com"))
            .with("Action", "sqs:SendMessage")
            .with("Resource", Yaml::arn(queue))
            .with("Condition", Map::default().with("ArnEquals", Map::default().with("aws:SourceArn", Yaml::sub(arn))))
    };
    let queue_policy = format!("{logical}QueuePolicy");
    let dead_policy = format!("{logical}DeadLettersPolicy");
    resources.put(None, queue_policy.clone(), policy(&queue, Some(from_the_rule(&queue))));
    resources.put(None, dead_policy.clone(), policy(&dead, Some(from_the_rule(&dead))));
    let target = Map::default()
        .with("Id", "queue")
        .with("Arn", Yaml::arn(&queue))
        .with(
            "RetryPolicy",
            Map::default().with("MaximumEventAgeInSeconds", EVENT_AGE).with("MaximumRetryAttempts", EVENT_RETRIES),
        )
        .with("DeadLetterConfig", Map::default().with("Arn", Yaml::arn(&dead)));
    let properties = Map::default()
        .with("Name", Yaml::sub(rule))
        .with("Description", format!("What comes in for the Crossdock webhook {id}"))
        .with("EventBusName", bus)
        // All there is on the bus: what becomes of an event is said in the hub file.
        .with("EventPattern", r#"{"source": [{"prefix": ""}]}"#)
        .with("Targets", [target]);
    let rule = Map::default()
        .with("Type", "AWS::Events::Rule")
        // An event must not come before the queue lets it in.
        .with("DependsOn", Yaml::List(vec![queue_policy.into(), dead_policy.into()]))
        .with("Properties", properties);
    resources.put(None, format!("{logical}Rule"), rule);
    resources.put(None, format!("{logical}Mapping"), mapping(&Yaml::arn(&queue), enabled));
    resources.put(
        None,
        format!("{logical}DeadLettersAlarm"),
        alarm(
            &format!("from-{id}-dead-letters"),
            &format!("Events for webhook {id} could not be taken in: they wait in its dead-letter queue."),
            Metric {
                namespace: "AWS/SQS",
                name: "ApproximateNumberOfMessagesVisible",
                statistic: "Maximum",
                dimensions: vec![("QueueName", Yaml::attribute(&dead, "QueueName"))],
            },
            0_u64.into(),
        ),
    );
    resources.put(None, format!("{logical}OldestMessageAlarm"), oldest(id, Yaml::attribute(&queue, "QueueName")));
    Yaml::arn(&queue)
}

fn mapping(queue: &Yaml, enabled: bool) -> Map {
    resource(
        "AWS::Lambda::EventSourceMapping",
        Map::default()
            .with("FunctionName", Yaml::reference("IngestArn"))
            .with("EventSourceArn", queue.clone())
            .with("Enabled", enabled)
            .with("BatchSize", BATCH)
            .with("FunctionResponseTypes", ["ReportBatchItemFailures"])
            .with("ScalingConfig", Map::default().with("MaximumConcurrency", WEBHOOK_INVOCATIONS)),
    )
    // Lambda refuses a mapping that the function's role may not use.
    .with("DependsOn", LEAVE)
}

fn leave(queues: Vec<Yaml>) -> Map {
    let receive = Map::default()
        .with("Sid", "WebhookQueues")
        .with("Effect", "Allow")
        .with("Action", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"])
        .with("Resource", Yaml::List(queues));
    let document = Map::default().with("Version", "2012-10-17").with("Statement", [receive]);
    resource(
        "AWS::IAM::Policy",
        Map::default()
            .with("PolicyName", "webhooks")
            .with("Roles", [Yaml::reference("IngestRoleName")])
            .with("PolicyDocument", document),
    )
}

fn oldest(id: &WebhookId, queue: Yaml) -> Map {
    alarm(
        &format!("from-{id}-oldest-message"),
        &format!("Events for webhook {id} have waited for long: ingest fails, or cannot keep up."),
        Metric {
            namespace: "AWS/SQS",
            name: "ApproximateAgeOfOldestMessage",
            statistic: "Maximum",
            dimensions: vec![("QueueName", queue)],
        },
        Yaml::reference("OldestMessageAlarm"),
    )
}

/// A queue that somebody else owns need not have a dead-letter queue, so ingest counts itself what it cannot read.
fn unread() -> Map {
    alarm(
        "unread-webhooks",
        "Events came in through a queue and cannot be read. See infra/runbook.md",
        Metric {
            namespace: "Crossdock",
            name: "UnreadWebhooks",
            statistic: "Sum",
            dimensions: vec![("hub", Yaml::reference("Prefix"))],
        },
        0_u64.into(),
    )
}
