//! Reading sources and calling endpoints over HTTP, with the outbound address policy; and the machine's clock and
//! randomness: the ports that every home has alike.
//!
//! [`HttpClient`] implements the ports `SourceClient` and `EndpointClient`. What it guarantees:
//!
//! - No request leaves for an address that [`AddressPolicy`] has not vetted. A host's name is resolved, every address is
//!   vetted, and the connection goes to what was vetted: nothing looks the name up a second time, so a name server that
//!   changes its mind in between (DNS rebinding) gains nothing. Addresses written in the URL are vetted before anything
//!   is sent, in whichever spelling they came.
//! - One deadline covers the whole exchange, from the look-up to the last byte of the body.
//! - A body is never read further than its limit. A source's page that is longer is an error; an endpoint's answer is cut.
//! - What goes wrong becomes an `HttpError` whose text names hosts, addresses and limits: never a header, a body, a query
//!   or a credential.
//! - Connections are kept and used again, but never across URL origins: a connection to loopback that the hub file opened
//!   cannot serve a URL that came from an answer.
//!
//! Deliberately absent: redirects (the core follows those that a source may give), proxies, cookies, referers, retries
//! (the queue does those), HTTP/2, private certificate authorities, and any reading of the environment.

mod body;
mod client;
mod error;
mod headers;
mod policy;
mod resolve;
mod special;
mod system;
mod target;
#[cfg(test)]
mod tests;
mod tls;

pub use client::{BuildError, HttpClient};
pub use policy::{AddressPolicy, Loopback, Refusal};
pub use system::{OsRandom, SystemClock};
pub use target::refusal;
