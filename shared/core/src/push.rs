//! A push over HTTP (contract §6): who may push, and how what he sends is answered.

use secrecy::SecretString;

use crate::{
    Timestamp,
    hub::{Hub, Source},
    id::SecretName,
    incoming::{Answer, Incoming, Request},
    ingest::{Ingest, IngestError},
    message::MessageRecord,
    port::{Home, Secrets, Switch},
    webhook::proof::{BearerProof, Key, Proof, verify},
};

/// The answer to a push, and what was stored and is to be published.
pub(crate) async fn accept<H: Home>(
    incoming: &Incoming<'_, H>,
    source: &Source,
    secret: &SecretName,
    request: &impl Request,
    body: &[u8],
) -> Result<(Answer, Vec<MessageRecord>), Answer> {
    let Incoming { home, hub, router, .. } = *incoming;
    let expected = home.secrets().secret(secret).await.map_err(|error| {
        tracing::error!(source = %source.name, error = %error, "a push could not be checked");
        Answer::refused(503, "the hub cannot check the token now")
    })?;
    if !is_proven(hub, request, expected, home.clock().now()) {
        return Err(Answer::refused(401, "the push needs its source's token: Authorization: Bearer <token>"));
    }
    incoming.is_on(&[Switch::Hub]).await?;
    let key = request.header("idempotency-key").filter(|key| !key.is_empty());
    match Ingest::new(home, hub, router).push(source, body, key).await {
        Ok((receipt, records)) => {
            let nothing_good = receipt.accepted == 0 && !receipt.errors.is_empty();
            Ok((Answer::new(if nothing_good { 400 } else { 202 }, &receipt), records))
        }
        Err(IngestError::Bad(error)) => Err(Answer::refused(400, &error)),
        Err(error @ IngestError::TooMany { .. }) => Err(Answer::refused(413, &error.to_string())),
        Err(error) => {
            tracing::error!(source = %source.name, error = %error, "a push could not be stored");
            Err(Answer::unavailable())
        }
    }
}

/// By `Authorization: Bearer`, or by Wombat's pair of headers, of which the store must be this hub.
fn is_proven(hub: &Hub, request: &impl Request, token: SecretString, now: Timestamp) -> bool {
    let keys = [Key::Secret(token)];
    let by = |header: &str| {
        let proof = Proof::Bearer(BearerProof { header: header.to_owned() });
        verify(&proof, &keys, request, &[], now).is_ok()
    };
    let is_wombat = request.header("x-hub-store") == Some(hub.name.as_str().as_bytes());
    by("authorization") || is_wombat && by("x-hub-access-token")
}
