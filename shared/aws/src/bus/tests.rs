use crossdock_core::hub::load;
use crossdock_testkit::{build::message, clock::SeededRandom};
use serde_json::{Value, json};

use super::*;
use crate::fake::Fake;

fn bus(fake: &Fake) -> EventBridgeBus {
    let hub = "hub: shop\nsources: {my-store: {url: \"https://s.example\"}}\nendpoints: {e: {url: \"https://e.example\"}}\nroutes: [{name: all, messages: [\"*\"], to: e}]\n";
    let hub = load("hub.yaml", hub, &|_: &str| None).unwrap_or_else(|faults| panic!("{faults}")).hub;
    EventBridgeBus::new(
        fake.clients().eventbridge,
        "shop",
        Arc::new(Router::new(&hub)),
        262_144,
        Arc::new(SeededRandom::new(1)),
    )
}

/// What a call answers for each of its entries.
fn entries(request: &Value, answer: impl Fn(&str) -> Value) -> (u16, Value) {
    let entries = request["Entries"].as_array().unwrap();
    let of = |entry: &Value| -> String {
        let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        detail["keys"]["order_number"].as_str().unwrap().to_owned()
    };
    let answers: Vec<Value> = entries.iter().map(|entry| answer(&of(entry))).collect();
    let failed = answers.iter().filter(|answer| answer.get("ErrorCode").is_some()).count();
    (200, json!({"FailedEntryCount": failed, "Entries": answers}))
}

#[tokio::test]
async fn each_entry_of_a_call_has_its_own_answer() {
    let fake = Fake::new(|call, request| {
        entries(&request, |name| match name {
            "busy" if call == 0 => json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}),
            "bad" => json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}),
            "closed" => json!({"ErrorCode": "AccessDeniedException"}),
            _ => json!({"EventId": "1"}),
        })
    });
    let messages = ["a", "busy", "bad", "closed", "b"].map(message);
    let answers = bus(&fake).publish(&messages).await;
    let told = |answer: &Result<(), PublishError>| match answer {
        Ok(()) => "accepted".to_owned(),
        Err(PublishError::Impossible(why)) => format!("impossible, {why}"),
        Err(PublishError::Port(error)) => format!("transient: {}, {error}", error.transient),
    };
    assert_eq!(
        answers.iter().map(told).collect::<Vec<_>>(),
        [
            "accepted",
            "accepted",
            "impossible, publishing on the bus shop: MalformedDetail: Detail is malformed.",
            "transient: true, publishing on the bus shop: AccessDeniedException",
            "accepted",
        ]
    );
    assert_eq!(fake.calls(), 2, "only what was throttled is sent again");
}

#[tokio::test]
async fn an_answer_that_is_short_accepts_nothing() {
    let fake = Fake::new(|_, _| (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}, {}]})));
    let answers = bus(&fake).publish(&["a", "b", "c"].map(message)).await;
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn an_entry_carries_the_trace_of_its_message() {
    let fake = Fake::new(|_, request| {
        let entry = &request["Entries"][0];
        assert_eq!(entry["TraceHeader"], "Root=1-0af76519-16cd43dd8448eb211c80319c");
        assert_eq!((&entry["Source"], &entry["EventBusName"]), (&json!("crossdock.my-store"), &json!("shop")));
        (200, json!({"Entries": [{"EventId": "1"}]}))
    });
    assert_eq!(bus(&fake).publish(&[message("a")]).await, [Ok(())]);
}
