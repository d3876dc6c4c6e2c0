//! Ingest as a Lambda function: takes pushes and webhooks.

// The SDKs' futures are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

use crossdock_aws::function::{ingest, start::Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = Function::start(environment).await?;
    function.run(ingest::handle).await
}

#[expect(clippy::disallowed_methods, reason = "settings are read once, here, and handed in")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
