//! OAuth 2.0 client credentials (RFC 6749 §4.4): a token is fetched when it is first needed, kept until shortly before it
//! expires, and given up when the source says that it is no good.
//!
//! One fetch at a time for each source; who comes meanwhile gets its token. Token servers are under the address policy
//! like every URL of the hub file. They get nothing that is meant for the source: neither its headers nor its redirects.
//! Deliberately absent: refresh tokens (this grant has none, §4.4.3), and any keeping of tokens beyond the process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::lock::Mutex as AsyncMutex;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::form_urlencoded;

use super::request::basic;
use crate::{
    Timestamp,
    hub::{ClientAuth, OAuth2},
    id::SourceName,
    port::{HeaderValue, Home, Method, Secrets, SourceClient, SourceRequest, SourceResponse},
    retry::retry_after,
};

/// A token's answer is a few hundred bytes, a signed token with many claims some thousand.
const LONGEST_ANSWER: usize = 64 << 10;
/// How long before its end a token is no longer used: requests take their time, and clocks differ.
const MARGIN: Duration = Duration::from_secs(30);

/// There is no token. Nothing of the credentials, nor of what the server says in its own words, is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token from {server}: {why}")]
pub struct TokenError {
    pub server: String,
    pub why: String,
    /// The server asks to wait.
    pub wait: Option<Duration>,
}

/// The tokens of all sources; shared by all pollers of a process.
#[derive(Debug, Default)]
pub struct Tokens {
    slots: Mutex<HashMap<SourceName, Arc<Slot>>>,
}

type Slot = AsyncMutex<Option<Kept>>;

#[derive(Debug)]
struct Kept {
    token: SecretString,
    /// `None`: the server does not say.
    until: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Token {
    pub(super) value: SecretString,
    /// Fetched just now.
    pub(super) fresh: bool,
}

impl Tokens {
    fn slot(&self, source: &SourceName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(source.clone()).or_default().clone()
    }

    /// `timeout` is for one request to the token server.
    pub(super) async fn get<H: Home>(
        &self,
        home: &H,
        source: &SourceName,
        oauth2: &OAuth2,
        timeout: Duration,
    ) -> Result<Token, TokenError> {
        let slot = self.slot(source);
        let mut kept = slot.lock().await;
        let now = home.clock().now();
        if let Some(Kept { token, .. }) = kept.as_ref().filter(|kept| kept.until.is_none_or(|until| now < until)) {
            return Ok(Token { value: token.clone(), fresh: false });
        }
        let failed = |why: String, wait| TokenError { server: host(oauth2), why, wait };
        let secret = home.secrets().secret(&oauth2.secret).await.map_err(|error| failed(error.to_string(), None))?;
        let response = home.source().fetch(request(oauth2, &secret, timeout)).await;
        let response = response.map_err(|error| failed(error.to_string(), None))?;
        let (token, lasts) = read(&response).map_err(|why| {
            let asked = response.header("retry-after").and_then(|value| retry_after(value, now));
            failed(why, asked.filter(|_| matches!(response.status, 429 | 503)))
        })?;
        let until = lasts.map(|lasts| {
            let used = lasts.saturating_sub(MARGIN.min(lasts / 10));
            now.checked_add(used).unwrap_or(Timestamp::MAX)
        });
        *kept = Some(Kept { token: token.clone(), until });
        Ok(Token { value: token, fresh: true })
    }

    /// The source does not take this token; the next one to ask gets another.
    pub(super) async fn give_up(&self, source: &SourceName, token: &Token) {
        let slot = self.slot(source);
        let mut kept = slot.lock().await;
        // Someone else may have fetched a new one meanwhile.
        if kept.as_ref().is_some_and(|kept| kept.token.expose_secret() == token.value.expose_secret()) {
            *kept = None;
        }
    }
}

fn host(oauth2: &OAuth2) -> String {
    oauth2.token_url.host_str().unwrap_or_default().to_owned()
}

fn request(oauth2: &OAuth2, secret: &SecretString, timeout: Duration) -> SourceRequest {
    let plain = |name: &str, value: &str| (name.to_owned(), HeaderValue::Plain(value.to_owned()));
    let mut headers =
        vec![plain("accept", "application/json"), plain("content-type", "application/x-www-form-urlencoded")];
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if let Some(scope) = &oauth2.scope {
        form.append_pair("scope", scope);
    }
    if let Some(audience) = &oauth2.audience {
        form.append_pair("audience", audience);
    }
    match oauth2.client_auth {
        // RFC 6749 §2.3.1: both are form-encoded before they become user and password.
        ClientAuth::Basic => headers.push(basic(&encoded(&oauth2.client_id), &encoded(secret.expose_secret()))),
        ClientAuth::Body => {
            form.append_pair("client_id", &oauth2.client_id).append_pair("client_secret", secret.expose_secret());
        }
    }
    SourceRequest {
        method: Method::Post,
        url: oauth2.token_url.clone(),
        headers,
        body: Some(SecretString::from(form.finish())),
        timeout,
        max_body: LONGEST_ANSWER,
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The token and how long it lasts (RFC 6749 §5.1), or what is wrong.
fn read(response: &SourceResponse) -> Result<(SecretString, Option<Duration>), String> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.status != 200 {
        // §5.2: a code such as invalid_client.
        let is_code =
            |code: &&str| code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let code = body.get("error").and_then(Value::as_str).filter(is_code);
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        return Err(format!("it answered {}{code}", response.status));
    }
    let token = body.get("access_token").and_then(Value::as_str).unwrap_or_default();
    // RFC 6750 §2.1, so that it can stand in a header.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its answer has no usable access_token".to_owned());
    }
    match body.get("token_type") {
        None => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err("its answer has another token_type than bearer".to_owned()),
    }
    let lasts = match body.get("expires_in") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_f64(),
        None => None,
    };
    let lasts = lasts.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((SecretString::from(token.to_owned()), lasts))
}

#[cfg(test)]
mod tests;
