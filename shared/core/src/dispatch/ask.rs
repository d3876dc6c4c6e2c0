//! A question of the hub's own to an endpoint: a message that belongs to no route, is asked once and answered at once.
//!
//! It looks like a delivery in every respect that the endpoint can see: the endpoint's format, token, headers, timeout and
//! address policy, a `webhook-id` and a signature. Nothing of it is recorded: what follows from the answer, and when to
//! ask again, is for whoever asks.
//!
//! Deliberately absent: what the endpoint's answers to deliveries wrote back. That is shared by its routes, and whoever asks
//! has parameters of its own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    destination::Destination,
    outgoing::{self, Sent, Target},
    signing::Signed,
};
use crate::{
    hub::{Endpoint, Hub, Parameter},
    id::{DeliveryKey, RouteName},
    message::{Carried, Message},
    port::{EndpointClient, EndpointResponse, Home, HttpError, Ledger, Paused, PortError, Signing, UrlOrigin},
    url::join,
};

#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub hub: &'a Hub,
    pub endpoint: &'a Endpoint,
    /// Appended to the endpoint's URL.
    pub path: &'a str,
    /// What the hub file says is sent.
    pub parameters: &'a BTreeMap<String, Parameter>,
    /// What is known by now; it goes before the hub file's values, and gives way to its secrets.
    pub known: &'a BTreeMap<String, Value>,
    /// In place of a route's, for the id of the trace's span.
    pub name: RouteName,
    pub message: &'a Message,
    /// Bytes of the answer that are read.
    pub most: usize,
}

#[derive(Debug)]
pub(crate) enum AskError {
    /// Nothing is sent to it.
    Paused(Paused),
    /// There was no answer.
    Http(HttpError),
    /// One that the hub file names is not there, or of no use.
    Secret(PortError),
    /// The hub itself is in trouble.
    Port(PortError),
}

impl From<PortError> for AskError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// # Errors
/// There is no answer. One that refuses is an answer.
pub(crate) async fn ask<H: Home>(home: &H, question: Question<'_>) -> Result<EndpointResponse, AskError> {
    let Question { hub, endpoint, path, parameters, known, name, message, most } = question;
    let control = home.store().open(&endpoint.name, &[], &[]).await?.control;
    let control = control.map_err(|error| PortError::from(error.named(&endpoint.name)))?;
    if let Some(paused) = control.paused {
        return Err(AskError::Paused(paused));
    }
    let secrets = outgoing::secret_parameters(parameters, home.secrets()).await.map_err(AskError::Secret)?;
    let carried = Carried::of(message).map_err(|error| PortError::permanent(error.to_string()))?;
    let key = DeliveryKey { message: message.message_id, route: name, round: 1 };
    let to = Destination { url: join(&endpoint.url, path), origin: UrlOrigin::HubFile };
    let sent = Sent {
        key: &key,
        message: &carried,
        current: None,
        parameters: &outgoing::parameters(parameters, known, &secrets),
        signed: Signed {
            key: &home.store().signing_key().await?,
            generations: control.signing,
            at: home.clock().now(),
        },
    };
    let mut request =
        outgoing::request(Target { hub, endpoint, to }, sent, home.secrets()).await.map_err(AskError::Secret)?;
    request.max_body = most;
    home.endpoint().post(request).await.map_err(AskError::Http)
}
