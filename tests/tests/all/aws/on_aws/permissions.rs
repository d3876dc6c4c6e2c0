//! What each function calls, as its log says, and what its role allows: nothing is missing, and nothing is idle. The
//! emulator asks no role, so nothing else would tell.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    aws::{calls::AwsCall, cloud::until, deployed::Deployed},
    support::{Bench, Reply, Request, Server, client::call, now, table},
};

/// Statements for what AWS itself does in a function's name, or for what this deployment has not chosen.
const NOT_OURS: [&str; 5] = ["OnFailure", "Log", "Traces", "SecretsManager", "SecretsKey"];
/// What event source mappings do in the dispatcher's name.
const OF_MAPPINGS: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/// What is allowed and not seen here: function, action, and why it must be allowed all the same.
const UNSEEN: [(&str, &str, &str); 1] =
    [("poller", "dynamodb:ConditionCheckItem", "a bookmark saved with more messages than fit into one transaction")];

pub(super) struct Allowed {
    pub(super) sid: String,
    actions: BTreeSet<String>,
    /// ARNs, with `*` for anything.
    pub(super) resources: Vec<String>,
}

impl Allowed {
    fn allows(&self, action: &str, call: &AwsCall) -> bool {
        self.actions.contains(action) && self.resources.iter().any(|pattern| is_of(pattern, &call.resource))
    }
}

/// Whether an ARN is that of a resource, which the log calls by its name.
pub(super) fn is_of(pattern: &str, name: &str) -> bool {
    let own = pattern.splitn(6, ':').nth(5).unwrap_or(pattern);
    let own = ["table/", "event-bus/", "parameter"].iter().find_map(|kind| own.strip_prefix(kind)).unwrap_or(own);
    match own.split_once('*') {
        Some((start, end)) => name.starts_with(start) && name.ends_with(end),
        None => name == own,
    }
}

pub(super) async fn allowed(hub: &Deployed, function: &str) -> Vec<Allowed> {
    let resources = hub.stack.resources().await;
    let id = format!("{}Role", function[..1].to_uppercase() + &function[1..]);
    let role = resources.iter().find(|resource| resource.logical == id).unwrap();
    let document = hub.cloud.role_policy(&role.physical, function).await;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let texts = |value: &Value| list(value).iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let statements = list(&document["Statement"]).into_iter().map(|statement| Allowed {
        sid: statement["Sid"].as_str().unwrap().to_owned(),
        actions: texts(&statement["Action"]).into_iter().collect(),
        resources: texts(&statement["Resource"]),
    });
    statements.collect()
}

