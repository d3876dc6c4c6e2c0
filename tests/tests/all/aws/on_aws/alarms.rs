//! Every alarm of a stack goes off when its measurement passes its limit, and the topic hears of it. The emulator takes
//! few measurements by itself, so they are put there; that the dimensions are those of something that was deployed is
//! looked at here, since the emulator does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    aws::{cloud::until, deployed::Deployed},
    kills::hub_file,
    support::Bench,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_alarm_goes_off_and_is_heard() {
    let file = hub_file("https://shop.test", "https://endpoints.test", "1h");
    let hub = Deployed::new("alarms", Bench::empty(), &file).await;
    let cloud = &hub.cloud;
    let topic = hub.stack.output("AlarmTopic").await;
    cloud.listen_to(&topic, "heard").await;

    let deployed: BTreeSet<String> =
        hub.stack.resources().await.into_iter().map(|resource| resource.physical).collect();
    let names_something = |value: &str| {
        value == hub.stack.name || deployed.iter().any(|physical| physical.rsplit(['/', ':']).next() == Some(value))
    };
    let alarms = cloud.alarms().await;
    assert!(alarms.len() >= 20, "{:?}", alarms.keys());
    for (name, alarm) in &alarms {
        assert_ne!(alarm["StateValue"], "ALARM", "{alarm}");
        assert_eq!(alarm["AlarmActions"], json!([topic]), "{alarm}");
        for dimension in alarm["Dimensions"].as_array().into_iter().flatten() {
            assert!(
                names_something(dimension["Value"].as_str().unwrap()),
                "{name} looks at {dimension}, which is not there"
            );
        }
        match alarm["MetricName"].as_str() {
            Some(metric) => {
                let threshold = alarm["Threshold"].as_f64().unwrap();
                let low = alarm["ComparisonOperator"].as_str().unwrap().starts_with("LessThan");
                let value = if low { threshold - 1.0 } else { threshold + 1.0 };
                cloud.put_metric(alarm["Namespace"].as_str().unwrap(), metric, &alarm["Dimensions"], value).await;
            }
            // A query over many metrics, which the emulator does not evaluate.
            None => cloud.set_alarm(name).await,
        }
        let gone_off = async || {
            let state = cloud.alarms().await[name]["StateValue"].clone();
            (state == "ALARM").then_some(())
        };
        until(&format!("the alarm {name}"), gone_off).await;
    }
    let heard = async || {
        let letters = cloud.peek("heard").await;
        let names = letters.iter().filter_map(|letter| {
            let envelope: Value = serde_json::from_str(letter["Body"].as_str()?).ok()?;
            let message: Value = serde_json::from_str(envelope["Message"].as_str()?).ok()?;
            (message["NewStateValue"] == "ALARM").then(|| message["AlarmName"].as_str().unwrap().to_owned())
        });
        let names: BTreeSet<String> = names.collect();
        alarms.keys().all(|name| names.contains(name)).then_some(())
    };
    until("all alarms at the topic", heard).await;
}
