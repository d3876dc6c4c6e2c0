//! Who sends webhooks, and what is known of each: how it proves itself, which of its events this is, and what happened.
//!
//! An event's id tells a second delivery of it from another event. It must never be the same for two events, for the
//! second one would be lost; where a provider's id can be, something is added to it here. An id in a header is not signed
//! by any of them: whoever overhears a signed body can send it again under another one, and versions make that harmless.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    envelope::Envelope,
    proof::{Headers, Proof, standard_webhooks},
};
use crate::{Timestamp, id::hex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// What the hub file says of one.
    Generic,
    StandardWebhooks,
    GitHub,
    Shopify,
    Stripe,
    Commercetools,
    Marketplacer,
    WooCommerce,
}

impl Provider {
    pub const ALL: [Self; 8] = [
        Self::Generic,
        Self::StandardWebhooks,
        Self::GitHub,
        Self::Shopify,
        Self::Stripe,
        Self::Commercetools,
        Self::Marketplacer,
        Self::WooCommerce,
    ];

    /// As the hub file calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::StandardWebhooks => "standard-webhooks",
            Self::GitHub => "github",
            Self::Shopify => "shopify",
            Self::Stripe => "stripe",
            Self::Commercetools => "commercetools",
            Self::Marketplacer => "marketplacer",
            Self::WooCommerce => "woocommerce",
        }
    }

    /// How its requests prove themselves; `None`: as the hub file says.
    pub fn proof(self) -> Option<Proof> {
        Some(match self {
            Self::Generic => return None,
            Self::StandardWebhooks => Proof::StandardWebhooks,
            Self::GitHub => Proof::GitHub,
            Self::Shopify => Proof::Shopify,
            Self::Stripe => Proof::Stripe,
            Self::Commercetools => Proof::Commercetools,
            Self::Marketplacer => Proof::Marketplacer,
            Self::WooCommerce => Proof::WooCommerce,
        })
    }

    /// What its events are wrapped in.
    pub fn envelope(self) -> Envelope {
        match self {
            Self::Commercetools => Envelope::Auto,
            _ => Envelope::None,
        }
    }

    /// What the provider calls this event, the same whenever it sends it again. `raw` is the body as it came, `body` what
    /// was read of it. `None`: it has no such id, or none that can be told from the request (commercetools: from what is
    /// in the envelope).
    pub fn event_id(self, headers: &impl Headers, raw: &[u8], body: &Value) -> Option<String> {
        let id = match self {
            Self::Generic | Self::Commercetools => None,
            Self::StandardWebhooks => header(headers, standard_webhooks::ID),
            // The same when it is sent again by hand, too.
            Self::GitHub => header(headers, GITHUB_DELIVERY),
            // The event's own id is shared by all that one action of a merchant gave rise to, be it several topics or
            // several products; the webhook's is this delivery's, and that of its retries.
            Self::Shopify => header(headers, SHOPIFY_WEBHOOK).or_else(|| {
                let body = body.get("id").map(ToString::to_string).unwrap_or_default();
                let topic = header(headers, SHOPIFY_TOPIC).unwrap_or_default();
                Some(format!("{}/{topic}/{body}", header(headers, SHOPIFY_EVENT)?))
            }),
            Self::Stripe => text(body, "/id"),
            // An event without an id of its own has that of the request.
            Self::Marketplacer => text(body, "/id").or_else(|| header(headers, "idempotency-key")),
            // Made of the webhook and the second (`WC_Webhook::get_new_delivery_id`), so that two orders of one second
            // share it.
            Self::WooCommerce => {
                header(headers, WOOCOMMERCE_DELIVERY).map(|id| format!("{id}/{}", &hex(&Sha256::digest(raw))[..32]))
            }
        };
        id.filter(|id| !id.is_empty())
    }

    /// What happened, as rules of the hub file name it.
    pub fn event_type(self, headers: &impl Headers, body: &Value) -> Option<String> {
        match self {
            Self::Generic | Self::Commercetools => None,
            Self::StandardWebhooks | Self::Stripe => text(body, "/type"),
            // `issues.opened`; `push` has no action.
            Self::GitHub => header(headers, GITHUB_EVENT).map(|event| match text(body, "/action") {
                Some(action) => format!("{event}.{action}"),
                None => event,
            }),
            Self::Shopify => header(headers, SHOPIFY_TOPIC),
            // `Advert.update` where the webhook's query asks for `__typename`, else `update`.
            Self::Marketplacer => {
                text(body, "/event_name").map(|event| match text(body, "/payload/data/node/__typename") {
                    Some(object) => format!("{object}.{event}"),
                    None => event,
                })
            }
            Self::WooCommerce => header(headers, WOOCOMMERCE_TOPIC),
        }
    }

    /// Which kinds of events bring an object of this collection whole, and which one takes it away, where the provider's own
    /// names tell: Shopify calls its lists as its API does, WooCommerce names the type.
    pub fn kinds_of(self, collection: &str, object_type: &str) -> Option<KindsOf> {
        let (known, name) = match self {
            Self::Shopify => (SHOPIFY_KINDS, collection),
            Self::WooCommerce => (WOOCOMMERCE_KINDS, object_type),
            _ => return None,
        };
        known.iter().find(|(known, _)| *known == name).map(|(_, kinds)| *kinds)
    }

    /// A request that WooCommerce sends when a webhook is saved: `webhook_id=<number>` as a form, with no signature
    /// (`WC_Webhook::deliver_ping`). It says nothing and changes nothing, and unless the answer is exactly 200 the shop's
    /// admin shows an error.
    pub fn is_ping(self, body: &[u8]) -> bool {
        let number = || body.strip_prefix(b"webhook_id=");
        let is_number = |text: &[u8]| (1..=20).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
        self == Self::WooCommerce && number().is_some_and(is_number)
    }

    /// The headers in which it tells id and type, as it would send them: for trying out, tests and benches. Where they
    /// are in the body there are none.
    pub fn announced(self, id: &str, event: Option<&str>, at: Timestamp) -> Vec<(String, String)> {
        let said: Vec<(&str, Option<String>)> = match self {
            Self::Generic | Self::StandardWebhooks | Self::Stripe | Self::Commercetools => Vec::new(),
            Self::GitHub => {
                // The action is in the body.
                let event = event.map(|event| event.split_once('.').map_or(event, |(event, _)| event).to_owned());
                vec![(GITHUB_DELIVERY, Some(id.to_owned())), (GITHUB_EVENT, event)]
            }
            Self::Shopify => vec![
                (SHOPIFY_WEBHOOK, Some(id.to_owned())),
                (SHOPIFY_EVENT, Some(id.to_owned())),
                (SHOPIFY_TOPIC, event.map(str::to_owned)),
                ("x-shopify-triggered-at", Some(at.to_string())),
            ],
            Self::Marketplacer => vec![("idempotency-key", Some(id.to_owned()))],
            Self::WooCommerce => {
                let (resource, what) = event.and_then(|event| event.split_once('.')).unzip();
                vec![
                    (WOOCOMMERCE_DELIVERY, Some(id.to_owned())),
                    (WOOCOMMERCE_TOPIC, event.map(str::to_owned)),
                    ("x-wc-webhook-resource", resource.map(str::to_owned)),
                    ("x-wc-webhook-event", what.map(str::to_owned)),
                ]
            }
        };
        said.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// What events are called that tell of objects of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindsOf {
    pub whole: &'static [&'static str],
    pub deleted: &'static str,
}

