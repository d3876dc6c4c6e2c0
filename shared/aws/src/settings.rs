//! What a function is told by its environment, read once when it starts.
//!
//! Everything that is missing or cannot be read comes out in one error, so that one look at a log mends all of it. Nothing
//! here has a default that would let a function work on something else than was meant.

use std::{fmt, path::PathBuf};

use crossdock_core::{fault::Faults, id::HubName};
use crossdock_stack::names::{self, Names};
use secrecy::SecretString;
use tracing::Level;

/// Of one `PutEvents` call, in bytes: what EventBridge took until 2026, and takes everywhere.
pub const DEFAULT_EVENT_LIMIT: usize = 256 * 1024;
/// What a rule can bring to a queue: SQS takes 1,048,576 bytes, what the rule puts around the message included.
const MOST_EVENT_LIMIT: usize = 1_000_000;
/// Below it not even a bare envelope is sure to fit.
const LEAST_EVENT_LIMIT: usize = 4 * 1024;

#[derive(Debug, Clone)]
pub struct Settings {
    /// `CROSSDOCK_STACK`.
    pub names: Names,
    /// `CROSSDOCK_QUEUES`: a queue's URL is this and its name.
    pub queues: String,
    /// `CROSSDOCK_SECRETS`, if it is set: see [`Settings::secrets_folder`].
    pub secrets: Option<String>,
    /// `CROSSDOCK_EVENT_LIMIT`, bytes.
    pub event_limit: usize,
    /// `CROSSDOCK_LOG`.
    pub log: Level,
    /// `CROSSDOCK_FAULT`, for crash tests; read only where the fault points are compiled in.
    pub faults: Faults,
    /// `CROSSDOCK_TEST_LOOPBACK=1`: URLs of the hub file may reach loopback, on every port but this one, which is the
    /// Runtime API's. Only the end-to-end test sets it, where functions are processes of the test's own machine.
    pub test_loopback: Option<u16>,
    /// `AWS_REGION`.
    pub region: String,
    pub credentials: EnvironmentCredentials,
    /// `AWS_ENDPOINT_URL`: an emulated AWS.
    pub endpoint_url: Option<String>,
    /// `LAMBDA_TASK_ROOT`: where the function's package is unpacked.
    pub task_root: PathBuf,
}

/// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, on AWS always, `AWS_SESSION_TOKEN`.
#[derive(Debug, Clone)]
pub struct EnvironmentCredentials {
    pub access_key_id: String,
    pub secret_access_key: SecretString,
    pub session_token: Option<SecretString>,
}

