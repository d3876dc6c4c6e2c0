//! A hub that runs on AWS, looked at from here: its table and queues are read with the operator's own credentials, as the
//! AWS command line finds them. What only the hub itself may do, to poll and to take pushes, its functions are asked for.
//!
//! Every failed call is told in one sentence with what can be done about it; AWS's own words are in it where they help.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lambda::{
    config::{ProvideCredentials, http::HttpResponse},
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
};
use crossdock_aws::{
    calls::LogCalls,
    clients::{self, Clients},
    function::task::{Done, Polled},
    home::{AwsHome, Stack},
};
use crossdock_core::{
    event::Unobserved,
    fault::Faults,
    hub::{self, Hub},
    id::CollectionKey,
    poll::{Backfill, Backfilled, Way},
    port::HeaderValue,
    route::Router,
};
use crossdock_http::AddressPolicy;
use crossdock_stack::names::{Function, Names};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    args::Which,
    context::{Environment, HubFile, Opened},
    failure::Failure,
};

/// Without what its variables hold: where requests go is the functions' business.
pub(crate) fn outline(which: &Which, environment: &Environment) -> Result<Arc<Hub>, Failure> {
    let file = HubFile::deployed(which.hub.as_deref())?;
    let loaded = hub::load_outline(&file.name(), &file.text()?, &|name| environment.variable(name))
        .map_err(|faults| Failure::new(format!("{} cannot be used\n{faults}", file.name())))?;
    Ok(Arc::new(loaded.hub))
}

/// To look into it.
pub(crate) async fn open(which: &Which, stack: &str, environment: &Environment) -> Result<Opened<AwsHome>, Failure> {
    opened(outline(which, environment)?, stack).await
}

/// To ask its sources from here, so every variable must be set.
pub(crate) async fn open_to_poll(
    which: &Which,
    stack: &str,
    environment: &Environment,
) -> Result<Opened<AwsHome>, Failure> {
    let loaded = HubFile::deployed(which.hub.as_deref())?.load(environment)?;
    opened(Arc::new(loaded.hub), stack).await
}

async fn opened(hub: Arc<Hub>, stack: &str) -> Result<Opened<AwsHome>, Failure> {
    let deployed = Deployed::find(stack).await?;
    let router = Arc::new(Router::new(&hub));
    let stack = deployed.settings(&hub).await?;
    let clients = Clients::new(&deployed.config);
    let home = AwsHome::of_stack(stack, clients, &hub, router.clone(), Arc::new(Unobserved))?;
    Ok(Opened::new(hub, router, home, BTreeSet::new()))
}

/// Has the stack's poller poll, and says what came of it.
pub(crate) async fn poll(
    stack: &str,
    key: &CollectionKey,
    way: Way,
    even_if_disabled: bool,
) -> Result<Vec<String>, Failure> {
    let mut event = json!({"task": "poll", "collection": key.to_string(), "even_if_disabled": even_if_disabled});
    if way == Way::Reconcile {
        event["way"] = "reconcile".into();
    }
    let deployed = Deployed::find(stack).await?;
    let answer = deployed.invoke(Function::Poller, &event).await?;
    match serde_json::from_value(answer) {
        Ok(Done::Polled(polled)) => spoken(&polled, &deployed.function(Function::Poller)),
        Ok(Done::Disabled) => Err(deployed.disabled()),
        _ => Err(deployed.misunderstood(Function::Poller)),
    }
}

/// Has the stack's poller read a collection again, for as long as its time is.
pub(crate) async fn backfill(
    stack: &str,
    key: &CollectionKey,
    wanted: &Backfill,
    even_if_disabled: bool,
) -> Result<Backfilled, Failure> {
    let Backfill { from, until, emit, rate, dry_run: _ } = wanted;
    let event = json!({
        "task": "backfill", "collection": key.to_string(), "from": from, "until": until, "emit": emit, "rate": rate,
        "even_if_disabled": even_if_disabled,
    });
    let deployed = Deployed::find(stack).await?;
    let answer = deployed.invoke(Function::Poller, &event).await?;
    match serde_json::from_value(answer) {
        Ok(Done::Backfilled(done)) => Ok(done),
        Ok(Done::Disabled) => Err(deployed.disabled()),
        _ => Err(deployed.misunderstood(Function::Poller)),
    }
}

