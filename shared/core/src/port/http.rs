//! HTTP as the core sees it: a request that is complete, an answer that is bounded. What may be connected to is the
//! client's business (contract §5, outbound addresses).

use std::{future::Future, time::Duration};

use secrecy::SecretString;
use url::Url;

/// A header's value; those that carry credentials are never printed.
#[derive(Debug, Clone)]
pub enum HeaderValue {
    Plain(String),
    Secret(SecretString),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// One page asked of a source, or a token that opens it.
#[derive(Debug, Clone)]
pub struct SourceRequest {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, HeaderValue)>,
    /// May hold a client's credentials.
    pub body: Option<SecretString>,
    /// For the whole exchange, the body included.
    pub timeout: Duration,
    /// Bytes after decompression; a longer body is an error, because half a page is no page.
    pub max_body: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceResponse {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl SourceResponse {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

pub trait SourceClient: Send + Sync {
    fn fetch(&self, request: SourceRequest) -> impl Future<Output = Result<SourceResponse, HttpError>> + Send;
}

/// One attempt at an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointRequest {
    pub url: Url,
    pub headers: Vec<(String, HeaderValue)>,
    pub body: String,
    /// For the whole exchange, the answer's body included.
    pub timeout: Duration,
    /// Bytes; a longer answer is cut there and marked.
    pub max_body: usize,
    pub origin: UrlOrigin,
}

/// Who wrote the URL: an address that came from an answer never reaches loopback, whatever the hub allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlOrigin {
    HubFile,
    Answer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointResponse {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The answer was longer than `max_body`.
    pub truncated: bool,
}

impl EndpointResponse {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

pub trait EndpointClient: Send + Sync {
    fn post(&self, request: EndpointRequest) -> impl Future<Output = Result<EndpointResponse, HttpError>> + Send;
}

/// Why there was no answer. The text names the address or limit concerned, never a header or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
    #[error("connection refused by {0}")]
    Refused(String),
    #[error("{host} could not be resolved: {why}")]
    Dns { host: String, why: String },
    #[error("TLS with {host} failed: {why}")]
    Tls { host: String, why: String },
    /// The address policy said no; nothing was sent.
    #[error("{0}")]
    AddressRefused(String),
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The request itself is at fault; nothing was sent.
    #[error("the request cannot be sent: {0}")]
    Invalid(String),
}

/// A fault injected at a port call.
impl From<super::PortError> for HttpError {
    fn from(error: super::PortError) -> Self {
        Self::Broken(error.what)
    }
}
