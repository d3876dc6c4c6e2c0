//! `crossdock backfill`.

use std::sync::Arc;

use crossdock_core::{
    id::CollectionKey,
    object::Planned,
    poll::{self, Backfilled, Poller},
    port::{Home, LeaseOwner},
};

#[cfg(feature = "aws")]
use crate::remote;
use crate::{
    args::{Backfill, On},
    context::{Environment, Opened},
    failure::Failure,
    hub, out,
    poll::{EVEN_SO, collection},
};

/// Objects that a dry run names one by one.
const NAMED: usize = 20;

pub(crate) async fn run(args: Backfill, environment: Environment) -> Result<(), Failure> {
    let wanted =
        poll::Backfill { from: args.from, until: args.until, emit: args.emit, rate: args.rate, dry_run: args.dry_run };
    if wanted.until.is_some_and(|until| until <= wanted.from) {
        return Err(Failure::new("--until has to be later than --from"));
    }
    match &args.place.on {
        On::Local => {
            let opened = match args.dry_run {
                true => Opened::or_empty(&args.place.which, environment).await?,
                false => Opened::existing(&args.place.which, environment).await?,
            };
            let key = collection(&opened.hub, &args.collection)?;
            if !args.dry_run && !args.even_if_disabled {
                hub::check_enabled(&opened, EVEN_SO).await?;
            }
            let done = here(&opened, &key, &wanted).await;
            opened.close().await;
            done
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) if args.dry_run => {
            let opened = remote::open_to_poll(&args.place.which, stack, &environment).await?;
            Box::pin(here(&opened, &collection(&opened.hub, &args.collection)?, &wanted)).await
        }
        #[cfg(feature = "aws")]
        On::Aws(stack) => {
            let described = remote::outline(&args.place.which, &environment)?;
            let key = collection(&described, &args.collection)?;
            let mut told = Told::default();
            let mut wanted = wanted;
            loop {
                let done = remote::backfill(stack, &key, &wanted, args.even_if_disabled).await?;
                told.add(&done);
                match (done.cut_off, done.reached) {
                    (false, _) => break,
                    // A function has its time; the next one goes on.
                    (true, Some(reached)) if reached > wanted.from => wanted.from = reached,
                    (true, _) => {
                        return Err(Failure::new(format!(
                            "the poller's time was up before it got any further than {}, and what it has not read it cannot \
                             begin with; so far: {}",
                            wanted.from,
                            told.line(false)
                        )));
                    }
                }
                out::line(&format!("read up to {}; going on", wanted.from));
            }
            out::line(&told.line(false));
            Ok(())
        }
    }
}

/// Beside a hub that may be running: what keeps the two apart is the comparison of heads.
async fn here<H: Home>(opened: &Opened<H>, key: &CollectionKey, wanted: &poll::Backfill) -> Result<(), Failure> {
    let poller = Poller::new(&opened.home, &opened.hub, &opened.router, LeaseOwner("backfill".to_owned()))
        .pausing(Arc::new(|wait| Box::pin(tokio::time::sleep(wait))));
    let mut named = 0;
    let mut name = |planned: &Planned| {
        if planned.commit.messages.is_empty() {
            return;
        }
        if named < NAMED {
            let types: Vec<&str> =
                planned.commit.messages.iter().map(|record| record.message.message.as_str()).collect();
            out::line(&format!("would emit {} about {}", types.join(", "), planned.commit.version.key));
        } else if named == NAMED {
            out::line("…");
        }
        named += 1;
    };
    let interrupted = async {
        // Where signals cannot be listened to, the process is simply ended: what is stored is stored.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let done = poller.backfill(key, wanted, &mut name, interrupted).await;
    let done = done.map_err(|error| Failure::of(format!("{key} cannot be read again"), &error))?;
    let mut told = Told::default();
    told.add(&done);
    out::line(&told.line(wanted.dry_run));
    if done.cut_off {
        let from = done.reached.map_or(wanted.from, |reached| reached.max(wanted.from));
        out::line(&format!("it was broken off; go on with --from {from}"));
    }
    Ok(())
}

/// The sum of one run or several.
#[derive(Default)]
struct Told(Backfilled);

impl Told {
    fn add(&mut self, done: &Backfilled) {
        let sum = &mut self.0;
        sum.pages += done.pages;
        sum.objects += done.objects;
        sum.timeless += done.timeless;
        sum.baseline += done.baseline;
        sum.told += done.told;
        sum.messages += done.messages;
        sum.set_aside += done.set_aside;
    }

    fn line(&self, dry_run: bool) -> String {
        let Backfilled { pages, objects, timeless, baseline, told, messages, set_aside, .. } = &self.0;
        let (stored, emitted) = if dry_run { ("would be stored", "would be emitted") } else { ("stored", "emitted") };
        let mut line = format!(
            "{pages} pages, {objects} objects: {baseline} {stored} without a word, {told} changes {stored}, \
             {messages} messages {emitted}"
        );
        if *timeless > 0 {
            line.push_str(&format!("; {timeless} without a time were left out"));
        }
        if *set_aside > 0 {
            line.push_str(&format!("; {set_aside} could not be read"));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_runs_came_to_is_said_together() {
        let mut told = Told::default();
        let done = Backfilled { pages: 2, objects: 5, baseline: 3, told: 1, messages: 2, ..Backfilled::default() };
        told.add(&done);
        assert_eq!(
            told.line(true),
            "2 pages, 5 objects: 3 would be stored without a word, 1 changes would be stored, 2 messages would be emitted"
        );
        told.add(&Backfilled { timeless: 4, set_aside: 1, ..done });
        assert_eq!(
            told.line(false),
            "4 pages, 10 objects: 6 stored without a word, 2 changes stored, 4 messages emitted; \
             4 without a time were left out; 1 could not be read"
        );
    }
}
