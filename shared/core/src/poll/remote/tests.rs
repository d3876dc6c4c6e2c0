use super::*;

const HUB: &str = "hub: my-shop
sources:
  erp:
    url: http://erp.test
    collections:
      orders:
        type: order
        remote: {endpoint: bridge, path: /orders, parameters: {since: '2026', key: {secret: bridge-key}}}
        id: number
        every: 1m
      stock: {type: item, remote: {endpoint: bridge, path: /stock}, id: sku, every: 1m}
endpoints:
  bridge: {url: 'http://bridge.test'}
";

fn hub() -> Hub {
    crate::hub::load("hub.yaml", HUB, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

fn answered(known: &Value, status: u16, body: &str) -> Result<Page, RemoteError> {
    let hub = hub();
    let collection = &hub.sources.values().next().unwrap().collections[0];
    let response = EndpointResponse {
        status,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: body.as_bytes().to_vec(),
        truncated: false,
    };
    let known = known.as_object().unwrap();
    let rule = collection.remote.as_ref().unwrap();
    read(Epoch([1; 16]), &hub, collection, rule, known, &response, Timestamp::UNIX_EPOCH)
}

#[test]
fn objects_and_new_parameters() {
    let check = |known: Value, status, body: &str, items: usize, next: Option<Value>| {
        let page = answered(&known, status, body).unwrap();
        let asides: Vec<String> = page.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!((page.items.len(), asides), (items, vec![]), "{body}");
        assert_eq!((page.onward.more, page.onward.next), (Some(status == 206), next.map(At::Cursor)), "{body}");
    };
    check(json!({}), 200, r#"{"orders": [{"number": 1}, {"number": 2}]}"#, 2, None);
    check(json!({}), 200, r#"{"orders": {"number": 1}, "request_id": "x", "summary": "one"}"#, 1, None);
    check(json!({}), 204, "", 0, None);
    // What an answer does not name stays; a list is as good as a map.
    let body = r#"{"orders": [{"number": 1}], "parameters": {"since": "2027"}}"#;
    check(json!({"page": 3}), 200, body, 1, Some(json!({"page": 3, "since": "2027"})));
    let body = r#"{"parameters": [{"name": "since", "value": 7}]}"#;
    check(json!({"since": 6}), 206, body, 0, Some(json!({"since": 7})));
    check(json!({"since": 6}), 200, r#"{"orders": []}"#, 0, Some(json!({"since": 6})));
    // Nobody has a secret stored.
    check(json!({}), 200, r#"{"parameters": {"key": "hush"}}"#, 0, None);
}

#[test]
fn what_is_no_page() {
    let check = |known: Value, status, body: &str, expected: &str| {
        assert_eq!(answered(&known, status, body).unwrap_err().to_string(), expected, "{body}");
    };
    check(json!({}), 500, "{}", "the endpoint bridge answered 500");
    check(json!({}), 503, "{}", "the endpoint bridge answered 503 and asks to wait for 7s");
    let expected = r#"the endpoint bridge answered with no JSON object, expected {"orders": [...], "parameters": {...}}; the answer begins with "<html>""#;
    check(json!({}), 200, "<html>", expected);
    let expected =
        "the endpoint bridge answered 206 without changing a parameter, so that the next answer would be the same";
    check(json!({}), 206, r#"{"orders": [{"number": 1}]}"#, expected);
    check(json!({"since": 1}), 206, r#"{"parameters": {"since": 1, "key": "x"}}"#, expected);
    let huge = format!(r#"{{"parameters": {{"since": "{}"}}}}"#, "x".repeat(MOST_BYTES));
    check(json!({}), 200, &huge, "the endpoint bridge gave parameters of 65548 bytes, expected at most 65536");
}

#[test]
fn what_is_not_asked_for_is_set_aside() {
    let page =
        answered(&json!({}), 200, r#"{"stock": [{"sku": 1}], "orders": [{"number": 1}], "messages": 7}"#).unwrap();
    let asides: Vec<String> = page.unreadable.iter().map(ToString::to_string).collect();
    assert_eq!(page.items.len(), 1);
    assert_eq!(asides.len(), 2, "{asides:?}");
    assert_eq!(asides[1], "answer: found objects of erp/stock, expected erp/orders only");
}

/// The same said again by the same answer, or after a crash, is the same message.
#[test]
fn what_is_told_has_an_id_of_what_it_says() {
    let ids = |known: Value, body: &Value| -> Vec<String> {
        let page = answered(&known, 200, &body.to_string()).unwrap();
        page.messages.iter().map(|message| format!("{} {}", message.message, message.message_id)).collect()
    };
    let told = json!({
        "messages": [{"message": "stock:low", "payload": {"sku": 1}}],
        "notifications": [{"level": "warn", "subject": "slow"}],
    });
    let first = ids(json!({"since": 1}), &told);
    assert_eq!(
        first.iter().map(|one| one.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["stock:low", "notification:warn"]
    );
    assert_eq!(ids(json!({"since": 1}), &told), first);
    let later = ids(json!({"since": 2}), &told);
    let other = ids(json!({"since": 1}), &json!({"messages": [{"message": "stock:low", "payload": {"sku": 2}}]}));
    assert!(later.iter().chain(&other).all(|id| !first.contains(id)));
}
