//! What holds messages and state: it is encrypted, kept as long as can be, and stays when its stack goes.

use crossdock_core::port::QueueName;
use crossdock_stack::{limits, names::Names, table};
use serde_json::{Value, json};

use super::document::Template;

const TWO_WEEKS: u64 = 14 * 24 * 60 * 60;

fn names() -> Names {
    Names::substituted("AWS::StackName")
}

#[test]
fn queues_and_tables_outlive_their_stack() {
    let mut seen = 0;
    for template in Template::all() {
        for kind in ["AWS::SQS::Queue", "AWS::DynamoDB::Table"] {
            for resource in template.of_kind(kind) {
                // The second one clears away what a creation that failed has left.
                let deletion = &resource.value["DeletionPolicy"];
                assert!(deletion == "Retain" || deletion == "RetainExceptOnCreate", "{}: {deletion}", resource.place);
                assert_eq!(resource.value["UpdateReplacePolicy"], "Retain", "{}", resource.place);
                seen += 1;
            }
        }
    }
    assert!(seen > 3, "{seen} queues and tables");
}

#[test]
fn queues_keep_for_two_weeks_and_are_encrypted() {
    for template in Template::all() {
        for queue in template.of_kind("AWS::SQS::Queue") {
            let retention = template.number(queue.property("MessageRetentionPeriod"));
            assert_eq!(retention, TWO_WEEKS, "{}", queue.place);
            assert_eq!(queue.property("SqsManagedSseEnabled"), true, "{}", queue.place);
        }
    }
}

/// AWS asks for six times the function's timeout, so that Lambda can try again while it is throttled.
#[test]
fn queues_hide_a_message_for_six_timeouts() {
    let main = Template::main();
    let timeout = main.number(&json!({"Ref": "DispatcherTimeout"}));
    let visibility = main.number(&json!({"Ref": "QueueVisibility"}));
    assert!(visibility >= 6 * timeout, "found {visibility} s, expected at least six times {timeout} s");
    let timeout = main.number(&json!({"Ref": "IngestTimeout"}));
    let visibility = main.number(&json!({"Ref": "WebhookVisibility"}));
    assert!(visibility >= 6 * timeout, "found {visibility} s, expected at least six times {timeout} s");
    for (nested, parameter) in [("Hub", "QueueVisibility"), ("Incoming", "WebhookVisibility")] {
        assert_eq!(main.resource(nested).property("Parameters")[parameter], json!({"Ref": parameter}));
    }

    for template in Template::all() {
        let parameter = if template.path.ends_with("incoming.yaml") { "WebhookVisibility" } else { "QueueVisibility" };
        let mapped: Vec<Value> = template
            .of_kind("AWS::Lambda::EventSourceMapping")
            .iter()
            .map(|m| m.property("EventSourceArn").clone())
            .collect();
        for queue in template.of_kind("AWS::SQS::Queue") {
            if mapped.contains(&json!({"Fn::GetAtt": [queue.id, "Arn"]})) {
                assert_eq!(queue.property("VisibilityTimeout"), &json!({ "Ref": parameter }), "{}", queue.place);
            }
        }
    }
}

#[test]
fn mappings_take_answers_by_record_and_keep_to_a_concurrency() {
    let mut seen = 0;
    for template in Template::all() {
        for mapping in template.of_kind("AWS::Lambda::EventSourceMapping") {
            let answers = mapping.property("FunctionResponseTypes");
            assert_eq!(answers, &json!(["ReportBatchItemFailures"]), "{}", mapping.place);
            let concurrency = template.number(&mapping.property("ScalingConfig")["MaximumConcurrency"]);
            assert!((2..=1000).contains(&concurrency), "{}: {concurrency}", mapping.place);
            seen += 1;
        }
    }
    assert!(seen > 0, "no event source mapping is rendered");
}

#[test]
fn the_table_is_encrypted_recoverable_and_hard_to_delete() {
    let main = Template::main();
    let table = main.resource("Table");
    assert_eq!(table.property("SSESpecification"), &json!({"SSEEnabled": true}));
    assert_eq!(table.property("PointInTimeRecoverySpecification"), &json!({"PointInTimeRecoveryEnabled": true}));
    assert_eq!(table.property("DeletionProtectionEnabled"), &json!({"Ref": "DeletionProtection"}));
    assert_eq!(main.section("Parameters")["DeletionProtection"]["Default"], "true");
}

/// What the store reads and writes by is described once.
#[test]
fn the_table_is_the_one_that_the_store_knows() {
    let main = Template::main();
    let table = main.resource("Table");
    for (name, expected) in table::properties().as_object().unwrap() {
        assert_eq!(table.property(name), expected, "{}: {name}", table.place);
    }
}

/// What `check --target aws` reckons with is what is deployed, unless somebody sets a parameter.
#[test]
fn parameters_are_by_default_what_the_limits_say() {
    let main = Template::main();
    let check = |parameter: &str, expected: std::time::Duration| {
        assert_eq!(main.number(&json!({ "Ref": parameter })), expected.as_secs(), "{parameter}");
    };
    check("DispatcherTimeout", limits::DISPATCHER_TIMEOUT);
    check("QueueVisibility", limits::QUEUE_VISIBILITY);
    check("PollerTimeout", limits::POLLER_TIMEOUT);
    check("IngestTimeout", limits::INGEST_TIMEOUT);
    check("WebhookVisibility", limits::WEBHOOK_VISIBILITY);
}

/// By the names that the functions and the command make up for themselves.
#[test]
fn everything_is_called_as_the_functions_call_it() {
    let main = Template::main();
    let check = |id: &str, property: &str, expected: &str| {
        let resource = main.resource(id);
        let found = resource.property(property);
        let whole = json!({"Ref": "AWS::StackName"});
        let found = if *found == whole { "${AWS::StackName}" } else { found["Fn::Sub"].as_str().unwrap_or_default() };
        assert_eq!(found, expected, "{}", resource.place);
    };
    let names = names();
    check("Table", "TableName", names.table());
    check("Bus", "Name", names.bus());
    check("Schedules", "Name", names.schedule_group());
    check("FailedEvents", "QueueName", &names.failed_events());
    check("FailedInvocations", "QueueName", &names.failed_invocations());
    assert_eq!(main.resource("Publish").property("Name"), crossdock_stack::names::PUBLISH_SCHEDULE);
    assert_eq!(main.resource("Sweep").property("Name"), crossdock_stack::names::SWEEP_SCHEDULE);
}

/// The prefixes in the policies, which name no endpoint, are those of the endpoints' queues.
#[test]
fn the_policies_name_the_queues_of_the_endpoints() {
    let main = Template::main();
    let role = main.resource("DispatcherRole").value.to_string();
    for kind in [QueueName::Endpoint, QueueName::DeadLetters] {
        let queue = names().queue(&kind("e".parse().unwrap()));
        let prefix = queue.strip_suffix('e').unwrap();
        assert!(role.contains(&format!(":{prefix}*\"")), "no {prefix}* in the dispatcher's role");
    }
}