fn spoken(polled: &Polled, poller: &str) -> Result<Vec<String>, Failure> {
    let Polled { collection, busy, too_early, cut_off, pages, records, set_aside, stored, emitted, failed } = polled;
    if let Some(why) = failed {
        return Err(Failure::new(format!("{collection} cannot be polled: {why}")));
    }
    if *busy {
        return Ok(vec![format!("{collection} is being polled already; nothing was done")]);
    }
    if *too_early {
        return Ok(vec![crate::poll::too_early(collection)]);
    }
    let mut lines = Vec::new();
    if *set_aside > 0 {
        lines.push(format!("set aside: {set_aside} records; why is in the log of {poller}"));
    }
    lines.push(format!("{records} records, {stored} versions stored, {emitted} messages emitted"));
    if *cut_off {
        lines.push(format!("its time was up after {pages} pages; the next poll goes on from there"));
    }
    Ok(lines)
}

/// Hands a request to the stack's ingest function, as its URL would: the status, and the body of the answer. Names of
/// headers are in lower case.
pub(crate) async fn post(
    stack: &str,
    path: &str,
    headers: &[(String, HeaderValue)],
    body: &str,
) -> Result<(u16, Vec<u8>), Failure> {
    let value = |value: &HeaderValue| match value {
        HeaderValue::Plain(text) => text.clone(),
        HeaderValue::Secret(secret) => secret.expose_secret().to_owned(),
    };
    let headers: BTreeMap<&str, String> = headers.iter().map(|(name, text)| (name.as_str(), value(text))).collect();
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": body,
        "isBase64Encoded": false,
    });
    let deployed = Deployed::find(stack).await?;
    let answer = deployed.invoke(Function::Ingest, &event).await?;
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    match (status, answer["body"].as_str()) {
        (Some(status), Some(body)) => Ok((status, body.as_bytes().to_vec())),
        _ => Err(deployed.misunderstood(Function::Ingest)),
    }
}

const LOG_IN: &str =
    "log in (aws sso login, aws configure), set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// A stack of that name, where the operator's credentials and region lead.
struct Deployed {
    names: Names,
    region: String,
    config: SdkConfig,
    functions: aws_sdk_lambda::Client,
}

impl Deployed {
    /// Nothing of it is asked yet. Credentials are: whoever has none waits for no call.
    async fn find(stack: &str) -> Result<Self, Failure> {
        let names = Names::new(stack)?;
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(clients::http_client()).load().await;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Failure::new("no AWS region is set; set AWS_REGION, or AWS_PROFILE to a profile that has a region")
        })?;
        let none = || Failure::new(format!("there are no AWS credentials; {LOG_IN}"));
        let provider = config.credentials_provider().ok_or_else(none)?;
        match provider.provide_credentials().await {
            Ok(_) => {}
            // Everywhere that was looked at, a line for each, helps nobody.
            Err(CredentialsError::CredentialsNotLoaded(_)) => return Err(none()),
            Err(error) => return Err(Failure::of(format!("the AWS credentials cannot be used; {LOG_IN}"), &error)),
        }
        let of_functions = aws_sdk_lambda::config::Builder::from(&config).interceptor(LogCalls).build();
        let functions = aws_sdk_lambda::Client::from_conf(of_functions);
        Ok(Self { names, region, config, functions })
    }

    fn function(&self, function: Function) -> String {
        self.names.function(function)
    }

    /// What the stack's functions work with: what is looked at must be what they see.
    async fn settings(&self, hub: &Hub) -> Result<Stack, Failure> {
        let function = self.function(Function::Poller);
        let asking = self.functions.get_function_configuration().function_name(&function).send();
        let answer = asking.await.map_err(|error| self.failed(&function, &error))?;
        let variables = answer.environment.and_then(|environment| environment.variables).unwrap_or_default();
        let setting = |name: &str| {
            let found = variables.get(name).cloned();
            found.ok_or_else(|| {
                Failure::new(format!("{function} has no setting {name}; expected the poller of a Crossdock stack"))
            })
        };
        Ok(Stack {
            queues: setting("CROSSDOCK_QUEUES")?,
            secrets: setting("CROSSDOCK_SECRETS")?,
            event_limit: setting("CROSSDOCK_EVENT_LIMIT")?.parse()?,
            // No Runtime API listens on this machine.
            addresses: AddressPolicy::new(hub.networks.clone()).allowing_loopback(),
            faults: Faults::default(),
            names: self.names.clone(),
        })
    }

    async fn invoke(&self, function: Function, event: &Value) -> Result<Value, Failure> {
        let function = self.function(function);
        let invoking = self.functions.invoke().function_name(&function).payload(Blob::new(event.to_string())).send();
        let answer = invoking.await.map_err(|error| self.failed(&function, &error))?;
        let payload: Value = match &answer.payload {
            Some(payload) if !payload.as_ref().is_empty() => serde_json::from_slice(payload.as_ref())?,
            _ => Value::Null,
        };
        match answer.function_error {
            None => Ok(payload),
            Some(kind) => {
                let why = payload["errorMessage"].as_str().unwrap_or("it does not say why");
                Err(Failure::new(format!("{function} failed ({kind}): {why}")))
            }
        }
    }

    fn disabled(&self) -> Failure {
        crate::hub::refused(&format_args!("the hub in {} is switched off", self.names.prefix()), crate::poll::EVEN_SO)
    }

    fn misunderstood(&self, function: Function) -> Failure {
        let function = self.function(function);
        Failure::new(format!("{function} answered what this command does not know; is it of another version?"))
    }

    fn failed<E>(&self, function: &str, error: &SdkError<E, HttpResponse>) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match error.as_service_error() {
            Some(said) => Failure::new(refused(&self.names, &self.region, function, said.code(), said.message())),
            None => Failure::of(format!("AWS Lambda in {} cannot be asked for {function}", self.region), error),
        }
    }
}

