//! The poller as a Lambda function: polls a collection, publishes what was left pending, or looks for missing deliveries, as
//! its schedule says.

// The SDKs' futures are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

use crossdock_aws::function::{start::Function, task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = Function::start(environment).await?;
    let tokens = function.tokens();
    let handle = async |work, invocation, event| Box::pin(task::handle(work, tokens.clone(), invocation, event)).await;
    function.run(handle).await
}

#[expect(clippy::disallowed_methods, reason = "settings are read once, here, and handed in")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
