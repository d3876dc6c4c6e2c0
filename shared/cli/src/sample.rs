//! `crossdock sample`.

use std::sync::Arc;

use crossdock_sample::{Options, Sample};
use serde_json::json;

use crate::{args, dev::Stop, failure::Failure, out};

pub(crate) async fn run(args: args::Sample) -> Result<(), Failure> {
    let mut options = Options::new(args.state);
    options.on_request = Some(Arc::new(|seen| out::json_line(&json!(seen))));
    let mut stop = Stop::listen()?;
    let sample = Sample::start(options).await?;
    let mut started = json!(sample.environment());
    started["secrets"] = json!(sample.secrets());
    out::json_line(&started);
    stop.asked().await;
    sample.stop().await;
    Ok(())
}
