//! A push as HTTP (contract §6): which request is answered how. Both homes bring their requests here, whatever server
//! they came through, so that a source cannot tell them apart.
//!
//! The order of the checks is part of the promise: an unknown source is 404 whatever the token, a body is looked at only
//! once the token is good. What is accepted is stored when the answer is made, and still has to be published.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::{
    disabled::disabled,
    hub::{Hub, Source},
    id::SecretName,
    ingest::{Ingest, IngestError},
    message::MessageRecord,
    port::{Home, Secrets, Switch},
    route::Router,
};

/// Bytes of a push.
pub const MOST_BYTES: usize = 1024 * 1024;

const PATH: &str = "/push/";

/// One request, as far as a push is concerned.
pub trait Request: Sync {
    fn method(&self) -> &str;
    /// As it was sent, without the query.
    fn path(&self) -> &str;
    /// The first header of that lower-case name.
    fn header(&self, name: &str) -> Option<&[u8]>;
}

/// What came after the headers.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    Whole(&'a [u8]),
    /// More than [`MOST_BYTES`]; a server need not have read them all.
    TooLong,
    /// It ended before its end, or was not encoded as it said.
    Broken,
}

impl<'a> Body<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        if bytes.len() > MOST_BYTES { Self::TooLong } else { Self::Whole(bytes) }
    }
}

/// An answer: JSON, with the headers beyond the content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: String,
}

impl Answer {
    fn new(status: u16, body: &impl Serialize) -> Self {
        // Nothing that is answered here can fail to be written.
        Self { status, headers: &[], body: serde_json::to_string(body).unwrap_or_default() }
    }

    /// Nothing is known to be stored.
    pub fn unavailable() -> Self {
        Self::refused(503, "the hub cannot store this now; send it again")
    }

    fn refused(status: u16, why: &str) -> Self {
        Self::new(status, &json!({ "error": why }))
    }
}

/// The answer to a push, and what was stored and is to be published.
pub async fn answer<H: Home>(
    home: &H,
    hub: &Hub,
    router: &Router,
    request: &impl Request,
    body: Body<'_>,
) -> (Answer, Vec<MessageRecord>) {
    let accepted = async {
        let (source, secret) = addressed(hub, request)?;
        let expected = home.secrets().secret(secret).await.map_err(|error| {
            tracing::error!(source = %source.name, error = %error, "a push could not be checked");
            Answer::refused(503, "the hub cannot check the token now")
        })?;
        if !token(hub, request).is_some_and(|found| is(found, &expected)) {
            return Err(Answer::refused(401, "the push needs its source's token: Authorization: Bearer <token>"));
        }
        check_enabled(home, hub).await?;
        let body = match body {
            Body::Whole(body) => body,
            Body::TooLong => return Err(Answer::refused(413, "the push is longer than 1 MiB: send it in parts")),
            Body::Broken => return Err(Answer::refused(400, "the push could not be read to its end")),
        };
        let key = request.header("idempotency-key").filter(|key| !key.is_empty());
        accept(home, hub, router, source, body, key).await
    };
    accepted.await.unwrap_or_else(|refused| (refused, Vec::new()))
}

/// The source that is pushing, and the secret it has to know.
fn addressed<'a>(hub: &'a Hub, request: &impl Request) -> Result<(&'a Source, &'a SecretName), Answer> {
    let Some(name) = request.path().strip_prefix(PATH) else {
        return Err(Answer::refused(404, "there is nothing here: pushes go to /push/<source>"));
    };
    if request.method() != "POST" {
        let refused = Answer::refused(405, "a push is a POST");
        return Err(Answer { headers: &[("allow", "POST")], ..refused });
    }
    let source = hub.sources.get(name).and_then(|source| Some((source, source.push.as_ref()?)));
    source.ok_or_else(|| Answer::refused(404, "no source of that name takes pushes"))
}

/// Only those who have proven who they are learn whether the hub is on.
async fn check_enabled<H: Home>(home: &H, hub: &Hub) -> Result<(), Answer> {
    match disabled(home, hub, &[Switch::Hub]).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Answer::refused(403, "the hub is switched off and takes nothing; send it again later")),
        Err(error) => {
            tracing::error!(error = %error, "whether the hub is on could not be read");
            Err(Answer::unavailable())
        }
    }
}

async fn accept<H: Home>(
    home: &H,
    hub: &Hub,
    router: &Router,
    source: &Source,
    body: &[u8],
    key: Option<&[u8]>,
) -> Result<(Answer, Vec<MessageRecord>), Answer> {
    match Ingest::new(home, hub, router).push(source, body, key).await {
        Ok((receipt, records)) => {
            let nothing_good = receipt.accepted == 0 && !receipt.errors.is_empty();
            Ok((Answer::new(if nothing_good { 400 } else { 202 }, &receipt), records))
        }
        Err(IngestError::Bad(error)) => Err(Answer::refused(400, &error)),
        Err(error) => {
            tracing::error!(source = %source.name, error = %error, "a push could not be stored");
            Err(Answer::unavailable())
        }
    }
}

/// `Authorization: Bearer`, or Wombat's pair of headers, of which the store must be this hub.
fn token<'a>(hub: &Hub, request: &'a impl Request) -> Option<&'a str> {
    let header = |name: &str| std::str::from_utf8(request.header(name)?).ok();
    let bearer = header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| {
        let store = header("x-hub-store")?;
        (store == hub.name.as_str()).then(|| header("x-hub-access-token")).flatten()
    })
}

/// In a time that does not depend on where the two differ.
fn is(found: &str, expected: &SecretString) -> bool {
    found.as_bytes().ct_eq(expected.expose_secret().as_bytes()).into()
}
