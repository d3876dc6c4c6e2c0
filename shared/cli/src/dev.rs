//! `crossdock dev`: the whole hub, until it is told to stop.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use crossdock_core::hub::Hub;
use crossdock_local::{LocalHome, Options, Running};
use crossdock_sample::Sample;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::MissedTickBehavior,
};

use crate::{
    args::Dev,
    context::{Environment, HubFile, SampleSettings, say_missing, say_notes, setup},
    display,
    failure::Failure,
    hint, out,
    printer::{self, Feed, Item},
};

/// Where pushes come in unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7420);
/// How often the summary is drawn again.
const REDRAW: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: Dev, environment: Environment) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let live = !args.json && out::is_terminal();
    let (feed, mut printed) = printer::start(move |items| print(items, live))?;
    let (running, sample) = tokio::select! {
        started = start(&args, environment, feed.clone()) => started?,
        () = stop.asked() => return Ok(()),
    };

    let (gone, failed) = {
        let (home, hub) = (running.home().clone(), running.hub().clone());
        tokio::select! {
            () = stop.asked() => (None, None),
            result = &mut printed => (Some(result), None),
            error = running.failed() => (None, Some(error)),
            never = summarize(&home, &hub, &feed), if live => match never {},
            never = tell_when_played(sample.as_ref()) => match never {},
        }
    };
    if live {
        out::note("stopping; Ctrl-C again stops at once");
    }
    running.stop().await;
    if let Some(sample) = sample {
        sample.stop().await;
    }
    let printed = match gone {
        Some(result) => result,
        None => {
            feed.send(Item::End);
            printed.await
        }
    };
    if let Some(error) = failed {
        return Err(Failure::of("the hub has stopped", &error));
    }
    out::missed(printed.unwrap_or_else(|_| Err(io::Error::other("the printer is gone"))))
}

async fn start(args: &Dev, environment: Environment, feed: Feed) -> Result<(Running, Option<Sample>), Failure> {
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
    say_missing(&loaded, &environment.secrets(&args.which.folder(&loaded.hub.name))).await;
    out::note(&format!("{}: URLs in this file may lead to this machine itself; on AWS none may", file.name()));
    let hub = Arc::new(loaded.hub);
    let mut setup = setup(args.which.folder(&hub.name), hub.clone(), &environment, Arc::new(feed.clone()))?;
    // The sample brings its endpoints along.
    if let HubFile::Path(_) = file {
        setup.on_refused = Some(hint::on_refused(hub, file.name(), feed));
    }
    let options = Options { listen: args.listen.unwrap_or(LISTEN), any_port: args.listen.is_none() };
    Ok((Running::start(setup, options).await?, sample))
}

fn print(items: Vec<Item>, live: bool) -> io::Result<()> {
    let mut lines = Vec::new();
    for item in items {
        match item {
            Item::Event(event) if live => display::line(&event).map_or(Ok(()), |line| out::styled(&line))?,
            Item::Event(event) => {
                serde_json::to_writer(&mut lines, &event)?;
                lines.push(b'\n');
            }
            Item::Summary(text) => out::summary(&text)?,
            Item::Note(text) => out::note(&text),
            Item::End => {}
        }
    }
    out::exactly(&lines)
}

async fn summarize(home: &LocalHome, hub: &Hub, feed: &Feed) -> Infallible {
    let _cleared = Cleared(feed);
    let mut redraw = tokio::time::interval(REDRAW);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        redraw.tick().await;
        // A store that cannot be read at the moment will be at the next.
        if let Ok(text) = display::summary(home, hub).await {
            feed.send(Item::Summary(text));
        }
    }
}

/// What is left of a hub that stops is its last lines.
struct Cleared<'a>(&'a Feed);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.0.send(Item::Summary(String::new()));
    }
}

/// What comes after the scene is up to whoever watches.
async fn tell_when_played(sample: Option<&Sample>) -> Infallible {
    if let Some(sample) = sample {
        sample.played().await;
        out::note(
            "The scene has been played, and the hub goes on; Ctrl-C stops it. In another terminal: \
             `crossdock dlq list` shows what could not be delivered, `crossdock show ID` what became of an order.",
        );
    }
    std::future::pending().await
}

/// Ctrl-C, or being told to end. The second time the process ends at once, whatever it is doing.
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (asked, seen) = watch::channel(false);
        tokio::spawn(async move {
            let mut told = Told { interrupt, terminate };
            told.once().await;
            asked.send_replace(true);
            told.once().await;
            std::process::exit(130);
        });
        Ok(Self(seen))
    }

    pub(crate) async fn asked(&mut self) {
        // An error means that nobody is left to ask.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}

struct Told {
    interrupt: Signal,
    terminate: Signal,
}

impl Told {
    async fn once(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
