//! Who sends webhooks.

use super::{
    envelope::Envelope,
    proof::{BearerProof, Proof},
};

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
    /// As the hub file writes it.
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

    /// How its requests are proven; `None`: the hub file says how.
    pub fn proof(self) -> Option<Proof> {
        match self {
            Self::Generic => None,
            Self::StandardWebhooks => Some(Proof::StandardWebhooks),
            Self::GitHub => Some(Proof::GitHub),
            Self::Shopify => Some(Proof::Shopify),
            Self::Stripe => Some(Proof::Stripe),
            Self::WooCommerce => Some(Proof::WooCommerce),
            Self::Commercetools | Self::Marketplacer => {
                Some(Proof::Bearer(BearerProof { header: "authorization".to_owned() }))
            }
        }
    }

    /// What its events are wrapped in.
    pub fn envelope(self) -> Envelope {
        match self {
            Self::Commercetools => Envelope::Auto,
            _ => Envelope::None,
        }
    }
}