/// Every fault of the environment, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    faults: Vec<String>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the function's environment cannot be used")?;
        self.faults.iter().try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl Settings {
    /// `lookup` finds an environment variable; one that is empty is as good as none.
    ///
    /// # Errors
    /// Names every variable that is missing or cannot be read, what was found and what was expected.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader { lookup, faults: Vec::new() };
        let names = reader.required("CROSSDOCK_STACK", "the stack's name", |text| {
            Names::new(text).map_err(|error| error.to_string())
        });
        let queues = reader.required("CROSSDOCK_QUEUES", QUEUES, |text| {
            let good = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme)) && text.ends_with('/');
            if good { Ok(text.to_owned()) } else { Err(expected(QUEUES, text)) }
        });
        let secrets = reader.optional("CROSSDOCK_SECRETS", |text| {
            let good = text.starts_with('/') && text.len() > 1 && !text.ends_with('/');
            if !good {
                return Err(expected("a path such as /my-hub", text));
            }
            match names::reserved(text) {
                Some(prefix) => Err(format!(
                    "{text:?} begins with {prefix:?}, which the parameter store keeps for itself: give the stack another \
                     name, or set SecretsFolder"
                )),
                None => Ok(text.to_owned()),
            }
        });
        let event_limit = reader.optional("CROSSDOCK_EVENT_LIMIT", |text| {
            let limit = text.parse().ok().filter(|limit| (LEAST_EVENT_LIMIT..=MOST_EVENT_LIMIT).contains(limit));
            limit.ok_or_else(|| {
                expected(&format!("a number of bytes from {LEAST_EVENT_LIMIT} to {MOST_EVENT_LIMIT}"), text)
            })
        });
        let log = reader.optional("CROSSDOCK_LOG", |text| {
            text.parse().map_err(|_| expected("one of error, warn, info, debug, trace", text))
        });
        let faults = reader.faults();
        let test_loopback = reader.test_loopback();
        let region = reader.required("AWS_REGION", "the region's code", |text| Ok(text.to_owned()));
        let access_key_id = reader.required("AWS_ACCESS_KEY_ID", "the role's access key", |text| Ok(text.to_owned()));
        let secret_access_key =
            reader.required("AWS_SECRET_ACCESS_KEY", "the role's secret key", |text| Ok(SecretString::from(text)));
        let session_token = reader.optional("AWS_SESSION_TOKEN", |text| Ok(SecretString::from(text)));
        let endpoint_url = reader.optional("AWS_ENDPOINT_URL", |text| match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(text.to_owned()),
            _ => Err(expected("an http or https URL", text)),
        });
        let task_root = reader.required("LAMBDA_TASK_ROOT", "the package's folder", |text| Ok(PathBuf::from(text)));

        // Whatever is `None` here has its fault told.
        let whole = (|| {
            Some(Self {
                names: names?,
                queues: queues?,
                secrets,
                event_limit: event_limit.unwrap_or(DEFAULT_EVENT_LIMIT),
                log: log.unwrap_or(Level::INFO),
                faults,
                test_loopback,
                region: region?,
                credentials: EnvironmentCredentials {
                    access_key_id: access_key_id?,
                    secret_access_key: secret_access_key?,
                    session_token,
                },
                endpoint_url,
                task_root: task_root?,
            })
        })();
        match whole {
            Some(settings) if reader.faults.is_empty() => Ok(settings),
            _ => Err(SettingsError { faults: reader.faults }),
        }
    }

    /// The folder of the hub's secrets in the parameter store; see [`crate::secrets`].
    pub fn secrets_folder(&self, hub: &HubName) -> String {
        self.secrets.clone().unwrap_or_else(|| names::secrets(hub))
    }
}

const QUEUES: &str = "the beginning of the queues' URLs, such as https://sqs.eu-west-1.amazonaws.com/123456789012/";

fn expected(what: &str, found: &str) -> String {
    format!("expected {what}, found {found:?}")
}

