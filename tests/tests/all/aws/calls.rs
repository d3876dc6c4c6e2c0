//! What functions called, as their logs tell (`crossdock::aws_call`).

use std::collections::{BTreeMap, BTreeSet};

use super::deployed::Deployed;

#[derive(Debug)]
pub(crate) struct AwsCall {
    pub(crate) function: &'static str,
    /// As IAM names services, and the operation: `dynamodb:BatchGetItem`.
    pub(crate) operation: String,
    /// What a role must allow for it. Of transactions and batches IAM knows only the parts.
    pub(crate) actions: BTreeSet<String>,
    pub(crate) resource: String,
    /// Of DynamoDB, read or written. The emulator does not tell of `BatchGetItem`.
    pub(crate) units: Option<f64>,
}

impl Deployed {
    pub(crate) async fn calls(&self) -> Vec<AwsCall> {
        let lines = self.lines().await.into_iter();
        let calls = lines.filter(|(_, line)| line["target"] == "crossdock::aws_call").map(|(function, line)| {
            let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
            let operation = text("call");
            let (service, name) = operation.split_once(':').unwrap();
            let actions = match name {
                "TransactWriteItems" => text("parts").split(' ').map(|part| format!("{service}:{part}")).collect(),
                "SendMessageBatch" => [format!("{service}:SendMessage")].into(),
                _ => [operation.clone()].into(),
            };
            let units = line["units"].as_f64();
            AwsCall { function, actions, resource: text("resource"), units, operation }
        });
        calls.collect()
    }
}

/// How many there were of each operation of each function, and their units.
pub(crate) fn counted(calls: &[AwsCall]) -> BTreeMap<(&'static str, String), (usize, Option<f64>)> {
    let mut counted: BTreeMap<_, (usize, Option<f64>)> = BTreeMap::new();
    for call in calls {
        let (count, units) = counted.entry((call.function, call.operation.clone())).or_default();
        *count += 1;
        *units = units.map_or(call.units, |sum| Some(sum + call.units?));
    }
    counted
}
