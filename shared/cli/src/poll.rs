//! `crossdock poll`.

use crossdock_core::{
    hub::Hub,
    id::CollectionKey,
    object::{Decision, SetAside},
    poll::{Absent, Poller, Preview, Way},
    port::{Home, LeaseOwner},
};
use crossdock_local::{LocalHome, Running, StateLock};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{On, Poll, Which},
    context::{Environment, Opened},
    failure::Failure,
    hub, out,
};

/// How a poll or a backfill is made of a hub that is switched off.
pub(crate) const EVEN_SO: &str = ", or say --even-if-disabled";
/// Objects that a preview names one by one.
const NAMED: usize = 20;
/// Places that are named of records set aside for one reason.
const EXAMPLES: usize = 3;

pub(crate) async fn run(args: Poll, environment: Environment) -> Result<(), Failure> {
    match &args.place.on {
        On::Local => {
            let opened = match args.dry_run {
                true => Opened::or_empty(&args.place.which, environment).await?,
                false => Opened::existing(&args.place.which, environment).await?,
            };
            let key = collection(&opened.hub, &args.collection)?;
            if args.dry_run {
                preview(&opened, &key, args.way()).await?;
            } else {
                if !args.even_if_disabled {
                    hub::check_enabled(&opened, EVEN_SO).await?;
                }
                here(&opened, &args.place.which, &key, args.way()).await?;
            }
            opened.close().await;
            Ok(())
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) if args.dry_run => {
            let opened = remote::open_to_poll(&args.place.which, stack, &environment).await?;
            Box::pin(preview(&opened, &collection(&opened.hub, &args.collection)?, args.way())).await
        }
        // The stack polls by itself: what is stored must be what its own hub says.
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            let described = remote::outline(&args.place.which, &environment)?;
            for line in
                remote::poll(stack, &collection(&described, &args.collection)?, args.way(), args.even_if_disabled)
                    .await?
            {
                out::line(&line);
            }
            Ok(())
        }
    }
}

async fn here(opened: &Opened<LocalHome>, which: &Which, key: &CollectionKey, way: Way) -> Result<(), Failure> {
    let state = which.folder(&opened.hub.name);
    if let Some(url) = Running::url(&state) {
        return Err(Failure::new(format!(
            "a hub runs on {} (at {url}) and polls by itself; look without storing by --dry-run",
            state.display()
        )));
    }
    // Two polls at once would hold one lease.
    let _lock = StateLock::take(&state)?;
    let poller = Poller::new(&opened.home, &opened.hub, &opened.router, LeaseOwner("local".to_owned())).by(way);
    let report = poller.poll(key).await.map_err(|error| Failure::of(format!("{key} cannot be polled"), &error))?;
    if report.too_early {
        out::line(&too_early(key));
        return Ok(());
    }
    for reason in reasons(&report.set_aside) {
        out::line(&format!("set aside: {reason}"));
    }
    if let Some(objects) = report.baseline {
        out::line(&format!("baseline: {objects} objects"));
    }
    out::line(&format!(
        "{} records, {} versions stored, {} messages emitted",
        report.records, report.stored, report.emitted
    ));
    Ok(())
}

async fn preview<H: Home>(opened: &Opened<H>, key: &CollectionKey, way: Way) -> Result<(), Failure> {
    let poller = Poller::new(&opened.home, &opened.hub, &opened.router, LeaseOwner("preview".to_owned())).by(way);
    let preview = poller.preview(key).await.map_err(|error| Failure::of(format!("{key} cannot be polled"), &error))?;
    if preview.too_early {
        out::line(&too_early(key));
        return Ok(());
    }
    show(&preview);
    if preview.records == 0 && !preview.set_aside.is_empty() {
        return Err(Failure::new(format!("no record of {key} could be read")));
    }
    Ok(())
}

pub(crate) fn too_early(key: &impl std::fmt::Display) -> String {
    format!("{key} has no baseline to reconcile with yet: its first poll has to end before; nothing was done")
}

