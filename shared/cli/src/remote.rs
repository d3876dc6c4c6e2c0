//! A hub that runs on AWS, looked at from here: its table and queues are read with the operator's own credentials, as the
//! AWS command line finds them. What only the hub itself may do, to poll and to take pushes, its functions are asked for.

use std::{collections::BTreeSet, sync::Arc};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::{error::DisplayErrorContext, primitives::Blob};
use crossdock_aws::{
    clients::{self, Clients},
    home::{AwsHome, Stack},
};
use crossdock_core::{
    event::Unobserved,
    fault::Faults,
    hub::{self, Hub},
    id::{CollectionKey, SourceName},
    route::Router,
};
use crossdock_stack::names::{Function, Names};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    args::Which,
    context::{Environment, HubFile, Opened},
    failure::Failure,
};

/// Stands for a variable that is not set here: where requests go is the functions' business, and theirs is set.
const ELSEWHERE: &str = "https://set-where-it-was-built.invalid";

pub(crate) fn hub(which: &Which, environment: &Environment) -> Result<Arc<Hub>, Failure> {
    let file = HubFile::own(which.hub.as_deref())?;
    let lookup = |name: &str| environment.variable(name).or_else(|| Some(ELSEWHERE.to_owned()));
    let loaded = hub::load(&file.name(), &file.text()?, &lookup)
        .map_err(|faults| Failure::new(format!("{} cannot be used\n{faults}", file.name())))?;
    Ok(Arc::new(loaded.hub))
}

pub(crate) async fn open(which: &Which, stack: &str, environment: Environment) -> Result<Opened<AwsHome>, Failure> {
    let hub = hub(which, &environment)?;
    let names = Names::new(stack)?;
    let config = config().await;
    let router = Arc::new(Router::new(&hub));
    let deployed = deployed(&config, names).await?;
    let home = AwsHome::of_stack(deployed, Clients::new(&config), &hub, router.clone(), Arc::new(Unobserved))?;
    Ok(Opened::new(hub, router, home, BTreeSet::new()))
}

async fn config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).http_client(clients::http_client()).load().await
}

/// The settings that the stack's functions work with: what is looked at must be what they see.
async fn deployed(config: &SdkConfig, names: Names) -> Result<Stack, Failure> {
    let function = names.function(Function::Poller);
    let asking = aws_sdk_lambda::Client::new(config).get_function_configuration().function_name(&function).send();
    let answer = asking.await.map_err(|error| {
        let prefix = names.prefix();
        Failure::new(format!("the stack {prefix} cannot be looked at ({function}): {}", DisplayErrorContext(&error)))
    })?;
    let variables = answer.environment.and_then(|environment| environment.variables).unwrap_or_default();
    let setting = |name: &str| {
        let found = variables.get(name).cloned();
        found.ok_or_else(|| Failure::new(format!("{function} has no setting {name}; expected a function of Crossdock")))
    };
    Ok(Stack {
        queues: setting("CROSSDOCK_QUEUES")?,
        secrets: setting("CROSSDOCK_SECRETS")?,
        event_limit: setting("CROSSDOCK_EVENT_LIMIT")?.parse()?,
        test_loopback: None,
        faults: Faults::default(),
        names,
    })
}

/// Has the stack's poller poll, and says what it said.
pub(crate) async fn poll(stack: &str, key: &CollectionKey) -> Result<String, Failure> {
    let event = json!({"task": "poll", "collection": key.to_string()});
    let answer = invoke(&Names::new(stack)?.function(Function::Poller), &event).await?;
    let count = |name: &str| answer[name].as_u64().unwrap_or(0);
    Ok(format!(
        "{} records, {} versions stored, {} messages emitted",
        count("records"),
        count("stored"),
        count("emitted")
    ))
}

/// Hands a push to the stack's ingest function, as its URL would: the status, and the body of the answer.
pub(crate) async fn push(
    stack: &str,
    source: &SourceName,
    token: &SecretString,
    body: &str,
) -> Result<(u16, Vec<u8>), Failure> {
    let path = format!("/push/{source}");
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "authorization": format!("Bearer {}", token.expose_secret()),
            "content-type": "application/json",
        },
        "requestContext": {"http": {"method": "POST", "path": path}},
        "body": body,
        "isBase64Encoded": false,
    });
    let answer = invoke(&Names::new(stack)?.function(Function::Ingest), &event).await?;
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let body = answer["body"].as_str();
    match (status, body) {
        (Some(status), Some(body)) => Ok((status, body.as_bytes().to_vec())),
        _ => Err(Failure::new("the ingest function gave no answer that a push has")),
    }
}

async fn invoke(function: &str, event: &Value) -> Result<Value, Failure> {
    let client = aws_sdk_lambda::Client::new(&config().await);
    let invoking = client.invoke().function_name(function).payload(Blob::new(event.to_string())).send();
    let answer = invoking
        .await
        .map_err(|error| Failure::new(format!("{function} could not be invoked: {}", DisplayErrorContext(&error))))?;
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