/// What AWS said to a call about a function of the stack, and what can be done.
fn refused(names: &Names, region: &str, function: &str, code: Option<&str>, message: Option<&str>) -> String {
    let said = [code, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let said = if said.is_empty() { "an error without a code" } else { &said };
    let stack = names.prefix();
    match code {
        Some("ResourceNotFoundException") => format!(
            "there is no Crossdock stack {stack} in {region} in the account of these credentials: no function {function}. \
             Where it was deployed elsewhere, set AWS_REGION or AWS_PROFILE"
        ),
        Some(
            "ExpiredTokenException"
            | "ExpiredToken"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException",
        ) => {
            format!("AWS does not take these credentials; log in again (aws sso login, aws configure). It says: {said}")
        }
        Some("AccessDeniedException" | "AccessDenied") => {
            format!("these credentials may not ask for {function}; infra/iam.md says what an operator needs: {said}")
        }
        _ => format!("{function} in {region} could not be asked: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_poll_came_to_is_said() {
        let check = |polled: Polled, expected: Result<&[&str], &str>| {
            let polled = Polled { collection: "shop/orders".to_owned(), ..polled };
            match (spoken(&polled, "my-shop-poller"), expected) {
                (Ok(lines), Ok(expected)) => assert_eq!(lines, expected),
                (Err(failure), Err(expected)) => assert_eq!(failure.to_string(), expected),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        };
        let some = || Polled { pages: 2, records: 3, stored: 2, emitted: 1, ..Polled::default() };
        check(some(), Ok(&["3 records, 2 versions stored, 1 messages emitted"]));
        check(
            Polled { set_aside: 4, cut_off: true, ..some() },
            Ok(&[
                "set aside: 4 records; why is in the log of my-shop-poller",
                "3 records, 2 versions stored, 1 messages emitted",
                "its time was up after 2 pages; the next poll goes on from there",
            ]),
        );
        check(
            Polled { busy: true, ..Polled::default() },
            Ok(&["shop/orders is being polled already; nothing was done"]),
        );
        check(
            Polled { too_early: true, ..Polled::default() },
            Ok(&[
                "shop/orders has no baseline to reconcile with yet: its first poll has to end before; nothing was done",
            ]),
        );
        check(
            Polled { failed: Some("answered 401".to_owned()), ..Polled::default() },
            Err("shop/orders cannot be polled: answered 401"),
        );
    }

    #[test]
    fn what_aws_refuses_is_told_with_what_to_do() {
        let names = Names::new("my-shop").unwrap();
        let check = |code: Option<&str>, message: Option<&str>, expected: &[&str]| {
            let text = refused(&names, "eu-west-1", "my-shop-poller", code, message);
            for expected in expected {
                assert!(text.contains(expected), "{text}");
            }
        };
        check(
            Some("ResourceNotFoundException"),
            Some("Function not found: arn:aws:…"),
            &["no Crossdock stack my-shop in eu-west-1", "no function my-shop-poller", "set AWS_REGION"],
        );
        check(Some("ExpiredTokenException"), Some("it expired"), &["log in again", "it expired"]);
        check(Some("AccessDeniedException"), Some("not authorized to"), &["infra/iam.md", "not authorized to"]);
        check(Some("TooManyRequestsException"), None, &["my-shop-poller in eu-west-1", "TooManyRequestsException"]);
        check(None, None, &["an error without a code"]);
    }
}
