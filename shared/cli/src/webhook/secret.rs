//! What proves a webhook: made here, or by its provider, and what is to be done with it.

use crossdock_core::{
    hub::Hub,
    id::{SecretName, WebhookId, hex},
    port::Random,
    signature::{Scheme, Secret as SigningSecret},
    webhook::{proof::Key, provider::Provider},
};
use crossdock_http::OsRandom;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::out;

/// Characters of a name.
const LONGEST_NAME: usize = 40;

/// A token that is sent as it is, so the hub keeps its hash only.
pub(super) struct Token {
    value: SecretString,
    /// SHA-256, 64 hex digits.
    pub(super) hash: String,
}

impl Token {
    pub(super) fn new() -> Self {
        let value = hex(&OsRandom.key());
        let hash = hex(&Key::hash(&value));
        Self { value: value.into(), hash }
    }

    pub(super) fn show(&self, header: &str) {
        out::line(self.value.expose_secret());
        out::note("this token is shown once; the hub file has its SHA-256. The sender sends it with every request:");
        let bearer = if header.eq_ignore_ascii_case("authorization") { "Bearer " } else { "" };
        out::note(&format!("  {header}: {bearer}TOKEN"));
    }
}

/// A secret that both sides have.
pub(super) struct Shared {
    pub(super) name: SecretName,
    /// `None`: the provider makes it.
    value: Option<SecretString>,
    provider: Provider,
}

impl Shared {
    pub(super) fn new(name: SecretName, provider: Provider) -> Self {
        let key = OsRandom.key();
        let value = match provider {
            Provider::Shopify | Provider::Stripe => None,
            Provider::StandardWebhooks => Some(SigningSecret::of_bytes(Scheme::V1, &key).written()),
            Provider::Generic
            | Provider::GitHub
            | Provider::Commercetools
            | Provider::Marketplacer
            | Provider::WooCommerce => Some(hex(&key).into()),
        };
        Self { name, value, provider }
    }

    pub(super) fn show(&self, hub: &Hub) {
        let Self { name, .. } = self;
        match &self.value {
            Some(value) => {
                out::line(value.expose_secret());
                out::note("this secret is shown once. Give it to the sender, and to the hub:");
            }
            None => {
                let whence = match self.provider {
                    Provider::Stripe => "Stripe makes it: Workbench, Webhooks, the endpoint, Signing secret (whsec_…)",
                    _ => {
                        "Shopify makes it: Settings, Notifications, Webhooks, below the list; of an app it is the app's \
                         client secret"
                    }
                };
                out::note(&format!("{whence}. Give it to the hub:"));
            }
        }
        out::note(&format!(
            "  on this machine  CROSSDOCK_SECRET_{}, or a file {name} in the state's folder secrets",
            variable(name)
        ));
        out::note(&format!(
            "  on AWS           read -rs value && aws ssm put-parameter --type SecureString --name /{}/{name} --value \
             \"$value\"   (the stack's name, where it is another than the hub's)",
            hub.name
        ));
    }
}

fn variable(name: &SecretName) -> String {
    name.as_str().to_ascii_uppercase().replace('-', "_")
}

/// Names after this webhook that the hub file has in use, for whatever: a second thing of that name would have the first
/// one's value. `text` is the hub as JSON.
pub(super) fn taken(id: &WebhookId, text: &str, live: &[SecretName]) -> Vec<SecretName> {
    fn collect(value: &Value, is_secret: bool, found: &mut Vec<SecretName>) {
        match value {
            Value::String(name) if is_secret => found.extend(SecretName::new(name)),
            Value::Array(items) => items.iter().for_each(|item| collect(item, is_secret, found)),
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(key, value)| collect(value, matches!(key.as_str(), "secret" | "secrets"), found));
            }
            _ => {}
        }
    }
    let mut found = live.to_vec();
    let mut used = Vec::new();
    collect(&serde_json::from_str(text).unwrap_or(Value::Null), false, &mut used);
    let plain = id.as_str().to_ascii_lowercase();
    let is_after = |name: &SecretName| {
        let name = name.as_str().strip_prefix("webhook-").unwrap_or(name.as_str());
        let end = name.strip_prefix(plain.as_str());
        end.is_some_and(|end| end.is_empty() || end.strip_prefix('-').is_some_and(|end| end.parse::<u32>().is_ok()))
    };
    found.extend(used.into_iter().filter(|name| is_after(name) && !live.contains(name)));
    found
}

/// After the webhook, with a number from the second on; none that is live.
pub(super) fn name_for(id: &WebhookId, live: &[SecretName]) -> Option<SecretName> {
    let plain = id.as_str().to_ascii_lowercase();
    let plain = if plain.starts_with(|c: char| c.is_ascii_lowercase()) { plain } else { format!("webhook-{plain}") };
    let numbered = |number: usize| {
        let end = if number == 1 { String::new() } else { format!("-{number}") };
        let room = LONGEST_NAME - end.len();
        SecretName::new(&format!("{}{end}", plain.chars().take(room).collect::<String>())).ok()
    };
    // Behind the newest, so that the value of one that has gone is not taken for the new one's.
    let newest = (1..=live.len() + 100).rev().find(|number| numbered(*number).is_some_and(|name| live.contains(&name)));
    numbered(newest.map_or(live.len() + 1, |number| number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_have_one_secret() {
        let hub = r#"{"sources": {"shop": {"push": {"secret": "till"}}}, "webhooks": {"a": {"source": "till-9", "secrets": ["till-2", "b"]}}}"#;
        let check = |id: &str, expected: &str| {
            let id = id.parse().unwrap();
            assert_eq!(name_for(&id, &taken(&id, hub, &[])).unwrap().as_str(), expected);
        };
        check("till", "till-3");
        check("b", "b-2");
        check("shop", "shop");
    }

    #[test]
    fn secrets_are_called_after_their_webhook() {
        let check = |id: &str, live: &[&str], expected: &str| {
            let live: Vec<SecretName> = live.iter().map(|name| name.parse().unwrap()).collect();
            assert_eq!(name_for(&id.parse().unwrap(), &live).unwrap().as_str(), expected);
        };
        check("shop-orders", &[], "shop-orders");
        check("Shop_2", &[], "shop_2");
        check("9lives", &[], "webhook-9lives");
        check("shop-orders", &["shop-orders"], "shop-orders-2");
        check("shop-orders", &["shop-orders-7"], "shop-orders-8");
        check("shop-orders", &["by-hand"], "shop-orders-2");
        check(&"x".repeat(60), &[], &"x".repeat(40));
        check(&"x".repeat(60), &["other"], &format!("{}-2", "x".repeat(38)));
    }

    #[test]
    fn a_token_is_known_by_its_hash() {
        let token = Token::new();
        assert_eq!(token.hash, hex(&Key::hash(token.value.expose_secret())));
        assert_ne!(Token::new().hash, token.hash);
        assert_eq!(token.value.expose_secret().len(), 64);
    }
}
