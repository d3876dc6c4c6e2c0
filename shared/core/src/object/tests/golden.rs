use serde_json::{Value, json};

use crate::{
    golden::{check_message, context, hub, now, orders},
    hub::Collection,
    json::content_hash,
    message::Message,
    object::{Decision, decide::Deriving, deriving, read},
    version::Version,
};

fn order(state: &str, total: &str) -> Value {
    json!({
        "number": "R123123123",
        "state": state,
        "total": total,
        "email": "",
        "created_at": "2026-11-21T09:00:00Z",
        "updated_at": "2026-11-21T09:59:00Z",
        "lines": [{"sku": "A/1", "quantity": 2, "price": serde_json::from_str::<Value>("9.990").unwrap()}],
        "payments": [{"id": 7, "amount": "24.99", "state": "captured"}],
    })
}

/// The version of the order that this body is.
fn version(collection: &Collection, number: u64, body: &Value) -> Version {
    let record = read(collection, "record 0", body.clone()).unwrap();
    Version {
        key: record.key,
        object_type: collection.object_type.clone(),
        number,
        parent: (number > 1).then(|| number - 1),
        hash: content_hash(body, &collection.rules.volatile),
        stored_at: now(),
        baseline: false,
        deleted: record.deleted,
        order: None,
        late: false,
        body: record.body,
    }
}

fn messages(decision: Decision, number: u64, previous: Option<&Value>, body: &Value) -> Vec<Message> {
    let hub = hub();
    let collection = orders(&hub);
    let version = version(collection, number, body);
    let rules = &collection.rules;
    deriving(&context(&hub), &Deriving { version: &version, decision, rules, previous, within: None, trace_id: None })
}

fn check(name: &str, decision: Decision, number: u64, previous: Option<&Value>, body: &Value) {
    let mut messages = messages(decision, number, previous, body);
    assert_eq!(messages.len(), 1, "{messages:?}");
    check_message(&hub(), name, messages.remove(0));
}

#[test]
fn of_an_object() {
    let old = order("paid", "19.99");
    let mut new = order("paid", "24.99");
    new["note"] = Value::Null;
    check("new", Decision::New, 1, None, &old);
    check("updated", Decision::Updated, 4, Some(&old), &new);
    check("derived", Decision::Updated, 5, Some(&new), &order("canceled", "24.99"));
    let gone = json!({"number": "R123123123", "deleted_at": "2026-11-21T09:59:30Z"});
    check("deleted", Decision::Deleted, 6, None, &gone);
}

#[test]
fn of_a_child() {
    let hub = hub();
    let collection = orders(&hub);
    let body = order("paid", "24.99");
    let record = read(collection, "record 0", body.clone()).unwrap();
    let [child] = &record.children[..] else { panic!("{:?}", record.children) };
    let rule = &collection.children[child.rule];
    let version = Version {
        key: child.key.clone(),
        object_type: rule.object_type.clone(),
        number: 1,
        parent: None,
        hash: content_hash(&child.body, &rule.rules.volatile),
        stored_at: now(),
        baseline: false,
        deleted: false,
        order: None,
        late: false,
        body: child.body.clone(),
    };
    // One trace with the order's own message.
    let order = messages(Decision::Updated, 4, Some(&body), &body);
    let deriving_of = Deriving {
        version: &version,
        decision: Decision::New,
        rules: &rule.rules,
        previous: None,
        within: Some((&collection.object_type, &record.body)),
        trace_id: Some(&order[0].trace_id),
    };
    let mut messages = deriving(&context(&hub), &deriving_of);
    assert_eq!(messages.len(), 1);
    check_message(&hub, "child", messages.remove(0));
}
