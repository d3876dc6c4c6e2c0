//! The `crossdock` command; `dev` and `sample` only, until the rest is merged.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "interim")]
use std::{path::{Path, PathBuf}, sync::Arc};
use clap::{Parser, Subcommand};
use crossdock_core::{event::{HubEvent, Observer}, fault::Faults, hub};
use crossdock_local::{LocalSecrets, Options, Running, Setup};
#[derive(Parser)]
struct Args { #[command(subcommand)] command: Command }
#[derive(Subcommand)]
enum Command {
    Dev { #[arg(long)] hub: Option<PathBuf>, #[arg(long, default_value = ".crossdock")] state: PathBuf, #[arg(long)] json: bool, #[arg(long)] listen: Option<std::net::SocketAddr> },
    Sample { #[arg(long, default_value = ".crossdock")] state: PathBuf },
}
struct Print;
impl Observer for Print { fn observe(&self, event: HubEvent) { println!("{}", serde_json::to_string(&event).unwrap_or_default()); } }
type Error = Box<dyn std::error::Error>;
async fn ended() -> Result<(), Error> {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! { r = tokio::signal::ctrl_c() => r?, _ = term.recv() => {} }
    Ok(())
}
#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match Args::parse().command {
        Command::Sample { state } => {
            let mut options = crossdock_sample::Options::new(state);
            options.on_request = Some(Arc::new(|seen| println!("{}", serde_json::to_string(seen).unwrap_or_default())));
            let sample = crossdock_sample::Sample::start(options).await?;
            let mut line = serde_json::json!(sample.environment());
            line["secrets"] = serde_json::json!(sample.secrets());
            println!("{line}");
            ended().await?;
            sample.stop().await;
        }
        Command::Dev { hub, state, json: _, listen } => {
            let (sample, file, text) = match hub {
                Some(file) => (None, file.display().to_string(), std::fs::read_to_string(&file)?),
                None => (Some(crossdock_sample::Sample::start(crossdock_sample::Options::new(state.join("sample"))).await?), "infra/hub.yaml".to_owned(), crossdock_sample::HUB_FILE.to_owned()),
            };
            let env = sample.as_ref().map(|s| s.environment()).unwrap_or_default();
            let secrets = sample.as_ref().map(|s| s.secrets()).unwrap_or_default();
            let loaded = hub::load(&file, &text, &|name| env.get(name).cloned().or_else(|| std::env::var(name).ok())).map_err(|faults| faults.to_string())?;
            let secrets = LocalSecrets::new(Arc::new(move |name: &str| secrets.get(&name.strip_prefix("CROSSDOCK_SECRET_")?.to_lowercase().replace('_', "-")).cloned().or_else(|| std::env::var(name).ok())), Path::new("secrets"));
            let setup = Setup { hub: Arc::new(loaded.hub), state, secrets, observer: Arc::new(Print), allow_loopback: true, faults: faults()? };
            let listen_at = listen.unwrap_or(([127, 0, 0, 1], 7420).into());
            let running = Running::start(setup, Options { listen: listen_at, any_port: listen.is_none() }).await?;
            ended().await?;
            running.stop().await;
            if let Some(sample) = sample { sample.stop().await; }
        }
    }
    Ok(())
}
#[cfg(feature = "faults")]
fn faults() -> Result<Faults, Error> {
    match std::env::var("CROSSDOCK_FAULT") { Ok(plan) => Ok(Faults::planned(plan.parse()?, Arc::new(|wait| Box::pin(tokio::time::sleep(wait))))), Err(_) => Ok(Faults::default()) }
}
#[cfg(not(feature = "faults"))]
fn faults() -> Result<Faults, Error> { Ok(Faults) }
