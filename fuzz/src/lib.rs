//! What every fuzz target looks for, whatever the bytes are:
//!
//! - nothing panics;
//! - what is signed is accepted, and refused with any one bit of the body flipped (a token says nothing of the body);
//! - what is accepted was signed by the key: the signature that the key makes of this very body, id and time is in the
//!   request. That holds for requests that are made up, and for good ones in which something was changed.
//!
//! An input is a request as it stands in a file: `name: value` lines, an empty line, the body. A line `?: …` is the query.
//! The vectors in `seeds` have that form.

use crossdock_core::{
    Timestamp,
    webhook::proof::{Algorithm, BearerProof, Encoding, Event, Headers, HmacProof, Key, Proof, sign, verify},
};
use secrecy::SecretString;

const NOW: i64 = 1_614_265_330;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const GITHUB: &str = "It's a Secret to Everybody";
const TOKEN: &str = "mF_9.B5f-4.1JqM";
/// The key of RFC 4231 §4.3.
const RFC: &str = "Jefe";
/// RFC 8032 §7.1, test 1.
const WHSK: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const WHPK: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A proof, and its keys: what signs, and what verifies it.
#[derive(Debug)]
pub struct Scheme {
    proof: Proof,
    keys: Vec<(Key, Key)>,
}

fn scheme(proof: Proof, keys: &[(&str, &str)]) -> Scheme {
    let key = |secret: &str| Key::Secret(SecretString::from(secret));
    Scheme { proof, keys: keys.iter().map(|(signs, verifies)| (key(signs), key(verifies))).collect() }
}

pub fn bearer() -> Scheme {
    scheme(Proof::Bearer(BearerProof { header: "authorization".to_owned() }), &[(TOKEN, TOKEN)])
}

pub fn commercetools() -> Scheme {
    scheme(Proof::Commercetools, &[(TOKEN, TOKEN)])
}

pub fn generic() -> Scheme {
    let (header, prefix) = ("x-signature".to_owned(), "sha256=".to_owned());
    let proof = HmacProof { header, algorithm: Algorithm::Sha256, encoding: Encoding::Hex, prefix };
    scheme(Proof::Hmac(proof), &[(RFC, RFC)])
}

pub fn github() -> Scheme {
    scheme(Proof::GitHub, &[(GITHUB, GITHUB)])
}

pub fn marketplacer() -> Scheme {
    scheme(Proof::Marketplacer, &[(RFC, RFC)])
}

pub fn shopify() -> Scheme {
    scheme(Proof::Shopify, &[(RFC, RFC)])
}

pub fn standard_webhooks() -> Scheme {
    scheme(Proof::StandardWebhooks, &[(WHSEC, WHSEC), (WHSK, WHPK)])
}

pub fn stripe() -> Scheme {
    scheme(Proof::Stripe, &[(GITHUB, GITHUB), (RFC, RFC)])
}

pub fn woocommerce() -> Scheme {
    scheme(Proof::WooCommerce, &[(RFC, RFC)])
}

#[derive(Debug, Clone, Default)]
struct Request {
    headers: Vec<(String, Vec<u8>)>,
    query: String,
    body: Vec<u8>,
}

impl Headers for Request {
    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    fn query(&self) -> Option<&str> {
        Some(&self.query)
    }
}

impl Request {
    fn read(mut data: &[u8]) -> Self {
        let mut request = Self::default();
        while let Some(end) = data.iter().position(|byte| *byte == b'\n') {
            let line = &data[..end];
            data = &data[end + 1..];
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
            match name.as_str() {
                "?" => request.query = String::from_utf8_lossy(value).into_owned(),
                _ => request.headers.push((name, value.to_vec())),
            }
        }
        request.body = data.to_vec();
        request
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.header(name).unwrap_or_default()).into_owned()
    }

    /// All in which a signature, or a token, may be.
    fn whole(&self) -> Vec<u8> {
        let parts = self.headers.iter().map(|(_, value)| value.as_slice());
        parts.chain([self.query.as_bytes()]).collect::<Vec<_>>().join(&b'\n')
    }

    fn is_signed(&self, scheme: &Scheme) -> bool {
        let stripe = self.text("stripe-signature");
        let time = stripe.split(',').find_map(|part| part.trim().strip_prefix("t="));
        let time = time.map_or_else(|| self.text("webhook-timestamp"), str::to_owned);
        let at = time.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        let (id, at) = (self.text("webhook-id"), at.unwrap_or(now()));
        let whole = self.whole();
        // A token stands in place of a signature where the scheme takes one; in a query it may be encoded.
        let token = match scheme.proof {
            Proof::Marketplacer => holds(&whole, RFC),
            Proof::Commercetools => holds(&whole, "token"),
            _ => false,
        };
        token
            || scheme.keys.iter().any(|(signs, _)| {
                let made = sign(&scheme.proof, signs, Event { id: &id, at }, &self.body).unwrap();
                let (_, signature) = made.last().unwrap();
                let bare = signature.rsplit([',', '=', ' ']).find(|part| !part.is_empty()).unwrap();
                holds(&whole, bare)
            })
    }
}

/// Whatever the case of hex is and the alphabet of base64.
fn holds(whole: &[u8], part: &str) -> bool {
    let plain = |bytes: &[u8]| -> Vec<u8> {
        let plain = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other.to_ascii_lowercase(),
        };
        bytes.iter().map(plain).collect()
    };
    let (whole, part) = (plain(whole), plain(part.as_bytes()));
    whole.windows(part.len()).any(|window| window == part)
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn accepts(scheme: &Scheme, request: &Request) -> bool {
    let keys: Vec<Key> = scheme.keys.iter().map(|(_, verifies)| verifies.clone()).collect();
    verify(&scheme.proof, &keys, request, &request.body, now()).is_ok()
}

/// # Panics
/// A property does not hold.
pub fn check(scheme: &Scheme, data: &[u8]) {
    let request = Request::read(data);
    assert!(!accepts(scheme, &request) || request.is_signed(scheme), "accepted, and signed by none: {request:?}");

    let (event, covers_body) =
        (Event { id: "evt_1", at: now() }, !matches!(scheme.proof, Proof::Bearer(_) | Proof::Commercetools));
    for (signs, _) in &scheme.keys {
        let made = sign(&scheme.proof, signs, event, &request.body).unwrap();
        let headers: Vec<_> = made.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        let good = Request { headers, query: String::new(), body: request.body.clone() };
        assert!(accepts(scheme, &good), "signed, and refused: {good:?}");

        if covers_body && !good.body.is_empty() {
            // Which bit is the input's to say, so that all of them get their turn.
            let place = data.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
            let mut flipped = good.clone();
            let bit = place % (flipped.body.len() * 8);
            flipped.body[bit / 8] ^= 1 << (bit % 8);
            assert!(!accepts(scheme, &flipped), "bit {bit} is not signed: {flipped:?}");
        }

        // What the input has of the same headers, laid over the good ones a byte at a time.
        let mut changed = good;
        for (name, value) in &mut changed.headers {
            let over = request.header(name).unwrap_or_default();
            value.iter_mut().zip(over).for_each(|(to, with)| *to ^= with & 0x1f);
            value.truncate(value.len().saturating_sub(over.len() % 5));
        }
        assert!(!accepts(scheme, &changed) || changed.is_signed(scheme), "changed, and accepted: {changed:?}");
    }
}
