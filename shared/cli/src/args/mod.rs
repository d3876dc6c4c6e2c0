//! The command line: every command with its arguments, in a module per group of commands. What is said here is what
//! `--help` says; what a command does is in a module of its own.

mod deliver;
mod describe;
mod hub;
mod look;
mod place;
mod play;
mod read;
mod values;
mod webhook;

use clap::{Parser, Subcommand};

pub(crate) use self::{deliver::*, describe::*, hub::*, look::*, place::*, play::*, read::*, webhook::*};

/// A hub between shops, ERPs and whatever should hear of their changes.
///
/// One file, hub.yaml, says where changes come from (sources), who wants to hear of them (endpoints) and which goes to
/// whom (routes). Start with `crossdock dev`: without a file of your own it plays a sample. `crossdock init` writes a file
/// for a list of yours.
#[derive(Debug, Parser)]
#[command(name = "crossdock", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(Init),
    Dev(Dev),
    Listen(Listen),
    Check(Check),
    Add(Add),
    Render(Render),
    Show(Show),
    Audit(Audit),
    Unrouted(Unrouted),
    Dlq(Dlq),
    Poll(Poll),
    Backfill(Backfill),
    Send(Send),
    Replay(Replay),
    Endpoint(Endpoint),
    Hub(Hub),
    Webhook(Webhook),
    Secret(Secret),
    Gc(Gc),
    Sample(Sample),
}
