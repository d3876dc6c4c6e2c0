//! What comes in over HTTP (contract §6): which request is answered how. Both homes bring their requests here, whatever
//! server they came through, so that whoever sends them cannot tell the homes apart.
//!
//! The order of the checks is part of the promise:
//!
//! 1. 404 and 405, by the request's first line alone ([`Incoming::way`]): a home asks before it reads a body.
//! 2. 413, for whatever is too long, and 400 for what did not come whole: what was not read cannot be proven.
//! 3. 401: whoever has not proven where he comes from learns nothing else, and nothing is asked of the store for him.
//! 4. 403: what is switched off takes nothing.
//! 5. 400: what is wrong with the body, told to one who may know.
//!
//! What is accepted is stored when the answer is made, and still has to be published.
//!
//! Deliberately absent: rates per sender, and lists of addresses. A home bounds how much it takes at once.

use serde::Serialize;
use serde_json::json;

use crate::{
    disabled::{Disabled, disabled},
    hub::{Channel, Hub, Source, Webhook},
    id::{SecretName, hex},
    message::MessageRecord,
    port::{Home, Switch},
    push,
    route::Router,
    webhook::{self, Told, proof::Headers},
};

/// Bytes of a body.
pub const MOST_BYTES: usize = 1024 * 1024;

const PUSH: &str = "/push/";
const WEBHOOKS: &str = "/webhooks/";

/// One request, as far as the hub is concerned.
pub trait Request: Headers + Sync {
    fn method(&self) -> &str;
    /// As it was sent, without the query.
    fn path(&self) -> &str;
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

    fn whole(self) -> Result<&'a [u8], Answer> {
        match self {
            Self::Whole(body) => Ok(body),
            Self::TooLong => Err(Answer::refused(413, "the body is longer than 1 MiB: send it in parts")),
            Self::Broken => Err(Answer::refused(400, "the body could not be read to its end")),
        }
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
    pub(crate) fn new(status: u16, body: &impl Serialize) -> Self {
        // Nothing that is answered here can fail to be written.
        Self { status, headers: &[], body: serde_json::to_string(body).unwrap_or_default() }
    }

    /// Nothing is known to be stored.
    pub fn unavailable() -> Self {
        Self::refused(503, "the hub cannot store this now; send it again")
    }

    pub(crate) fn refused(status: u16, why: &str) -> Self {
        Self::new(status, &json!({ "error": why }))
    }

    /// Sent to the right place in the wrong way.
    fn post_only() -> Self {
        Self { headers: &[("allow", "POST")], ..Self::refused(405, "this takes POST only") }
    }
}

/// Who a request is for.
#[derive(Debug, Clone, Copy)]
pub enum Way<'a> {
    Push {
        source: &'a Source,
        /// That it has to know.
        secret: &'a SecretName,
    },
    Webhook(&'a Webhook),
}

/// What is needed to answer requests.
pub struct Incoming<'a, H: Home> {
    pub home: &'a H,
    pub hub: &'a Hub,
    pub router: &'a Router,
    pub told: &'a Told,
}

impl<H: Home> std::fmt::Debug for Incoming<'_, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

impl<'a, H: Home> Incoming<'a, H> {
    /// Who the request is for, by its method and path alone.
    ///
    /// # Errors
    /// The answer that it gets: nobody, or not so.
    pub fn way(&self, request: &impl Request) -> Result<Way<'a>, Answer> {
        let path = request.path();
        let way = if let Some(name) = path.strip_prefix(PUSH) {
            let source = self.hub.sources.get(name).and_then(|source| Some((source, source.push.as_ref()?)));
            let (source, secret) = source.ok_or_else(|| Answer::refused(404, "no source of that name takes pushes"))?;
            Way::Push { source, secret }
        } else if let Some(id) = path.strip_prefix(WEBHOOKS) {
            let webhook = self.hub.webhooks.get(id).filter(|webhook| webhook.from == Channel::Http);
            Way::Webhook(webhook.ok_or_else(|| self.no_webhook())?)
        } else {
            let ways = "pushes go to /push/<source>, webhooks to /webhooks/<id>";
            return Err(Answer::refused(404, &format!("there is nothing here: {ways}")));
        };
        if request.method() == "POST" { Ok(way) } else { Err(Answer::post_only()) }
    }

    /// The same whatever was asked for: an id that is unknown, no id at all, or one that is not asked over HTTP.
    fn no_webhook(&self) -> Answer {
        Answer::new(404, &json!({ "error": "there is no such webhook", "trace_id": hex(&self.home.random().bytes()) }))
    }

    /// What is switched off takes nothing; only those who have proven who they are learn of it.
    pub(crate) async fn is_on(&self, any_of: &[Switch]) -> Result<(), Answer> {
        match disabled(self.home, self.hub, any_of).await {
            Ok(None) => Ok(()),
            Ok(Some(Disabled { what, .. })) => {
                let what = match what {
                    Switch::Hub => "the hub",
                    Switch::Webhook(_) => "this webhook",
                };
                let why = format!("{what} is switched off and takes nothing; send it again later");
                Err(Answer::refused(403, &why))
            }
            Err(error) => {
                tracing::error!(error = %error, "whether the hub is on could not be read");
                Err(Answer::unavailable())
            }
        }
    }

    /// The answer, and what was stored and is to be published.
    pub async fn answer(&self, way: Way<'_>, request: &impl Request, body: Body<'_>) -> (Answer, Vec<MessageRecord>) {
        let accepted = async {
            let body = body.whole()?;
            match way {
                Way::Push { source, secret } => push::accept(self, source, secret, request, body).await,
                Way::Webhook(webhook) => webhook::accept(self, webhook, request, body).await,
            }
        };
        accepted.await.unwrap_or_else(|refused| (refused, Vec::new()))
    }
}