pub(crate) fn collection(hub: &Hub, text: &str) -> Result<CollectionKey, Failure> {
    let all: Vec<&CollectionKey> =
        hub.sources.values().flat_map(|source| &source.collections).map(|one| &one.key).collect();
    all.iter().find(|key| key.to_string() == text).map(|key| (*key).clone()).ok_or_else(|| {
        let known: Vec<String> = all.iter().map(ToString::to_string).collect();
        Failure::new(format!("the hub has no collection {text:?}; it has {}", known.join(", ")))
    })
}

/// A mistake in the hub file makes the same fault of every record: each reason once, and where it was met.
fn reasons(set_aside: &[SetAside]) -> Vec<String> {
    let mut places: Vec<(&str, Vec<&str>)> = Vec::new();
    for SetAside { at, reason } in set_aside {
        match places.iter_mut().find(|(known, _)| known == reason) {
            Some((_, places)) => places.push(at),
            None => places.push((reason, vec![at])),
        }
    }
    let line = |(reason, places): (&str, Vec<&str>)| match places.as_slice() {
        [place] => format!("{place}: {reason}"),
        places => {
            let more = if places.len() > EXAMPLES { ", …" } else { "" };
            let examples = places[..EXAMPLES.min(places.len())].join(", ");
            format!("{} records: {reason} ({examples}{more})", places.len())
        }
    };
    places.into_iter().map(line).collect()
}

/// It may be as it should; whoever has misspelt a name sees it here.
fn absences(absent: &[Absent]) -> Vec<String> {
    let line = |Absent { setting, path }: &Absent| match setting.strip_prefix("pages.") {
        Some("next") => format!("no answer has anything at {path:?} ({setting}), so that no other page was asked for"),
        Some(_) => format!("no answer has anything at {path:?} ({setting})"),
        None => format!("no record has anything at {path:?} ({setting})"),
    };
    absent.iter().map(line).collect()
}

fn show(preview: &Preview) {
    for reason in reasons(&preview.set_aside) {
        out::line(&format!("would be set aside: {reason}"));
    }
    for line in absences(&preview.absent) {
        out::line(&line);
    }
    let is_doubtful = !preview.absent.is_empty() || !preview.set_aside.is_empty();
    if is_doubtful && !preview.fields.is_empty() {
        let fields: Vec<_> = preview.fields.iter().map(|name| out::plain(name)).collect();
        out::line(&format!("the first record has {}", fields.join(", ")));
    }
    let items = &preview.items;
    let baseline = items.iter().filter(|item| item.decision == Decision::Baseline).count();
    let late = items.iter().filter(|item| item.decision == Decision::Late).count();
    let named = items.iter().filter(|item| item.decision != Decision::Baseline);
    let mut messages = 0;
    for (place, item) in named.enumerate() {
        let version = &item.commit.version;
        messages += item.commit.messages.len();
        if place < NAMED {
            let late = if version.late { ", late" } else { "" };
            out::line(&format!("would store {} version {}{late}", version.key, version.number));
            for record in &item.commit.messages {
                let routes: Vec<&str> = record.message.routes.iter().map(|route| route.as_str()).collect();
                let routes = if routes.is_empty() { "no route".to_owned() } else { routes.join(", ") };
                out::line(&format!("would emit {} → {routes}", record.message.message));
            }
        } else if place == NAMED {
            out::line("…");
        }
    }
    let changes = items.len() - baseline - late;
    let late = if late == 0 { String::new() } else { format!("{late} late, ") };
    out::line(&format!(
        "{} {} read, {} records: {} unchanged, {baseline} for the silent baseline, {late}{changes} changes, {messages} messages; nothing was stored",
        preview.pages,
        if preview.pages == 1 { "page" } else { "pages" },
        preview.records,
        preview.unchanged,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_is_said_once() {
        let aside = |place: usize, reason: &str| SetAside { at: format!("item {place}"), reason: reason.to_owned() };
        let check = |asides: &[SetAside], expected: &[&str]| assert_eq!(reasons(asides), expected);
        check(&[], &[]);
        check(&[aside(4, "too deep")], &["item 4: too deep"]);
        check(
            &[aside(0, "no id"), aside(1, "too deep"), aside(2, "no id")],
            &["2 records: no id (item 0, item 2)", "item 1: too deep"],
        );
        let many: Vec<SetAside> = (0..48).map(|place| aside(place, "no id")).collect();
        check(&many, &["48 records: no id (item 0, item 1, item 2, …)"]);
    }
}
