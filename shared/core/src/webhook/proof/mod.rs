//! How a request proves where it comes from.

use secrecy::SecretString;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A token in a header.
    Bearer(BearerProof),
    /// A MAC of the raw body in a header.
    Hmac(HmacProof),
    StandardWebhooks,
    GitHub,
    Shopify,
    Stripe,
    WooCommerce,
    /// It came through a queue or a bus of the account's own.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BearerProof {
    /// In lower case. After `authorization` stands `Bearer `, after any other the token alone.
    pub header: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacProof {
    /// In lower case.
    pub header: String,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// Before the encoded MAC.
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    #[default]
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    #[default]
    Hex,
    Base64,
}

/// What a request is proven with.
#[derive(Debug, Clone)]
pub enum Key {
    Secret(SecretString),
    /// SHA-256 of a bearer token.
    Hash([u8; 32]),
}
