//! The one TLS stack: rustls on ring, with Mozilla's certificate authorities compiled in, so that a container without a
//! certificate store behaves like any other machine.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// The authorities that certificates of sources and endpoints must chain to.
pub(crate) fn mozilla_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

/// TLS 1.2 and 1.3, no client certificate. The provider is named, not taken from the process-wide default, which another
/// crate could set.
pub(crate) fn config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
