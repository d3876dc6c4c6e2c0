//! The functions: each is built from its folder, told only what it reads, and logs where somebody cleans up.

use crossdock_stack::names::{Function, Names};
use serde_json::json;

use super::document::Template;
use crate::support::binary::repository_file;

/// As `Poller` is the function `poller`.
fn logical(function: Function) -> String {
    let name = function.as_str();
    format!("{}{}", name[..1].to_uppercase(), &name[1..])
}

#[test]
fn every_function_is_built_from_its_own_folder() {
    let main = Template::main();
    let globals = &main.section("Globals")["Function"];
    assert_eq!(globals["Runtime"], "provided.al2023");
    assert_eq!(globals["Architectures"], json!(["arm64"]));
    let members = repository_file("Cargo.toml");
    let names = Names::substituted("AWS::StackName");
    for function in Function::ALL {
        let (id, folder) = (logical(function), format!("functions/{}", function.as_str()));
        let resource = main.resource(&id);
        assert_eq!(resource.kind(), "AWS::Serverless::Function");
        assert_eq!(resource.property("CodeUri"), &json!(folder));
        assert_eq!(resource.property("FunctionName"), &json!({"Fn::Sub": names.function(function)}));
        assert_eq!(resource.value["Metadata"]["BuildMethod"], "makefile", "{}", resource.place);
        let makefile = repository_file(&format!("{folder}/Makefile"));
        assert!(makefile.contains(&format!("\nbuild-{id}: package\n")), "{folder}/Makefile has no target build-{id}");
        assert!(members.contains(&format!("\"{folder}\"")), "{folder} is no member of the workspace");
        let package = format!("crossdock-{}", function.as_str());
        assert!(makefile.contains(&format!(" {package}\n")), "{folder}/Makefile builds no {package}");
        assert!(repository_file(&format!("{folder}/Cargo.toml")).contains(&format!("name = \"{package}\"")));
    }
    assert_eq!(main.of_kind("AWS::Serverless::Function").len(), Function::ALL.len());
}

#[test]
fn every_function_logs_to_a_group_that_forgets() {
    let main = Template::main();
    for function in main.of_kind("AWS::Serverless::Function") {
        let logging = function.property("LoggingConfig");
        assert_eq!(logging["LogFormat"], "JSON", "{}", function.place);
        let group = main.resource(logging["LogGroup"]["Ref"].as_str().unwrap());
        assert_eq!(group.kind(), "AWS::Logs::LogGroup");
        assert!(main.number(group.property("RetentionInDays")) >= 1, "{}", group.place);
        assert_eq!(group.property("LogGroupName")["Fn::Sub"].as_str().unwrap(), {
            let name = function.property("FunctionName")["Fn::Sub"].as_str().unwrap();
            format!("/aws/lambda/{name}")
        });
    }
}

/// What nobody awaits an answer for must not be lost.
#[test]
fn the_poller_has_somewhere_to_put_what_failed() {
    let main = Template::main();
    let config = main.resource("Poller").property("EventInvokeConfig").clone();
    let to = &config["DestinationConfig"]["OnFailure"];
    assert_eq!(to, &json!({"Type": "SQS", "Destination": {"Fn::GetAtt": ["FailedInvocations", "Arn"]}}));
    assert!(config["MaximumRetryAttempts"].as_u64().unwrap() <= 2);
    for template in Template::all() {
        for schedule in template.of_kind("AWS::Scheduler::Schedule") {
            assert!(schedule.property("Target")["DeadLetterConfig"]["Arn"].is_object(), "{}", schedule.place);
        }
    }
}

/// A source cannot sign for AWS, so the URL is open; but only the URL.
#[test]
fn ingest_is_reached_through_its_url_only() {
    let main = Template::main();
    assert_eq!(main.of_kind("AWS::Lambda::Url").len(), 1);
    assert_eq!(main.resource("IngestUrl").property("TargetFunctionArn"), &json!({"Fn::GetAtt": ["Ingest", "Arn"]}));
    let mut permissions: Vec<(String, bool)> = Vec::new();
    for permission in main.of_kind("AWS::Lambda::Permission") {
        assert_eq!(permission.property("FunctionName"), &json!({"Fn::GetAtt": ["Ingest", "Arn"]}));
        let through_url = permission.property("InvokedViaFunctionUrl") == true
            || permission.property("FunctionUrlAuthType") == "NONE";
        permissions.push((permission.property("Action").as_str().unwrap().to_owned(), through_url));
    }
    permissions.sort();
    let expected = ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"];
    assert_eq!(permissions, expected.map(|action| (action.to_owned(), true)));
}