struct Reader<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn find(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.find(name)?;
        read(&text).map_err(|fault| self.faults.push(format!("{name}: {fault}"))).ok()
    }

    fn required<T>(&mut self, name: &str, what: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        if self.find(name).is_none() {
            self.faults.push(format!("{name} is not set: expected {what}"));
            return None;
        }
        self.optional(name, read)
    }

    #[cfg(feature = "faults")]
    fn faults(&mut self) -> Faults {
        let plan = self.optional("CROSSDOCK_FAULT", str::parse);
        let sleep = std::sync::Arc::new(|wait| {
            let sleep: futures_util::future::BoxFuture<'static, ()> = Box::pin(tokio::time::sleep(wait));
            sleep
        });
        plan.map(|plan| Faults::planned(plan, sleep)).unwrap_or_default()
    }

    #[cfg(not(feature = "faults"))]
    fn faults(&self) -> Faults {
        Faults::default()
    }

    /// Loopback never opens without the one port of it being known that must stay closed.
    fn test_loopback(&mut self) -> Option<u16> {
        self.optional("CROSSDOCK_TEST_LOOPBACK", |text| if text == "1" { Ok(()) } else { Err(expected("1", text)) })?;
        let what = "host:port, which CROSSDOCK_TEST_LOOPBACK must keep closed";
        self.required("AWS_LAMBDA_RUNTIME_API", what, |text| {
            text.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).ok_or_else(|| expected(what, text))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("CROSSDOCK_STACK", "shop"),
        ("CROSSDOCK_QUEUES", "https://sqs.eu-west-1.amazonaws.com/123456789012/"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables: BTreeMap<_, _> = GOOD.iter().chain(changes).copied().collect();
        Settings::read(|name| variables.get(name).map(ToString::to_string))
    }

    #[test]
    fn what_need_not_be_set_has_a_default() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.names.table(), "shop");
        assert_eq!(settings.event_limit, 262_144);
        assert_eq!(settings.log, Level::INFO);
        assert_eq!(settings.test_loopback, None);
        assert_eq!(settings.secrets_folder(&"my-hub".parse().unwrap()), "/my-hub");
        assert!(settings.endpoint_url.is_none() && settings.credentials.session_token.is_none());
    }

    #[test]
    fn what_is_set_is_used() {
        let settings = read(&[
            ("CROSSDOCK_SECRETS", "/aws/reference/secretsmanager/shop"),
            ("CROSSDOCK_EVENT_LIMIT", "1000000"),
            ("CROSSDOCK_LOG", "debug"),
            ("CROSSDOCK_TEST_LOOPBACK", "1"),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
            ("AWS_SESSION_TOKEN", "secret"),
        ])
        .unwrap();
        assert_eq!(settings.secrets_folder(&"my-hub".parse().unwrap()), "/aws/reference/secretsmanager/shop");
        assert_eq!((settings.event_limit, settings.log), (1_000_000, Level::DEBUG));
        assert_eq!(settings.test_loopback, Some(9001));
        assert_eq!(settings.endpoint_url.as_deref(), Some("http://127.0.0.1:4566"));
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hush") && !shown.contains("\"secret\""), "{shown}");
    }

    #[test]
    fn all_faults_come_at_once() {
        let error = Settings::read(|_| None).unwrap_err().to_string();
        for (name, _) in GOOD {
            assert!(error.contains(&format!("\n{name} is not set: expected ")), "{error}");
        }
        assert_eq!(error.lines().count(), 1 + GOOD.len());
    }

    #[test]
    fn a_fault_says_what_was_found_and_expected() {
        let check = |name: &str, found: &str, expected: &str| {
            let error = read(&[(name, found)]).unwrap_err().to_string();
            let fault = error.lines().nth(1).unwrap();
            assert!(fault.starts_with(&format!("{name}: ")) && fault.contains(found), "{error}");
            assert!(fault.contains(expected), "{error}");
            assert_eq!(error.lines().count(), 2, "{error}");
        };
        check("CROSSDOCK_STACK", "my_shop", "at most 34 characters");
        check("CROSSDOCK_QUEUES", "https://sqs.eu-west-1.amazonaws.com/1", "such as https://sqs.");
        check("CROSSDOCK_QUEUES", "sqs/", "such as https://sqs.");
        check("CROSSDOCK_SECRETS", "my-hub", "a path such as /my-hub");
        check("CROSSDOCK_SECRETS", "/my-hub/", "a path such as /my-hub");
        check("CROSSDOCK_SECRETS", "/AWSome-shop", "set SecretsFolder");
        check("CROSSDOCK_EVENT_LIMIT", "256KB", "from 4096 to 1000000");
        check("CROSSDOCK_EVENT_LIMIT", "1000001", "from 4096 to 1000000");
        check("CROSSDOCK_LOG", "loud", "one of error");
        check("CROSSDOCK_TEST_LOOPBACK", "yes", "expected 1");
        check("AWS_ENDPOINT_URL", "localhost", "an http or https URL");
    }

    #[test]
    fn loopback_needs_the_port_that_stays_closed() {
        for runtime_api in ["", "127.0.0.1", "127.0.0.1:port"] {
            let error = read(&[("CROSSDOCK_TEST_LOOPBACK", "1"), ("AWS_LAMBDA_RUNTIME_API", runtime_api)]).unwrap_err();
            assert!(error.to_string().contains("which CROSSDOCK_TEST_LOOPBACK must keep closed"), "{error}");
        }
    }

    #[cfg(feature = "faults")]
    #[test]
    fn a_fault_plan_is_read() {
        let error = read(&[("CROSSDOCK_FAULT", "stop@nowhere")]).unwrap_err().to_string();
        assert!(error.contains("CROSSDOCK_FAULT: \"stop@nowhere\" is no fault plan"), "{error}");
        assert_eq!(format!("{:?}", read(&[]).unwrap().faults), "no faults");
        assert_ne!(format!("{:?}", read(&[("CROSSDOCK_FAULT", "stop@7")]).unwrap().faults), "no faults");
    }
}
