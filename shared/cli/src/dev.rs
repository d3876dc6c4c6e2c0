//! `crossdock dev`: the whole hub, until it is told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crossdock_core::{
    event::{EventName, HubEvent, Observer},
    fault::Faults,
};
use crossdock_local::{Options, Running};
use crossdock_sample::Sample;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::{
    args::Dev,
    context::{Environment, HubFile, SampleSettings, say_notes, setup},
    display::{CLEAR, Display},
    failure::Failure,
    out,
};

/// Where pushes come in unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7420);
/// How often the summary is drawn again.
const REDRAW: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: Dev, environment: Environment) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let file = HubFile::of(args.which.hub.as_deref());
    let sample = match file {
        HubFile::Path(_) => None,
        HubFile::Sample => Some(Sample::start(crossdock_sample::Options::new(args.which.sample())).await?),
    };
    let environment = match &sample {
        None => environment,
        Some(sample) => {
            let settings = SampleSettings { environment: sample.environment(), secrets: sample.secrets() };
            settings.save(&args.which)?;
            environment.with(&settings)
        }
    };
    let loaded = file.load(&environment)?;
    say_notes(&loaded);
    out::note(&format!("{}: URLs in this file may lead to this machine itself; on AWS none may", file.name()));

    let (events, received) = mpsc::unbounded_channel();
    let live = !args.json && out::is_terminal();
    let setup = setup(&args.which, Arc::new(loaded.hub), &environment, Arc::new(Sender(events)), faults(&environment)?);
    let options = Options { listen: args.listen.unwrap_or(LISTEN), any_port: args.listen.is_none() };
    let running = Running::start(setup, options).await?;
    let printer =
        tokio::spawn(print(received, live.then(|| Display::new(running.home().clone(), running.hub().clone()))));

    match &sample {
        None => stop.asked().await,
        Some(sample) => tokio::select! {
            () = stop.asked() => {}
            () = told_when_played(sample, live) => {}
        },
    }
    if live {
        say(live, "stopping; Ctrl-C again stops at once");
    }
    tokio::select! {
        () = running.stop() => {}
        () = stop.asked() => std::process::exit(130),
    }
    if let Some(sample) = sample {
        sample.stop().await;
    }
    // With the hub went the last sender of events.
    let _ = printer.await;
    Ok(())
}

/// Never ends: what comes after the scene is up to whoever watches.
async fn told_when_played(sample: &Sample, live: bool) {
    sample.played().await;
    say(
        live,
        "The scene has been played, and the hub goes on; Ctrl-C stops it. In another terminal: `crossdock dlq list` \
         shows what could not be delivered, `crossdock show ID` what became of an order.",
    );
    std::future::pending::<()>().await;
}

/// On a line of its own, whatever the display has drawn.
fn say(live: bool, text: &str) {
    out::note(&format!("{}{text}", if live { CLEAR } else { "" }));
}

/// Events go through a channel: whatever the output is, the hub does not wait for it.
struct Sender(mpsc::UnboundedSender<HubEvent>);

impl Observer for Sender {
    fn observe(&self, event: HubEvent) {
        // A printer that is gone has nobody to print for.
        let _ = self.0.send(event);
    }
}

async fn print(mut events: mpsc::UnboundedReceiver<HubEvent>, display: Option<Display>) {
    let Some(mut display) = display else {
        while let Some(event) = events.recv().await {
            match serde_json::to_string(&event) {
                Ok(line) => out::line(&line),
                Err(error) => tracing::error!(error = %error, "an event could not be printed"),
            }
        }
        return;
    };
    let mut redraw = tokio::time::interval(REDRAW);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => {
                    display.show(&event);
                    // The display itself holds the home, and with it a sender: the channel alone would never end.
                    if event.event == EventName::HubStopped {
                        break;
                    }
                }
                None => break,
            },
            _ = redraw.tick() => display.summarize().await,
        }
    }
}

/// Ctrl-C, or being told to end.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// `CROSSDOCK_FAULT` plans a fault, for crash tests.
#[cfg(feature = "faults")]
fn faults(environment: &Environment) -> Result<Faults, Failure> {
    match environment.variable("CROSSDOCK_FAULT") {
        None => Ok(Faults::default()),
        Some(plan) => {
            let plan = plan.parse().map_err(|why: String| Failure::new(format!("CROSSDOCK_FAULT: {why}")))?;
            Ok(Faults::planned(plan, Arc::new(|wait| Box::pin(tokio::time::sleep(wait)))))
        }
    }
}

#[cfg(not(feature = "faults"))]
#[expect(clippy::unnecessary_wraps, reason = "with fault points the plan may be unreadable")]
fn faults(_: &Environment) -> Result<Faults, Failure> {
    Ok(Faults::default())
}
