//! `crossdock poll`.

use crossdock_core::{
    id::CollectionKey,
    object::Decision,
    poll::{Poller, Preview},
    port::LeaseOwner,
};
use crossdock_local::{Running, StateLock};

use crate::{
    args::Poll,
    context::{Environment, Opened},
    failure::Failure,
    out,
};

/// Objects that a preview names one by one.
const NAMED: usize = 20;

pub(crate) async fn run(args: Poll, environment: Environment) -> Result<(), Failure> {
    let opened = Opened::open(&args.which, environment).await?;
    if let (Some(url), false) = (Running::url(&opened.state), args.dry_run) {
        return Err(Failure::new(format!(
            "a hub runs on {} (at {url}) and polls by itself; look without storing by --dry-run",
            opened.state.display()
        )));
    }
    let key = collection(&opened, &args.collection)?;
    let poller = Poller::new(&opened.home, &opened.hub, &opened.router, LeaseOwner("local".to_owned()));
    if args.dry_run {
        show(&poller.preview(&key).await.map_err(|error| Failure::of(format!("{key} cannot be polled"), &error))?);
    } else {
        // Two polls at once would hold one lease.
        let _lock = StateLock::take(&opened.state)?;
        let report = poller.poll(&key).await.map_err(|error| Failure::of(format!("{key} cannot be polled"), &error))?;
        for aside in &report.set_aside {
            out::line(&format!("set aside: {aside}"));
        }
        if let Some(objects) = report.baseline {
            out::line(&format!("baseline: {objects} objects"));
        }
        out::line(&format!(
            "{} records, {} versions stored, {} messages emitted",
            report.records, report.stored, report.emitted
        ));
    }
    opened.close().await;
    Ok(())
}

fn collection(opened: &Opened, text: &str) -> Result<CollectionKey, Failure> {
    let all: Vec<&CollectionKey> =
        opened.hub.sources.values().flat_map(|source| &source.collections).map(|one| &one.key).collect();
    all.iter().find(|key| key.to_string() == text).map(|key| (*key).clone()).ok_or_else(|| {
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        Failure::new(format!("the hub has no collection {text:?}; it has {}", known.join(", ")))
    })
}

fn show(preview: &Preview) {
    for aside in &preview.set_aside {
        out::line(&format!("would be set aside: {aside}"));
    }
    let items = &preview.items;
    let baseline = items.iter().filter(|item| item.decision == Decision::Baseline).count();
    let named = items.iter().filter(|item| item.decision != Decision::Baseline);
    let mut messages = 0;
    for (place, item) in named.enumerate() {
        let version = &item.commit.version;
        messages += item.commit.messages.len();
        if place < NAMED {
            out::line(&format!("would store {} version {}", version.key, version.number));
            for record in &item.commit.messages {
                let routes: Vec<&str> = record.message.routes.iter().map(|route| route.as_str()).collect();
                let routes = if routes.is_empty() { "no route".to_owned() } else { routes.join(", ") };
                out::line(&format!("would emit {} → {routes}", record.message.message));
            }
        } else if place == NAMED {
            out::line("…");
        }
    }
    out::line(&format!(
        "{} records: {} unchanged, {baseline} for the silent baseline, {} changes, {messages} messages; nothing was stored",
        preview.records,
        preview.unchanged,
        items.len() - baseline,
    ));
}
