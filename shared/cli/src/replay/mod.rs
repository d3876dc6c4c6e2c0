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

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue as Value};
use crossdock_core::{
    hub::Webhook,
    port::{Clock, EndpointClient, EndpointRequest, HeaderValue, Secrets, UrlOrigin},
    url::{join, shown},
    webhook::proof::{self, Event, Key, Proof},
};
use crossdock_http::{AddressPolicy, HttpClient};
use crossdock_local::SystemClock;
use url::Url;

use self::recording::{Answer, Recording};
use crate::{
    args::{Replay, STATE},
    context::{Described, Environment},
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
    /// Every request goes to `url` as it is, and only those that were recorded there go.
    webhook: Option<Recorded>,
    signing: Option<(Proof, Key)>,
    headers: Vec<(String, HeaderValue)>,
    client: HttpClient,
}

pub(crate) async fn run(args: Replay, environment: Environment) -> Result<ExitCode, Failure> {
    let all = recording::all(&args.recordings)?;
    let target = Target::of(args, environment).await?;
    let recordings = target.chosen(&all)?;
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
    let others = match all.len() - recordings.len() {
        0 => String::new(),
        others => format!("; {others} left out"),
    };
    out::line(&format!("{same} as recorded, {differing} not, at {}{others}", shown(&target.url).trim_end_matches('/')));
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
        let (url, webhook, signing) = match (&args.webhook, args.to) {
            (Some(id), to) => {
                let described = Described::of(&args.which, environment)?;
                let webhook: &Webhook = webhook::webhook(&described.hub, id)?;
                let hub = webhook::running(&described, to.as_ref())?;
                let signing = (webhook.proof.clone(), webhook::key(webhook, &described.secrets()).await?);
                let url = join(&hub, &webhook::path(id));
                let recorded = Recorded { own: webhook::path(id), others: args.recorded_at };
                (url, Some(recorded), Some(signing))
            }
            (None, Some(url)) => {
                let signing = match &args.sign {
                    Some(secret) => Some((Proof::StandardWebhooks, Key::Secret(secrets.secret(secret).await?))),
                    None => None,
                };
                (url, None, signing)
            }
            (None, None) => return Err(Failure::new("expected --to or --webhook")),
        };
        Ok(Self { url, webhook, signing, headers, client })
    }

    /// Those that are for this target; of the others it is said why they are not.
    fn chosen<'a>(&self, all: &'a [Recording]) -> Result<Vec<&'a Recording>, Failure> {
        let (texts, bytes): (Vec<_>, Vec<_>) = all.iter().partition(|recording| recording.body.is_some());
        for recording in &bytes {
            out::note(&format!("left out: {}: its body is not UTF-8, which JSON must be", recording.name));
        }
        let Some(recorded) = &self.webhook else { return Ok(texts) };
        let (own, others): (Vec<_>, Vec<_>) = texts.into_iter().partition(|one| recorded.includes(one.place()));
        match recorded.explain(others.iter().map(|one| one.place())) {
            Some(why) if own.is_empty() => Err(Failure::new(format!("there is nothing to send; {why}"))),
            Some(why) => {
                out::note(&why);
                Ok(own)
            }
            None => Ok(own),
        }
    }

    /// Adds to `left_out` the headers that carried credentials.
    async fn send(&self, recording: &Recording, left_out: &mut BTreeSet<String>) -> Answer {
        let headers = match self.headers(recording, left_out) {
            Ok(headers) => headers,
            Err(why) => return Answer::Nothing(why),
        };
        let request = EndpointRequest {
            url: if self.webhook.is_some() { self.url.clone() } else { join(&self.url, &recording.path) },
            headers,
            body: recording.body.clone().unwrap_or_default(),
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
            let body = recording.body.as_deref().unwrap_or_default();
            let signed = proof::sign(proof, key, Event { id, at }, body.as_bytes());
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

/// Where requests for a webhook were recorded.
struct Recorded {
    /// Of the webhook; a proxy in front of the hub may have put something before it.
    own: String,
    others: Vec<String>,
}

impl Recorded {
    fn includes(&self, place: &str) -> bool {
        place.ends_with(&self.own) || self.others.iter().any(|other| other == place)
    }

    /// Why what was recorded at these places is left out.
    fn explain<'a>(&self, places: impl Iterator<Item = &'a str>) -> Option<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        places.for_each(|place| *counts.entry(place).or_default() += 1);
        if counts.is_empty() {
            return None;
        }
        let places = counts.iter().map(|(place, count)| format!("{count} at {}", out::plain(place)));
        Some(format!(
            "left out, for it was not recorded at {}: {}; --recorded-at PATH sends what was recorded at another path too",
            self.own,
            places.collect::<Vec<_>>().join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_gets_what_was_recorded_for_it() {
        let recorded = Recorded { own: "/webhooks/shop".to_owned(), others: vec!["/shopify".to_owned()] };
        let check = |place: &str, expected: bool| assert_eq!(recorded.includes(place), expected, "{place}");
        check("/webhooks/shop", true);
        check("/hub/webhooks/shop", true);
        check("/shopify", true);
        check("/webhooks/shop-2", false);
        check("/webhooks/my-shop", false);
        check("/shopify/", false);
        check("/", false);
        let why = recorded.explain(["/", "/webhooks/b", "/"].into_iter()).unwrap();
        assert!(
            why.starts_with("left out, for it was not recorded at /webhooks/shop: 2 at /, 1 at /webhooks/b; "),
            "{why}"
        );
        assert_eq!(recorded.explain([].into_iter()), None);
    }
}
