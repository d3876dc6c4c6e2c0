use serde_json::json;

use super::*;

fn sent(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_provider_has_a_name_and_a_proof() {
    for (place, provider) in Provider::ALL.into_iter().enumerate() {
        assert!(Provider::ALL[..place].iter().all(|other| other.as_str() != provider.as_str()));
        assert_eq!(provider.proof().is_none(), provider == Provider::Generic, "{provider:?}");
    }
}

#[test]
fn what_is_about_which_collection() {
    let check = |provider: Provider, collection: &str, object_type: &str, deleted: Option<&str>| {
        let found = provider.kinds_of(collection, object_type);
        assert_eq!(found.map(|kinds| kinds.deleted), deleted, "{provider:?} {collection}");
        assert!(found.is_none_or(|kinds| !kinds.whole.is_empty() && !kinds.whole.contains(&kinds.deleted)));
    };
    check(Provider::Shopify, "orders", "sale", Some("orders/delete"));
    check(Provider::Shopify, "sales", "order", None);
    check(Provider::WooCommerce, "sales", "order", Some("order.deleted"));
    check(Provider::WooCommerce, "orders", "sale", None);
    check(Provider::Stripe, "orders", "order", None);
}

#[test]
fn which_event_it_is_and_what_happened() {
    let check = |provider: Provider, headers: &[(&str, &str)], body: Value, id: Option<&str>, event: Option<&str>| {
        let headers = sent(headers);
        let raw = body.to_string();
        assert_eq!(provider.event_id(&headers, raw.as_bytes(), &body).as_deref(), id, "{provider:?} {body}");
        assert_eq!(provider.event_type(&headers, &body).as_deref(), event, "{provider:?} {body}");
    };
    use Provider::*;
    let type_and_id = json!({"id": "evt_1", "type": "charge.refunded"});
    check(Generic, &[("webhook-id", "1")], type_and_id.clone(), None, None);
    check(Commercetools, &[], type_and_id.clone(), None, None);
    check(Stripe, &[], type_and_id.clone(), Some("evt_1"), Some("charge.refunded"));
    check(Stripe, &[], json!({}), None, None);
    check(Stripe, &[], json!([1]), None, None);
    check(StandardWebhooks, &[("webhook-id", "msg_1")], type_and_id, Some("msg_1"), Some("charge.refunded"));
    check(StandardWebhooks, &[("webhook-id", "")], json!({"type": null}), None, None);

    let github = [("x-github-delivery", "d-1"), ("x-github-event", "issues")];
    check(GitHub, &github, json!({"action": "opened"}), Some("d-1"), Some("issues.opened"));
    check(GitHub, &github, json!({"ref": "main"}), Some("d-1"), Some("issues"));
    check(GitHub, &[], json!({"action": "opened"}), None, None);

    let topic = ("x-shopify-topic", "orders/updated");
    let shopify = [("x-shopify-webhook-id", "w-1"), ("x-shopify-event-id", "e-1"), topic];
    check(Shopify, &shopify, json!({"id": 820}), Some("w-1"), Some("orders/updated"));
    check(Shopify, &shopify[1..], json!({"id": 820}), Some("e-1/orders/updated/820"), Some("orders/updated"));
    check(Shopify, &[topic], json!({"id": 820}), None, Some("orders/updated"));

    let node =
        |name: &str| json!({"id": "V2Vi", "event_name": "update", "payload": {"data": {"node": {"__typename": name}}}});
    check(Marketplacer, &[("idempotency-key", "k")], node("Advert"), Some("V2Vi"), Some("Advert.update"));
    check(Marketplacer, &[("idempotency-key", "k")], json!({"event_name": "destroy"}), Some("k"), Some("destroy"));
}

/// Two orders of one second have the same delivery id.
#[test]
fn deliveries_of_one_second_are_told_apart() {
    let headers = sent(&[("x-wc-webhook-delivery-id", "5f2"), ("x-wc-webhook-topic", "order.updated")]);
    let id = |body: &str| Provider::WooCommerce.event_id(&headers, body.as_bytes(), &Value::Null).unwrap();
    assert_eq!(id(r#"{"id":1}"#), id(r#"{"id":1}"#));
    assert_ne!(id(r#"{"id":1}"#), id(r#"{"id":2}"#));
    assert!(id("").starts_with("5f2/") && id("").len() == 36, "{}", id(""));
    assert_eq!(Provider::WooCommerce.event_type(&headers, &Value::Null).as_deref(), Some("order.updated"));
}

#[test]
fn the_ping_of_woocommerce() {
    let check = |body: &str, expected: bool| {
        assert_eq!(Provider::WooCommerce.is_ping(body.as_bytes()), expected, "{body}");
        assert!(!Provider::Generic.is_ping(body.as_bytes()));
    };
    check("webhook_id=1", true);
    check("webhook_id=1844674407370955161", true);
    check("webhook_id=", false);
    check("webhook_id=1&order=2", false);
    check("webhook_id=123456789012345678901", false);
    check(r#"{"id": 1}"#, false);
    check("", false);
}

/// What is sent for trying out is read as what it was meant to be.
#[test]
fn what_is_announced_is_read_again() {
    let at = Timestamp::from_second(1_614_265_330).unwrap();
    for (provider, event, body) in [
        (Provider::GitHub, "issues.opened", json!({"action": "opened"})),
        (Provider::GitHub, "push", json!({})),
        (Provider::Shopify, "orders/create", json!({})),
        (Provider::WooCommerce, "order.created", json!({})),
    ] {
        let headers = provider.announced("id-1", Some(event), at);
        assert_eq!(provider.event_type(&headers, &body).as_deref(), Some(event), "{provider:?}");
        assert!(provider.event_id(&headers, b"", &body).unwrap().starts_with("id-1"), "{provider:?}");
        assert!(provider.event_type(&provider.announced("id-1", None, at), &body).is_none(), "{provider:?}");
    }
    let marketplacer = Provider::Marketplacer.announced("id-1", None, at);
    assert_eq!(Provider::Marketplacer.event_id(&marketplacer, b"", &json!({})).as_deref(), Some("id-1"));
    assert!(Provider::Stripe.announced("id-1", Some("charge.refunded"), at).is_empty());
}

/// What somebody copies from the docs must be a hub; each page has one, and is about the provider that it is called after.
#[test]
fn the_hub_files_of_the_docs_are_hubs() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks"));
    for provider in Provider::ALL {
        let file = folder.join(format!("{}.md", provider.as_str()));
        let page = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
        let hubs: Vec<_> = blocks
            .map(|yaml| {
                let loaded = crate::hub::load(&file.display().to_string(), yaml, &|_| None);
                loaded.unwrap_or_else(|faults| panic!("{faults}")).hub
            })
            .collect();
        let webhooks = || hubs.iter().flat_map(|hub| hub.webhooks.values());
        assert!(webhooks().count() > 0 && webhooks().all(|webhook| webhook.provider == provider), "{}", file.display());
        // What is typed to try it out names a webhook of this page.
        let tried = page.split("--to ").skip(1).map(|rest| rest.split_whitespace().next().unwrap());
        let tried: Vec<&str> = tried.collect();
        let known = |id: &&str| hubs.iter().any(|hub| hub.webhooks.contains_key(*id));
        assert!(!tried.is_empty() && tried.iter().all(known), "{tried:?}");
    }
}
