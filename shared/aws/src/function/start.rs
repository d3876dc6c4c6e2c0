//! From a process to its first event, and from each event to its answer.
//!
//! What can be wrong with a package or its environment is found before the first event is asked for, told in the log and
//! to the Runtime API (`lambda/latest/dg/runtimes-api.html`, "Initialization error"), and ends the process: a function
//! that is set up wrongly never takes an event that it could only lose. The hub comes from `hub.json` beside the binary,
//! where the build put it. The SDK clients are made when the first event is there, because Lambda's start does not need
//! them.

use std::{
    fmt, fs, io,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use crossdock_core::{
    hub::{self, Faults, Hub},
    poll::Tokens,
    port::Clock,
    route::Router,
};
use crossdock_http::BuildError;
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lambda_runtime_api_client::{Client, body::Body};
use serde::Serialize;
use serde_json::Value;
use tracing::{Instrument, Level};

use super::{Failure, Invocation, Work, telemetry, telemetry::Telemetry};
use crate::{
    clients::Clients,
    home::{AwsHome, SystemClock},
    settings::{Settings, SettingsError},
};

/// In `LAMBDA_TASK_ROOT`.
const HUB: &str = "hub.json";

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("{}: {why}; the build puts it there, see the README's part on AWS", path.display())]
    NoHub { path: PathBuf, why: io::Error },
    #[error("{}: {faults}", path.display())]
    Hub { path: PathBuf, faults: Faults },
}

/// What a function has before its first event.
pub struct Function {
    settings: Settings,
    hub: Arc<Hub>,
    router: Arc<Router>,
    telemetry: Arc<Telemetry>,
    tokens: Arc<Tokens>,
    work: OnceLock<Work<AwsHome>>,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Function {
    /// `environment` finds a variable of the environment.
    ///
    /// # Errors
    /// [`StartError`], which is in the log and has been reported to the Runtime API.
    pub async fn start(environment: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        // Faults of the settings are to be seen too, the level's own among them.
        let level = environment("CROSSDOCK_LOG").and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
        telemetry::init(level, Arc::new(SystemClock));
        let read = Self::read(environment);
        if let Err(error) = &read {
            tracing::error!(error = %error, "the function cannot start");
            report(error).await;
        }
        read
    }

    fn read(environment: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        let settings = Settings::read(environment)?;
        let path = settings.task_root.join(HUB);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) => return Err(StartError::NoHub { path, why }),
        };
        let hub = match hub::load_compiled(&text) {
            Ok(hub) => Arc::new(hub),
            Err(faults) => return Err(StartError::Hub { path, faults }),
        };
        let router = Arc::new(Router::new(&hub));
        let (telemetry, tokens) = Default::default();
        Ok(Self { settings, hub, router, telemetry, tokens, work: OnceLock::new() })
    }

    /// Shared by all polls of this process.
    pub fn tokens(&self) -> Arc<Tokens> {
        self.tokens.clone()
    }

    /// Takes events until Lambda ends the process.
    ///
    /// # Errors
    /// The Runtime API cannot be reached.
    pub async fn run<A: Serialize>(
        &self,
        handle: impl AsyncFn(Work<AwsHome>, Invocation, Value) -> Result<A, Failure>,
    ) -> Result<(), lambda_runtime::Error> {
        let handle = &handle;
        lambda_runtime::Runtime::new(service_fn(move |event| self.invoke(event, handle))).run().await
    }

    async fn invoke<A>(
        &self,
        event: LambdaEvent<Value>,
        handle: &impl AsyncFn(Work<AwsHome>, Invocation, Value) -> Result<A, Failure>,
    ) -> Result<A, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let invocation = Invocation::of(&context);
        let span = tracing::error_span!(
            "invocation",
            request_id = invocation.request_id,
            hub = %self.hub.name,
            hub_hash = self.hub.hash.get(..12),
            xray = context.xray_trace_id,
        );
        let request_id = invocation.request_id.clone();
        let handled = async {
            let work = self.work().map_err(|error| Failure::Trouble(error.to_string()))?;
            work.home.sampling().heed(context.xray_trace_id.as_deref());
            // Lambda keeps the process for the next event; the panic is in the log.
            let handled = AssertUnwindSafe(Box::pin(handle(work, invocation, payload))).catch_unwind().await;
            let answer = handled.unwrap_or(Err(Failure::Panic));
            answer.inspect_err(
                |failure| tracing::error!(error = %failure, kind = failure.kind(), "the invocation failed"),
            )
        };
        let answer = handled.instrument(span).await;
        for line in self.telemetry.counts().take(SystemClock.now(), self.settings.names.prefix(), &request_id) {
            telemetry::write(&line);
        }
        answer.map_err(Diagnostic::from)
    }

    fn work(&self) -> Result<Work<AwsHome>, BuildError> {
        if let Some(work) = self.work.get() {
            return Ok(work.clone());
        }
        let clients = Clients::of_function(&self.settings);
        let observer = self.telemetry.clone();
        let home = Arc::new(AwsHome::new(&self.settings, clients, &self.hub, self.router.clone(), observer)?);
        let work = Work::new(home, self.hub.clone(), self.router.clone(), self.settings.names.clone());
        Ok(self.work.get_or_init(|| work).clone())
    }
}

/// So that whoever invokes the function sees why it never starts. The process ends in any case.
async fn report(error: &StartError) {
    let sent = async {
        let body = serde_json::json!({"errorType": "Start", "errorMessage": error.to_string()});
        let request = http::Request::post("/2018-06-01/runtime/init/error")
            .header("lambda-runtime-function-error-type", "Runtime.InitError")
            .body(Body::from(body.to_string()))?;
        Client::builder().build()?.call(request).await
    };
    if let Err(error) = sent.await {
        tracing::error!(error, "the Runtime API could not be told of it");
    }
}
