//! Time, randomness and secrets.

use std::future::Future;

use secrecy::SecretString;

use super::PortError;
use crate::{Timestamp, id::SecretName};

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

pub trait Random: Send + Sync {
    fn bytes(&self) -> [u8; 16];

    /// Of a key.
    fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.bytes());
        key[16..].copy_from_slice(&self.bytes());
        key
    }

    /// Between 0 and 1.
    fn fraction(&self) -> f64 {
        let [a, b, c, d, ..] = self.bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX)
    }
}

/// Secrets by name, resolved when they are needed, so that they rotate without a restart.
pub trait Secrets: Send + Sync {
    fn secret(&self, name: &SecretName) -> impl Future<Output = Result<SecretString, PortError>> + Send;
}
