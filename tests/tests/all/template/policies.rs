//! What the roles may do: single actions on single things. What an end-to-end run really calls is compared with it
//! elsewhere; here is what may never be in a policy, called or not.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::{Resource, Template};
use crate::support::binary::repository_file;

/// Statements whose resource is not one thing, and how it may end. Why is said in the template, statement by statement.
const MANY: [(&str, &str); 6] = [
    ("Secrets", "/${Folder}/*"),
    ("SecretsManager", ":${Folder}/*"),
    ("Sweep", "-to-*"),
    ("Expire", "-dead-*"),
    ("EndpointQueues", "-to-*"),
    ("DeadLetters", "-dead-*"),
];

/// X-Ray knows no resources.
const EVERYTHING: &str = "Traces";

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// Of a role's own policies; those inside a condition too.
fn statements<'a>(role: &'a Resource<'_>) -> Vec<&'a Value> {
    let policies = list(role.property("Policies"));
    let all = policies.into_iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let branch = |statement: &'a Value| statement["Fn::If"].get(1).unwrap_or(statement);
    all.map(branch).collect()
}

#[test]
fn roles_may_do_single_actions_on_single_things() {
    let mut seen = 0;
    for template in Template::all() {
        for role in template.of_kind("AWS::IAM::Role") {
            assert!(role.property("ManagedPolicyArns").is_null(), "{}: say each statement", role.place);
            for statement in statements(&role) {
                let sid = statement["Sid"].as_str().unwrap_or_else(|| panic!("{}: no Sid: {statement}", role.place));
                let place = format!("{}, {sid}", role.place);
                assert_eq!(statement["Effect"], "Allow", "{place}");
                for action in list(&statement["Action"]) {
                    assert!(!action.as_str().unwrap().contains('*'), "{place}: {action}");
                }
                for resource in list(&statement["Resource"]) {
                    is_one_thing(&place, sid, resource);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "{seen} statements");
}

/// What a nested stack adds to ingest's role: to receive from these queues, and nothing else.
#[test]
fn ingest_may_receive_from_its_queues_only() {
    let incoming = Template::incoming();
    let policies = incoming.of_kind("AWS::IAM::Policy");
    let [policy] = policies.as_slice() else { panic!("{} policies", policies.len()) };
    assert_eq!(policy.property("Roles"), &serde_json::json!([{"Ref": "IngestRoleName"}]));
    let statements = list(&policy.property("PolicyDocument")["Statement"]);
    let [statement] = statements.as_slice() else { panic!("{} statements", statements.len()) };
    assert_eq!(statement["Action"].as_array().unwrap().len(), 3, "{statement}");
    let mappings = incoming.of_kind("AWS::Lambda::EventSourceMapping");
    let read: Vec<&Value> = mappings.iter().map(|mapping| mapping.property("EventSourceArn")).collect();
    assert_eq!(list(&statement["Resource"]), read);
    assert!(mappings.iter().all(|mapping| mapping.value["DependsOn"] == policy.id));
}

fn is_one_thing(place: &str, sid: &str, resource: &Value) {
    let text = match &resource["Fn::Sub"] {
        Value::String(text) => text.as_str(),
        // With variables of its own.
        Value::Array(items) => items[0].as_str().unwrap(),
        _ => resource.as_str().unwrap_or_default(),
    };
    if text == "*" {
        assert_eq!(sid, EVERYTHING, "{place}: every resource there is");
    } else if text.contains('*') {
        let allowed = MANY.iter().any(|(of, end)| *of == sid && text.ends_with(end) && text.matches('*').count() == 1);
        assert!(allowed, "{place}: {text}");
    }
}

/// A role is taken on by one service, and by Scheduler only for this account.
#[test]
fn roles_are_for_services() {
    for template in Template::all() {
        for role in template.of_kind("AWS::IAM::Role") {
            let trust = list(&role.property("AssumeRolePolicyDocument")["Statement"]);
            assert_eq!(trust.len(), 1, "{}", role.place);
            let service = trust[0]["Principal"]["Service"].as_str().unwrap();
            match service {
                "lambda.amazonaws.com" => {}
                "scheduler.amazonaws.com" => {
                    let same = &trust[0]["Condition"]["StringEquals"];
                    assert_eq!(same["aws:SourceAccount"]["Ref"], "AWS::AccountId", "{}", role.place);
                }
                other => panic!("{}: {other}", role.place),
            }
        }
    }
}

/// A queue, topic or key that lets a service in says on whose behalf.
#[test]
fn services_are_let_in_for_this_hub_only() {
    let mut seen = 0;
    for template in Template::all() {
        for resource in template.resources() {
            for document in ["PolicyDocument", "KeyPolicy"] {
                for statement in list(&resource.property(document)["Statement"]) {
                    if statement["Principal"]["Service"].is_string() {
                        let condition = statement["Condition"].to_string();
                        let bound = ["aws:SourceArn", "aws:SourceAccount"].iter().any(|key| condition.contains(key));
                        // CloudWatch uses the key without saying for whom; the topic behind it asks.
                        let is_alarm_key = resource.place.ends_with("AlarmKey");
                        assert!(bound != is_alarm_key, "{}: {statement}", resource.place);
                        seen += 1;
                    } else if statement["Effect"] == "Allow" {
                        assert_ne!(statement["Principal"], "*", "{}", resource.place);
                    }
                }
            }
        }
    }
    assert!(seen >= 3, "{seen} statements");
}

/// The policy that `infra/iam.md` proposes to whoever deploys: each of its statements has its reason in the table below it.
#[test]
fn every_statement_of_a_deployer_has_its_reason() {
    let text = repository_file("infra/iam.md");
    let (_, rest) = text.split_once("```json\n").unwrap();
    let (policy, rest) = rest.split_once("\n```\n").unwrap();
    let (reasons, _) = rest.split_once("\n## ").unwrap();
    let policy: Value = serde_json::from_str(policy).unwrap();
    let stated: BTreeSet<&str> = list(&policy["Statement"]).iter().map(|one| one["Sid"].as_str().unwrap()).collect();
    let rows = reasons.lines().filter(|line| line.starts_with("| `")).filter_map(|row| row.split('|').nth(1));
    let reasoned: BTreeSet<&str> = rows.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    assert_eq!(stated, reasoned);
    for statement in list(&policy["Statement"]) {
        for action in list(&statement["Action"]) {
            assert!(!action.as_str().unwrap().contains('*'), "{action}");
        }
    }
}
