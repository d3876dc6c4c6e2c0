//! What deliveries are signed with, as far as the store keeps it: one key for the whole store, and per endpoint which of
//! the secrets derived from it are in use ([`crate::signature`], docs/adr/0026-derived-secrets.md).

use std::{fmt, future::Future};

use secrecy::{ExposeSecret, SecretSlice};

use super::PortError;
use crate::{Timestamp, id::EndpointName};

/// The store's own secret: random, made once, and never shown. Each endpoint's secret is derived from it.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

impl SigningKey {
    pub const BYTES: usize = 32;

    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(SecretSlice::from(bytes.to_vec()))
    }

    /// For the store alone, and for what is derived.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// Which of an endpoint's derived secrets sign: the newest, and for a while the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generations {
    /// Counted from 1; every rotation adds one.
    pub newest: u32,
    /// Until when the generation before signs too; `None`: it never does.
    pub previous_until: Option<Timestamp>,
}

/// An endpoint that was never rotated.
impl Default for Generations {
    fn default() -> Self {
        Self { newest: 1, previous_until: None }
    }
}

impl Generations {
    /// Those that sign at this time, the newest first.
    pub fn at(self, now: Timestamp) -> impl Iterator<Item = u32> {
        let previous = self.newest.checked_sub(1).filter(|number| *number > 0);
        let previous = previous.filter(|_| self.previous_until.is_some_and(|until| now < until));
        std::iter::once(self.newest).chain(previous)
    }
}

pub trait Signing: Send + Sync {
    /// Random, made by whoever asks first or with the store, and the same for its whole life.
    fn signing_key(&self) -> impl Future<Output = Result<SigningKey, PortError>> + Send;

    /// Sets which generations sign, where they still are what the caller has seen. `false`: they are not, and nothing was
    /// changed.
    fn rotate(
        &self,
        endpoint: &EndpointName,
        from: Generations,
        to: Generations,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_before_signs_until_its_time_is_over() {
        let until: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let (before, after) = ("2026-11-21T09:59:59Z", "2026-11-21T10:00:01Z");
        for (newest, previous_until, now, expected) in [
            (1, None, before, &[1][..]),
            (1, Some(until), before, &[1]),
            (2, Some(until), before, &[2, 1]),
            (2, Some(until), "2026-11-21T10:00:00Z", &[2]),
            (2, Some(until), after, &[2]),
            (7, None, before, &[7]),
        ] {
            let found: Vec<u32> = Generations { newest, previous_until }.at(now.parse().unwrap()).collect();
            assert_eq!(found, expected, "{newest}, {previous_until:?}, {now}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", SigningKey::new([7; 32])), "SigningKey");
    }
}
