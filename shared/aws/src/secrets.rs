//! The secrets, from the Systems Manager parameter store: `<folder>/<name>`, decrypted when they are needed.
//!
//! A folder under `/aws/reference/secretsmanager/` is Secrets Manager's: the parameter store then passes each request on
//! (Systems Manager user guide, "Referencing AWS Secrets Manager secrets"). So it is a setting of the stack where its
//! secrets are, and the hub file says nothing of it. All are in one place: trying one place after the other would cost two
//! calls for what is missing, two permissions for what is there, and would hide a wrong permission behind a "not found".
//!
//! A value is kept for [`KEPT_FOR`], so that a secret that was changed is in use minutes later, without a deploy, and a
//! busy function asks a few times an hour. Whoever needs the same secret meanwhile waits for the one call. When the store
//! cannot be reached, the value that was last read stays in use until it is [`USED_FOR`] old: better a secret that was
//! perhaps just changed than no delivery at all. A secret that is gone, or may not be read any more, is gone at once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_ssm::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_parameter::GetParameterError,
};
use crossdock_core::{
    Timestamp,
    id::SecretName,
    port::{Clock, PortError, Secrets},
};
use crossdock_stack::names;
use secrecy::SecretString;

use crate::failure::failure;

/// How long a value is used before it is read again.
pub const KEPT_FOR: Duration = Duration::from_secs(5 * 60);
/// How old a value may get while the parameter store cannot be reached.
pub const USED_FOR: Duration = Duration::from_secs(20 * 60);
/// How long nothing is asked after a failure, so that a batch of deliveries does not wait for it one by one.
const FAILED_FOR: Duration = Duration::from_secs(5);

/// Where secrets of Secrets Manager are found in the parameter store.
const REFERENCE: &str = "/aws/reference/secretsmanager/";

#[derive(Clone)]
pub struct SsmSecrets {
    client: Client,
    folder: Arc<str>,
    clock: Arc<dyn Clock>,
    known: Arc<Mutex<HashMap<SecretName, Arc<tokio::sync::Mutex<Known>>>>>,
}

impl fmt::Debug for SsmSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SsmSecrets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What is known of one secret. Whoever asks the store holds the lock.
#[derive(Default)]
struct Known {
    value: Option<Value>,
    /// The store's last answer, if it was none.
    failed: Option<(PortError, Timestamp)>,
}

struct Value {
    secret: SecretString,
    read_at: Timestamp,
}

impl SsmSecrets {
    pub fn new(client: Client, folder: &str, clock: Arc<dyn Clock>) -> Self {
        Self { client, folder: folder.into(), clock, known: Arc::default() }
    }

    fn known(&self, name: &SecretName) -> Arc<tokio::sync::Mutex<Known>> {
        // Nothing is done under the lock that could leave the map half changed.
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(name.clone()).or_default().clone()
    }

    async fn ask(&self, name: &SecretName) -> Result<SecretString, Unread> {
        let parameter = names::secret(&self.folder, name);
        let answer = self.client.get_parameter().name(&parameter).with_decryption(true).send().await;
        let value = match answer {
            Ok(answer) => answer.parameter.and_then(|parameter| parameter.value).filter(|value| !value.is_empty()),
            Err(error) => return Err(self.explain(name, &parameter, &error)),
        };
        value.map(SecretString::from).ok_or_else(|| {
            Unread::Gone(PortError::transient(format!("secret {name}: the parameter {parameter} is empty")))
        })
    }

    /// In terms of what an operator can do about it. All of it is transient: once that is done, the same call succeeds.
    fn explain(&self, name: &SecretName, parameter: &str, error: &SdkError<GetParameterError>) -> Unread {
        let from_manager = parameter.strip_prefix(REFERENCE);
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        match code {
            Some("ParameterNotFound" | "ParameterVersionNotFound") => {
                let command = match from_manager {
                    Some(secret) => format!("aws secretsmanager create-secret --name {secret} --secret-string …"),
                    None => format!("aws ssm put-parameter --name {parameter} --type SecureString --value …"),
                };
                let what =
                    format!("secret {name} is not set: there is no parameter {parameter}; set it with {command}");
                Unread::Gone(PortError::transient(what))
            }
            Some("AccessDeniedException" | "AccessDenied") => {
                let needed = match from_manager {
                    Some(_) => "ssm:GetParameter on it and secretsmanager:GetSecretValue on the secret",
                    None => "ssm:GetParameter on it and, with a key of your own, kms:Decrypt on that key",
                };
                let what = format!("secret {name}: the parameter {parameter} may not be read; the role needs {needed}");
                Unread::Gone(failure(what, error, &[]))
            }
            _ => Unread::Away(failure(format!("secret {name}: reading the parameter {parameter}"), error, &[])),
        }
    }
}

enum Unread {
    /// The store has answered that there is no such secret for us.
    Gone(PortError),
    /// It has not answered.
    Away(PortError),
}

fn is_younger(than: Duration, since: Timestamp, now: Timestamp) -> bool {
    // A clock that was set back makes it younger than nothing.
    Duration::try_from(now.duration_since(since)).map_or(true, |age| age < than)
}

impl Secrets for SsmSecrets {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        let known = self.known(name);
        let mut known = known.lock().await;
        let now = self.clock.now();
        let usable = |known: &Known, age| {
            known.value.as_ref().filter(|value| is_younger(age, value.read_at, now)).map(|value| value.secret.clone())
        };
        if let Some(secret) = usable(&known, KEPT_FOR) {
            return Ok(secret);
        }
        let error = match known.failed.take().filter(|(_, at)| is_younger(FAILED_FOR, *at, now)) {
            Some((error, at)) => {
                known.failed = Some((error.clone(), at));
                error
            }
            None => match self.ask(name).await {
                Ok(secret) => {
                    known.value = Some(Value { secret: secret.clone(), read_at: now });
                    return Ok(secret);
                }
                Err(unread) => {
                    let error = match unread {
                        Unread::Away(error) => error,
                        Unread::Gone(error) => {
                            known.value = None;
                            error
                        }
                    };
                    known.failed = Some((error.clone(), now));
                    tracing::warn!(error = %error, still_known = known.value.is_some(), "a secret could not be read");
                    error
                }
            },
        };
        usable(&known, USED_FOR).ok_or(error)
    }
}

#[cfg(test)]
mod tests;
