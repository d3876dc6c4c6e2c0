//! Jobs that run beside the polls: what was left pending is published, what is missing is looked for.
//!
//! Each goes through the store page by page. It holds a lease, so that of each job one run is under way at a time, and
//! keeps a mark of how far it has come, so that a run that is cut off is gone on with. Both are saved with every page.
//! The lease saves work; nothing is wrong where two runs overlap after all, because doing anything twice is harmless.

use std::{
    future::Future,
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::future::{Either, select};

use crate::{
    Timestamp,
    port::{Home, JobName, Jobs, LeaseError, LeaseOwner, Mark, PortError},
};

/// Longer than a page ever takes; what remains of it is how long a job rests after a crash.
const LEASE: Duration = Duration::from_secs(300);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end.
    Whole,
    /// The time was up; the next run goes on.
    CutOff,
    /// Someone else is at it, from the beginning or since a while.
    Busy,
}

pub(crate) trait Job: Send {
    /// Where the next run goes on.
    fn mark(&self) -> Mark;

    /// One page more; `false` at the end. May be dropped anywhere, and has then come no further.
    fn page(&mut self) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// Runs a job until its end or until `cut_off`. `begin` makes it from the mark of the run before.
///
/// # Errors
/// The store failed.
pub(crate) async fn run<H: Home, J: Job>(
    home: &H,
    name: JobName,
    owner: &LeaseOwner,
    cut_off: impl Future<Output = ()> + Send,
    begin: impl FnOnce(Mark) -> J,
) -> Result<(Option<J>, Ended), PortError> {
    let now = home.clock().now();
    let Some(mark) = home.store().begin(name, owner, now, in_a_while(now)).await? else {
        return Ok((None, Ended::Busy));
    };
    let mut job = begin(mark);
    let ended = go_through(home, name, owner, pin!(cut_off), &mut job).await?;
    Ok((Some(job), ended))
}

async fn go_through<H: Home>(
    home: &H,
    name: JobName,
    owner: &LeaseOwner,
    mut cut_off: Pin<&mut (impl Future<Output = ()> + Send)>,
    job: &mut impl Job,
) -> Result<Ended, PortError> {
    loop {
        let page = match select(cut_off.as_mut(), pin!(job.page())).await {
            Either::Left(_) => Ok(Some(Ended::CutOff)),
            Either::Right((page, _)) => page.map(|more| (!more).then_some(Ended::Whole)),
        };
        let now = home.clock().now();
        let until = if matches!(page, Ok(None)) { in_a_while(now) } else { now };
        let kept = home.store().mark(name, owner, until, &job.mark()).await;
        match (page?, kept) {
            (_, Err(LeaseError::Lost)) => return Ok(Ended::Busy),
            (_, Err(LeaseError::Port(error))) => return Err(error),
            (Some(ended), Ok(())) => return Ok(ended),
            (None, Ok(())) => {}
        }
    }
}

fn in_a_while(now: Timestamp) -> Timestamp {
    now.checked_add(LEASE).unwrap_or(Timestamp::MAX)
}
