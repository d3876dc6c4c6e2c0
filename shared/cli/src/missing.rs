//! Secrets that the hub file names and nobody has set: one that was added by hand or by `crossdock webhook rotate`, or whose
//! variable has gone. The hub runs without them; whatever needs one fails until it is set, and takes it from then on. So they are
//! told, each once, before somebody looks for the reason elsewhere.
//!
//! Deliberately absent: whether a value is good, which only the other side knows; secrets of a hub on AWS, which are in its
//! parameter store; those of webhooks that come through a queue or a bus, of which nothing is taken here.

use std::collections::BTreeMap;

use crossdock_core::{
    hub::{Auth, Channel, Fault, Hub, LoadedHub, Parameter},
    id::SecretName,
    port::Secrets,
};

/// In the order of the file.
pub(crate) async fn secrets(loaded: &LoadedHub, secrets: &impl Secrets) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, keys) in named(&loaded.hub) {
        let Err(error) = secrets.secret(name).await else { continue };
        let [key, others @ ..] = keys.as_slice() else { continue };
        let others = match others {
            [] => String::new(),
            [other] => format!("; {other} needs it too"),
            others => format!("; {} need it too", others.join(", ")),
        };
        faults.push(loaded.places.fault(key, format!("{}{others}", error.what), None));
    }
    faults.sort_by_key(|fault| (fault.line, fault.column));
    faults
}

/// The keys of the hub file that name each of them.
fn named(hub: &Hub) -> BTreeMap<&SecretName, Vec<String>> {
    let mut keys: BTreeMap<&SecretName, Vec<String>> = BTreeMap::new();
    let mut add = |name, key: String| keys.entry(name).or_default().push(key);
    for (name, source) in &hub.sources {
        match &source.auth {
            Some(Auth::Bearer { secret }) => add(secret, format!("sources.{name}.auth.bearer.secret")),
            Some(Auth::Basic { secret, .. }) => add(secret, format!("sources.{name}.auth.basic.secret")),
            Some(Auth::Header { secret, .. }) => add(secret, format!("sources.{name}.auth.header.secret")),
            Some(Auth::OAuth2(oauth2)) => add(&oauth2.secret, format!("sources.{name}.auth.oauth2.secret")),
            None => {}
        }
        if let Some(secret) = &source.push {
            add(secret, format!("sources.{name}.push.secret"));
        }
    }
    for (name, endpoint) in &hub.endpoints {
        if let Some(secret) = &endpoint.token {
            add(secret, format!("endpoints.{name}.token.secret"));
        }
        for (place, secret) in endpoint.signing.secrets.iter().enumerate() {
            add(secret, format!("endpoints.{name}.signing.secrets[{place}]"));
        }
    }
    for (place, route) in hub.routes.iter().enumerate() {
        for (name, parameter) in &route.parameters {
            if let Parameter::Secret(secret) = parameter {
                add(secret, format!("routes[{place}].parameters.{name}.secret"));
            }
        }
    }
    for (id, webhook) in hub.webhooks.iter().filter(|(_, webhook)| webhook.from == Channel::Http) {
        for (place, secret) in webhook.secrets.iter().enumerate() {
            add(secret, format!("webhooks.{id}.secrets[{place}]"));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use crossdock_core::hub;
    use crossdock_local::LocalSecrets;

    use super::*;

    const HUB: &str = "hub: h
sources:
  a: {url: 'http://a.test', auth: {bearer: {secret: bearer}}, push: {secret: pushed}}
  b: {url: 'http://b.test', auth: {basic: {user: u, secret: basic}}}
  c: {url: 'http://c.test', auth: {header: {name: x-key, secret: header}}}
  d: {url: 'http://d.test', auth: {oauth2: {token_url: 'http://d.test', client_id: i, secret: oauth}}}
endpoints:
  e: {url: 'http://e.test', token: {secret: token}, signing: {secrets: [new-one, old-one]}}
  f: {url: 'http://f.test', token: {secret: token}}
routes:
  - {name: r, messages: ['*'], to: e, parameters: {pin: {secret: pin}, plain: {literal: {secret: x}}}}
webhooks:
  w: {source: a, provider: shopify, secrets: [w, w-2], events: {'*': {message: 'word:said'}}}
  q: {source: a, provider: commercetools, from: {queue: 'arn:aws:sqs:eu-west-1:123456789012:ct'}, events: {'*': {message: 'word:said'}}}
";

    #[tokio::test]
    async fn each_is_told_once_where_it_is_named() {
        let loaded = hub::load("hub.yaml", HUB, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        let told = async |set: Vec<&'static str>| -> Vec<String> {
            let lookup = move |name: &str| set.contains(&name).then(|| "value".to_owned());
            let store = LocalSecrets::new(Arc::new(lookup), Path::new("state/secrets"));
            secrets(&loaded, &store).await.iter().map(ToString::to_string).collect()
        };
        let all = told(Vec::new()).await;
        let keys: Vec<&str> = all.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
        let expected = [
            "sources.a.auth.bearer.secret",
            "sources.a.push.secret",
            "sources.b.auth.basic.secret",
            "sources.c.auth.header.secret",
            "sources.d.auth.oauth2.secret",
            "endpoints.e.token.secret",
            "endpoints.e.signing.secrets[0]",
            "endpoints.e.signing.secrets[1]",
            "routes[0].parameters.pin.secret",
            "webhooks.w.secrets[0]",
            "webhooks.w.secrets[1]",
        ];
        assert_eq!(keys, expected, "{all:#?}");
        assert!(all[5].ends_with("; endpoints.f.token.secret needs it too"), "{}", all[5]);
        assert_eq!(
            all[10],
            "hub.yaml:13:50: webhooks.w.secrets[1]: secret w-2 is not set: expected the environment variable \
             CROSSDOCK_SECRET_W_2 or the file state/secrets/w-2"
        );

        let set = vec![
            "CROSSDOCK_SECRET_BEARER",
            "CROSSDOCK_SECRET_PUSHED",
            "CROSSDOCK_SECRET_BASIC",
            "CROSSDOCK_SECRET_HEADER",
            "CROSSDOCK_SECRET_OAUTH",
            "CROSSDOCK_SECRET_TOKEN",
            "CROSSDOCK_SECRET_NEW_ONE",
            "CROSSDOCK_SECRET_PIN",
            "CROSSDOCK_SECRET_W",
        ];
        let rest = told(set).await;
        assert_eq!(rest.len(), 2, "{rest:#?}");
        assert!(rest[0].contains("old-one") && rest[1].contains("w-2"), "{rest:#?}");
    }
}
