//! The command for what comes in by itself: webhooks of the hub file, their secrets, and which of them are switched off.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use crossdock_core::{
    id::{CollectionName, SourceName, WebhookId},
    webhook::provider::Provider,
};

use super::Where;

/// Add webhooks to the hub file, rotate their secrets, switch them off and on.
///
/// A webhook is one address that one provider sends to: POST /webhooks/ID. What the hub file says of it is shown as a diff and
/// written once you say yes; comments, order and all else stay as they are. Switching one off is no change of the file: it is
/// answered 403 until it is switched on again.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  crossdock webhook add shop-orders --source my-store --provider shopify
  crossdock webhook add erp-stock --source erp --provider generic --bearer
  crossdock webhook rotate erp-stock             a second token beside the first
  crossdock webhook rotate erp-stock --finish    once the sender uses the second
  crossdock webhook disable shop-orders --on aws:STACK")]
pub(crate) struct Webhook {
    #[command(subcommand)]
    pub(crate) command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    Add(AddWebhook),
    Rotate(RotateWebhook),
    /// Answer a webhook 403 until it is switched on again
    Disable {
        /// The webhook
        id: String,
        #[command(flatten)]
        place: Where,
    },
    /// Take a webhook again
    Enable {
        /// The webhook
        id: String,
        #[command(flatten)]
        place: Where,
    },
    /// List webhooks: address, provider, what proves them, whether they are switched off; no secret is shown
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Where,
    },
}

/// Add a webhook to the hub file.
///
/// A new secret is printed once, alone on a line of the standard output. Of a bearer token the file gets the SHA-256; of any
/// other the name of a secret, whose value you keep where the hub looks for it. Shopify and Stripe make their secrets
/// themselves: it says where to copy them from.
#[derive(Debug, ClapArgs)]
pub(crate) struct AddWebhook {
    /// What the webhook is called; its address is /webhooks/ID
    pub(crate) id: WebhookId,

    /// The source whose objects and messages come in
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: SourceName,

    /// Who sends: generic, standard-webhooks, github, shopify, stripe, commercetools, marketplacer or woocommerce
    #[arg(long, value_name = "PROVIDER", value_parser = provider)]
    pub(crate) provider: Provider,

    /// The collection that every event is about [default: the only one of the source]
    #[arg(long, value_name = "COLLECTION")]
    pub(crate) collection: Option<CollectionName>,

    /// Of a generic provider: a token in a header proves it
    #[arg(long, conflicts_with = "hmac")]
    pub(crate) bearer: bool,

    /// Of a generic provider: a signature (HMAC) in a header proves it
    #[arg(long)]
    pub(crate) hmac: bool,

    /// The header with the token or signature [default: authorization, or x-signature]
    #[arg(long, value_name = "NAME")]
    pub(crate) header: Option<String>,

    /// Of a signature: sha1, sha256 or sha512 [default: sha256]
    #[arg(long, requires = "hmac", value_parser = ["sha1", "sha256", "sha512"])]
    pub(crate) algorithm: Option<String>,

    /// How a signature is written: hex or base64 [default: hex]
    #[arg(long, requires = "hmac", value_parser = ["hex", "base64"])]
    pub(crate) encoding: Option<String>,

    /// What stands before a signature in its header, such as sha256=
    #[arg(long, requires = "hmac")]
    pub(crate) prefix: Option<String>,

    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// Give a webhook a second secret, and later take the first one away.
///
/// From the first step on both are good, so the sender can change over whenever it likes; nothing is refused in between.
#[derive(Debug, ClapArgs)]
pub(crate) struct RotateWebhook {
    /// The webhook
    pub(crate) id: String,

    /// Take out the old secret: the sender uses the new one
    #[arg(long)]
    pub(crate) finish: bool,

    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// How the hub file is written.
#[derive(Debug, ClapArgs)]
pub(crate) struct Writing {
    /// The hub file [default: hub.yaml in this folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) hub: Option<PathBuf>,

    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

fn provider(text: &str) -> Result<Provider, String> {
    let known = Provider::ALL.into_iter().find(|provider| provider.as_str() == text);
    known.ok_or_else(|| format!("expected one of {}", Provider::ALL.map(Provider::as_str).join(", ")))
}