/// Whoever knows the URL can send what he likes: his requests are turned away by then, and what polls and delivers has the
/// account's other executions, of which Lambda leaves at least 100 unreserved.
#[test]
fn a_flood_of_requests_leaves_the_others_their_executions() {
    let main = Template::main();
    let reserved = |id: &str| main.resource(id).property("ReservedConcurrentExecutions").clone();
    assert_eq!(reserved("Ingest")["Fn::If"][0], "ReservesIngest");
    assert_eq!(reserved("Ingest")["Fn::If"][1], json!({"Ref": "IngestConcurrency"}));
    let most = main.number(&json!({"Ref": "IngestConcurrency"}));
    assert!((1..=20).contains(&most), "found {most}: a flood gets all of them");
    // Of those, queues take a part that leaves most to HTTP.
    let incoming = Template::incoming();
    let mappings = incoming.of_kind("AWS::Lambda::EventSourceMapping");
    assert_eq!(mappings.len(), 2);
    for mapping in mappings {
        assert_eq!(mapping.property("FunctionName"), &json!({"Ref": "IngestArn"}));
        let at_once = incoming.number(&mapping.property("ScalingConfig")["MaximumConcurrency"]);
        assert!(at_once * 4 <= most, "{}: {at_once} of {most}", mapping.place);
    }
    // Deliveries are bounded by their own mappings, and never by ingest's reservation.
    assert_eq!(reserved("Dispatcher")["Fn::If"][0], "ReservesDispatcher");
}

/// What the stack of queues and buses is given is what it asks for.
#[test]
fn incoming_gets_the_parameters_that_it_has() {
    let main = Template::main();
    let given = main.resource("Incoming").property("Parameters").as_object().unwrap().clone();
    let asked = Template::incoming().section("Parameters").as_object().unwrap().clone();
    assert_eq!(given.keys().collect::<Vec<_>>(), asked.keys().collect::<Vec<_>>());
    assert_eq!(given["IngestArn"], json!({"Fn::GetAtt": ["Ingest", "Arn"]}));
    assert_eq!(given["IngestRoleName"], json!({"Ref": "IngestRole"}));
}

/// `CROSSDOCK_TEST_LOOPBACK` opens loopback, for functions that are processes of a test's own machine.
#[test]
fn functions_are_told_what_they_read_and_nothing_of_tests() {
    let read = repository_file("shared/aws/src/settings.rs");
    let main = Template::main();
    let mut told = vec![&main.section("Globals")["Function"]["Environment"]["Variables"]];
    let functions = main.of_kind("AWS::Serverless::Function");
    told.extend(functions.iter().map(|function| &function.property("Environment")["Variables"]));
    for name in told.into_iter().filter_map(|variables| variables.as_object()).flat_map(|variables| variables.keys()) {
        assert!(read.contains(&format!("\"{name}\"")), "no function reads {name}");
    }
    let mut files = vec!["template.yaml".to_owned(), "samconfig.toml".to_owned(), "infra/functions.mk".to_owned()];
    files.extend(Template::rendered().into_iter().map(|template| template.path));
    files.extend(Function::ALL.map(|function| format!("functions/{}/Makefile", function.as_str())));
    for file in files {
        for word in ["CROSSDOCK_TEST_", "CROSSDOCK_FAULT"] {
            assert!(!repository_file(&file).contains(word), "{file} says {word}");
        }
    }
}

/// sam gives no word about a parameter that it does not know until it deploys.
#[test]
fn samconfig_names_parameters_of_the_template() {
    let main = Template::main();
    let parameters = main.section("Parameters").as_object().unwrap();
    let config = repository_file("samconfig.toml");
    let overrides = config.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once('='));
    let names: Vec<&str> = overrides.map(|(name, _)| name).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(parameters.contains_key(name), "samconfig.toml sets {name}, which is no parameter of template.yaml");
    }
}
