use crossdock_testkit::{build, suite};
use serde_json::json;

use super::*;
use crate::function::testing::{Stage, Weakness, lasting};

fn event() -> Value {
    json!({
        "rawPath": "/push/my-store",
        "headers": {"authorization": "Bearer token"},
        "requestContext": {"http": {"method": "POST"}},
        "body": r#"{"message": "order:imported"}"#,
    })
}

#[tokio::test]
async fn what_is_accepted_is_stored_and_on_its_way_when_it_is_answered() {
    let stage = Stage::new().await;
    let answer = json!(handle(stage.work.clone(), lasting(60), event()).await.unwrap());
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(
        suite::pending(stage.work.home.database(), build::at(60)).await.unwrap(),
        [],
        "nothing is left to publish"
    );
    assert_eq!(stage.batch().await["Records"].as_array().unwrap().len(), 1);
}

/// Nothing is answered that may not be so.
#[tokio::test]
async fn without_time_it_is_to_be_sent_again() {
    let stage = Stage::with(Weakness::Silent).await;
    let answer = json!(handle(stage.work.clone(), lasting(0), event()).await.unwrap());
    assert_eq!(answer["statusCode"], 503, "{answer}");
}
