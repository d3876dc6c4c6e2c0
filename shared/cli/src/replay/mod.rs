//! `crossdock replay`: what `crossdock listen --record` kept is sent again, and the answers are compared with those that
//! were recorded. So a day of deliveries is a test of an endpoint, and a provider's webhooks are one of a hub.
//!
//! Recordings hold no credentials. Signatures are made anew, with the time of now; other headers that carried credentials
//! are left out, which is said, unless a secret is named for them. Requests go out one after the other, in the order in
//! which they came: a request may count on the one before.
//!
//! Deliberately absent: comparing headers, and bodies where the status is the same. Ids and times differ in them whenever
//! all is well.

mod recording;

use std::{collections::BTreeSet, path::Path, process::ExitCode, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue as Value};
use crossdock_core::{
    hub::Webhook,
    port::{Clock, EndpointClient, EndpointRequest, HeaderValue, Home, Secrets, UrlOrigin},
    url::{join, shown},
    webhook::proof::{self, Event, Key, Proof},
};
use crossdock_http::{AddressPolicy, HttpClient};
use crossdock_local::SystemClock;
use url::Url;

use self::recording::{Answer, Recording};
use crate::{
    args::{Replay, STATE},
    context::{Environment, Opened},
    failure::Failure,
    listen::forward::onward,
    out,
    redact::REDACTED,
    send::webhook,
};

/// For one request. A test has to end.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Of an answer.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Where requests go, and how they prove themselves there.
struct Target {
    url: Url,
    /// Every request goes to `url` as it is.
    is_webhook: bool,
    signing: Option<(Proof, Key)>,
    headers: Vec<(String, HeaderValue)>,
    client: HttpClient,
}

pub(crate) async fn run(args: Replay, environment: Environment) -> Result<ExitCode, Failure> {
    let recordings = recording::all(&args.recordings)?;
    let target = Target::of(args, environment).await?;
    let (mut same, mut left_out) = (0, BTreeSet::new());
    for recording in &recordings {
        let answer = target.send(recording, &mut left_out).await;
        match recording.answer.differs(&answer) {
            None => {
                same += 1;
                out::line(&format!("same     {answer}  {}", recording.name));
            }
            Some(why) => out::line(&format!("differs  {answer}  {}\n{why}", recording.name)),
        }
    }
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.into_iter().collect();
        out::note(&format!("recordings hold no credentials; left out: {}", names.join(", ")));
    }
    let differing = recordings.len() - same;
    out::line(&format!("{same} as recorded, {differing} not, at {}", shown(&target.url).trim_end_matches('/')));
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Target {
    async fn of(args: Replay, environment: Environment) -> Result<Self, Failure> {
        let policy = AddressPolicy::new(args.networks).allowing_loopback();
        let client = HttpClient::new(policy, concat!("crossdock/", env!("CARGO_PKG_VERSION")))?;
        let state = args.which.state.clone().unwrap_or_else(|| Path::new(STATE).to_owned());
        let secrets = environment.secrets(&state);
        let mut headers = Vec::new();
        for (name, secret) in &args.secret_headers {
            headers.push((name.clone(), HeaderValue::Secret(secrets.secret(secret).await?)));
        }
        let (url, is_webhook, signing) = match (&args.webhook, args.to) {
            (Some(id), to) => {
                let opened = Opened::open(&args.which, environment).await?;
                let webhook: &Webhook = webhook::webhook(&opened.hub, id)?;
                let hub = webhook::running(&args.which, &opened.hub, to.as_ref())?;
                let signing = (webhook.proof.clone(), webhook::key(webhook, opened.home.secrets()).await?);
                let url = join(&hub, &webhook::path(id));
                opened.close().await;
                (url, true, Some(signing))
            }
            (None, Some(url)) => {
                let signing = match &args.sign {
                    Some(secret) => Some((Proof::StandardWebhooks, Key::Secret(secrets.secret(secret).await?))),
                    None => None,
                };
                (url, false, signing)
            }
            (None, None) => return Err(Failure::new("expected --to or --webhook")),
        };
        Ok(Self { url, is_webhook, signing, headers, client })
    }

    /// Adds to `left_out` the headers that carried credentials.
    async fn send(&self, recording: &Recording, left_out: &mut BTreeSet<String>) -> Answer {
        let headers = match self.headers(recording, left_out) {
            Ok(headers) => headers,
            Err(why) => return Answer::Nothing(why),
        };
        let request = EndpointRequest {
            url: if self.is_webhook { self.url.clone() } else { join(&self.url, &recording.path) },
            headers,
            body: recording.body.clone(),
            timeout: TIMEOUT,
            max_body: MOST_BYTES,
            origin: UrlOrigin::HubFile,
        };
        match self.client.post(request).await {
            Ok(answer) => Answer::got(answer.status, &answer.body),
            Err(error) => Answer::Nothing(error.to_string()),
        }
    }

    fn headers(
        &self,
        recording: &Recording,
        left_out: &mut BTreeSet<String>,
    ) -> Result<Vec<(String, HeaderValue)>, String> {
        let mut made = self.headers.clone();
        if let Some((proof, key)) = &self.signing {
            let at = SystemClock.now();
            let made_up = format!("crossdock-{}", at.as_microsecond());
            let id = recording.headers.get("webhook-id").unwrap_or(&made_up);
            let signed = proof::sign(proof, key, Event { id, at }, recording.body.as_bytes());
            let signed = signed.map_err(|error| format!("it cannot be signed: {error}"))?;
            made.extend(signed.into_iter().map(|(name, value)| (name, HeaderValue::Secret(value.into()))));
        }
        let is_made = |name: &str| made.iter().any(|(known, _)| known == name);
        let mut kept = HeaderMap::new();
        for (name, value) in &recording.headers {
            if is_made(name) {
                continue;
            }
            if value.contains(REDACTED) {
                left_out.insert(name.clone());
            } else if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), Value::try_from(value)) {
                kept.insert(name, value);
            }
        }
        let plain = |(name, value): (&HeaderName, &Value)| {
            (name.as_str().to_owned(), HeaderValue::Plain(String::from_utf8_lossy(value.as_bytes()).into_owned()))
        };
        let kept: Vec<_> = onward(&kept).map(plain).collect();
        Ok(kept.into_iter().chain(made).collect())
    }
}
