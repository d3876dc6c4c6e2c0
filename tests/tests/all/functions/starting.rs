//! What is wrong with a package or its environment is told before the first event is asked for.

use std::{collections::BTreeMap, fs};

use serde_json::json;
use tempfile::TempDir;

use super::runtime::invoke;

const FUNCTIONS: [&str; 3] = ["poller", "dispatcher", "ingest"];

fn environment(root: &TempDir) -> BTreeMap<String, String> {
    let root = root.path().display().to_string();
    let variables = [
        ("CROSSDOCK_STACK", "shop"),
        ("CROSSDOCK_QUEUES", "https://sqs.eu-west-1.amazonaws.com/123456789012/"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("LAMBDA_TASK_ROOT", &root),
    ];
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_environment_is_in_one_error() {
    for function in FUNCTIONS {
        let environment = BTreeMap::from([("CROSSDOCK_LOG".to_owned(), "loud".to_owned())]);
        let outcome = invoke(function, &environment, &json!({})).await;
        assert_eq!(outcome.kind, "init", "{outcome:?}");
        let text = outcome.body["errorMessage"].as_str().unwrap();
        for name in ["CROSSDOCK_STACK", "CROSSDOCK_QUEUES", "CROSSDOCK_LOG", "LAMBDA_TASK_ROOT"] {
            assert!(text.contains(&format!("\n{name}")), "{text}");
        }
        let line = outcome.lines.iter().find(|line| line["message"] == "the function cannot start");
        assert_eq!(line.unwrap()["error"], text, "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_without_a_hub_or_with_a_bad_one_is_told() {
    let root = TempDir::new().unwrap();
    let told = async |text: &str| {
        let outcome = invoke("ingest", &environment(&root), &json!({})).await;
        assert_eq!(outcome.kind, "init", "{outcome:?}");
        let message = outcome.body["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.contains("hub.json") && message.contains(text), "{message}");
        assert!(!format!("{outcome:?}").contains("hush"), "{outcome:?}");
    };
    told("the build puts it there").await;
    fs::write(root.path().join("hub.json"), r#"{"hub": "shop", "routs": []}"#).unwrap();
    told("routs").await;
}
