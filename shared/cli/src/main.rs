//! The `crossdock` command: the whole hub on one machine, and ways to look into it.
//!
//! `main` reads the command line and the environment, once, and hands both over; each command is a module of its own.

mod add;
mod args;
mod audit;
mod backfill;
mod check;
mod context;
mod dev;
mod display;
mod dlq;
mod endpoint;
mod failure;
mod gc;
mod hint;
mod hub;
mod init;
mod listen;
mod missing;
mod on_aws;
mod out;
mod patch;
mod poll;
mod polls;
mod printer;
mod redact;
#[cfg(feature = "aws")]
mod remote;
mod render;
mod replay;
mod resting;
mod sample;
mod secret;
mod send;
mod show;
mod since;
mod unrouted;
mod webhook;
mod why;
mod yaml;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;

use crate::{
    args::{Args, Command},
    context::Environment,
    failure::Failure,
};

fn main() -> ExitCode {
    let args = Args::parse();
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let environment = Environment::new(Arc::new(|name| std::env::var(name).ok()));
    out::start_logging(&environment);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(args.command, environment)));
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            out::error(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, environment: Environment) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => init::run(args, &environment).await?,
        Command::Dev(args) => dev::run(args, environment).await?,
        Command::Listen(args) => listen::run(args, &environment).await?,
        Command::Add(args) => add::run(args, &environment).await?,
        Command::Check(args) => return check::run(&args, &environment).await,
        Command::Render(args) => return render::run(&args, &environment),
        Command::Show(args) => Box::pin(show::run(args, environment)).await?,
        Command::Audit(args) => return Box::pin(audit::run(args, environment)).await,
        Command::Unrouted(args) => Box::pin(unrouted::run(args, environment)).await?,
        Command::Dlq(args) => Box::pin(dlq::run(args, environment)).await?,
        Command::Backfill(args) => Box::pin(backfill::run(args, environment)).await?,
        Command::Poll(args) => Box::pin(poll::run(args, environment)).await?,
        Command::Send(args) => Box::pin(send::run(args, environment)).await?,
        Command::Replay(args) => return Box::pin(replay::run(args, environment)).await,
        Command::Endpoint(args) => endpoint::run(args, environment).await?,
        Command::Hub(args) => hub::run(args, environment).await?,
        Command::Webhook(args) => webhook::run(args, environment).await?,
        Command::Secret(args) => secret::run(args, environment).await?,
        Command::Gc(args) => gc::run(args, environment).await?,
        Command::Sample(args) => sample::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}