/// Topics whose body is the resource (<https://shopify.dev/docs/api/admin-rest/latest/resources/webhook>). `orders/edited` and
/// others that begin so have something else in them.
const SHOPIFY_KINDS: &[(&str, KindsOf)] = &[
    (
        "orders",
        KindsOf {
            whole: &[
                "orders/cancelled",
                "orders/create",
                "orders/fulfilled",
                "orders/paid",
                "orders/partially_fulfilled",
                "orders/updated",
            ],
            deleted: "orders/delete",
        },
    ),
    ("products", KindsOf { whole: &["products/create", "products/update"], deleted: "products/delete" }),
    (
        "customers",
        KindsOf {
            whole: &["customers/create", "customers/disable", "customers/enable", "customers/update"],
            deleted: "customers/delete",
        },
    ),
];

/// `wc_is_webhook_valid_topic` of WooCommerce. What is restored is sent whole.
const WOOCOMMERCE_KINDS: &[(&str, KindsOf)] = &[
    ("order", KindsOf { whole: &["order.created", "order.restored", "order.updated"], deleted: "order.deleted" }),
    (
        "product",
        KindsOf { whole: &["product.created", "product.restored", "product.updated"], deleted: "product.deleted" },
    ),
    ("customer", KindsOf { whole: &["customer.created", "customer.updated"], deleted: "customer.deleted" }),
];

const GITHUB_DELIVERY: &str = "x-github-delivery";
const GITHUB_EVENT: &str = "x-github-event";
const SHOPIFY_WEBHOOK: &str = "x-shopify-webhook-id";
const SHOPIFY_EVENT: &str = "x-shopify-event-id";
const SHOPIFY_TOPIC: &str = "x-shopify-topic";
const WOOCOMMERCE_DELIVERY: &str = "x-wc-webhook-delivery-id";
const WOOCOMMERCE_TOPIC: &str = "x-wc-webhook-topic";

fn header(headers: &impl Headers, name: &str) -> Option<String> {
    std::str::from_utf8(headers.header(name)?).ok().map(|text| text.trim().to_owned())
}

/// Numbers count as what they are written as.
fn text(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