/// An endpoint that has everything follow that can follow.
fn answer(request: &Request) -> Reply {
    let message = request.json();
    let again = request.webhook_id().contains('.');
    match message["message"].as_str().unwrap() {
        // More than one transaction holds.
        "order:new" => {
            let said: Vec<Value> =
                (0..60).map(|number| json!({"message": "more:said", "payload": {"number": number}})).collect();
            Reply::json(200, &json!({"messages": said, "parameters": {"token": "t1"}}))
        }
        "word:again" if !again => Reply::json(206, &json!({"parameters": {"page": 2}})),
        "word:later" if !again => Reply::json(200, &json!({"delay": 1})),
        "word:dead" => Reply::status(503),
        _ => Reply::status(200),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_allow_what_functions_call_and_nothing_else() {
    let endpoint = Server::start(answer).await;
    let rows = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let asked = rows.clone();
    let shop = Server::start(move |request| table::page(&asked.lock().unwrap(), 10, request)).await;
    let file = format!(
        r#"
hub: permitted
retention: {{versions: 30d}}
sources:
  shop:
    url: "{}"
    auth: {{bearer: {{secret: shop-token}}}}
    push: {{secret: push-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at}}
        pages: {{style: page, param: page, total: pages}}
        every: 1m
        fetch: {{path: "/orders/{{id}}", item: items.0}}
endpoints:
  all: {{url: "{}", token: {{secret: hub-token}}, retries: [1s], ordered: true}}
routes:
  - {{name: everything, messages: ["order:*", "word:*", "more:*"], to: all, path: /all}}
"#,
        shop.url(),
        endpoint.url(),
    );
    let hub = Deployed::new("permitted", Bench::empty(), &file).await;
    for secret in ["shop-token", "push-token", "hub-token"] {
        hub.cloud.put_secret(&format!("/permitted/{secret}"), "secret").await;
    }
    hub.poll("shop/orders").await;
    for total in [1, 2] {
        let at = table::stamp(now());
        let created = "2999-01-01T00:00:00Z";
        *rows.lock().unwrap() = vec![json!({"number": "R1", "created_at": created, "updated_at": at, "total": total})];
        hub.poll("shop/orders").await;
    }
    let url = format!("{}/push/shop", hub.cloud.function_url(&hub.function("ingest")).await);
    let mut ids = Vec::new();
    for word in ["again", "dead", "lost", "later"] {
        let body = json!({"message": format!("word:{word}"), "payload": {}});
        let response = call("POST", &url).bearer("secret").header("idempotency-key", word).json(&body).send().await;
        assert_eq!(response.status, 202, "{response:?}");
        ids.push(response.json()["message_ids"][0].as_str().unwrap().to_owned());
    }
    for total in [1, 2] {
        let order = json!({"orders": [{"number": "R2", "created_at": "2999-01-01T00:00:00Z", "total": total}]});
        let response = call("POST", &url).bearer("secret").json(&order).send().await;
        assert_eq!(response.status, 202, "{response:?}");
    }
    let thin = call("POST", &url).bearer("secret").json(&json!({"orders": [{"number": "R1"}]})).send().await;
    assert_eq!(thin.status, 202, "{thin:?}");
    let fetched = hub.fetch("shop/orders").await;
    assert_eq!(fetched["polled"]["records"], 1, "{fetched}");
    until("empty queues", async || (hub.waiting().await == 0).then_some(())).await;
    assert_eq!(hub.cloud.peek(&hub.dead_letters("all")).await.len(), 1);

    // A delivery that nobody knows of any more is found by the sweep, hours later, and sent again under its id.
    let lost = &ids[2];
    let times = || endpoint.seen().iter().filter(|request| request.webhook_id() == lost).count();
    assert_eq!(times(), 1);
    hub.forget(lost, "everything").await;
    hub.sweep().await;
    until("what was lost", async || (times() == 2).then_some(())).await;

    // What nothing was heard of for weeks, and no queue has, is a dead letter: in its queue, and from there, or from the table
    // where that has forgotten it, it is sent again.
    until("empty queues", async || (hub.waiting().await == 0).then_some(())).await;
    let silent = &ids[0];
    hub.silence(silent, "everything").await;
    let swept = hub.sweep().await;
    assert_eq!(swept["swept"]["expired"], 1, "{swept}");
    let letters = hub.cloud.peek(&hub.dead_letters("all")).await;
    assert_eq!(letters.len(), 2, "{letters:?}");
    hub.publish().await;
    until("empty queues", async || (hub.waiting().await == 0).then_some(())).await;

    let calls = hub.calls().await;
    for function in ["poller", "dispatcher", "ingest"] {
        let allowed = allowed(&hub, function).await;
        let calls: Vec<&AwsCall> = calls.iter().filter(|call| call.function == function).collect();
        assert!(calls.len() > 5, "{function}: {calls:?}");
        for call in &calls {
            for action in &call.actions {
                let found = allowed.iter().any(|statement| statement.allows(action, call));
                assert!(found, "{function} may not {action} on {:?}, and does: {call:?}", call.resource);
            }
        }
        for statement in allowed.iter().filter(|statement| !NOT_OURS.contains(&statement.sid.as_str())) {
            for action in &statement.actions {
                let used = calls.iter().any(|call| call.actions.contains(action) && statement.allows(action, call));
                let excused = OF_MAPPINGS.contains(&action.as_str())
                    || UNSEEN.iter().any(|(of, unseen, _)| (*of, *unseen) == (function, action));
                assert!(
                    used != excused,
                    "{function} may {action} ({}) and never does, or has no need of an excuse",
                    statement.sid
                );
            }
        }
    }
}
