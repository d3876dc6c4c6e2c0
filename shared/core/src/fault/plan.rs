//! What is to go wrong in a run, and where: read from a text, held against every point that is passed.

use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::{Fault, PortError, Side};

type Sleep = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Every call of every port, as plans name them; a plan that names another one would wait for ever.
pub(super) const CALLS: &[&str] = &[
    "versions.epoch",
    "versions.heads",
    "versions.commit",
    "versions.raise",
    "versions.versions",
    "versions.history",
    "versions.objects_with_id",
    "versions.flush",
    "collections.lease",
    "collections.save",
    "collections.state",
    "wants.want",
    "wants.wanted",
    "wants.fetched",
    "wants.postpone",
    "wants.waiting",
    "wants.wanting",
    "jobs.begin",
    "jobs.mark",
    "outbox.put",
    "outbox.pending",
    "outbox.published",
    "outbox.messages",
    "outbox.messages_of",
    "outbox.messages_about",
    "outbox.stored_between",
    "ledger.open",
    "ledger.settle",
    "ledger.tracked",
    "ledger.deliveries_of",
    "ledger.deliveries_in",
    "ledger.expect",
    "ledger.silent",
    "ledger.set_paused",
    "claims.claim",
    "lines.line",
    "lines.set_line",
    "signing.signing_key",
    "signing.rotate",
    "events.seen",
    "events.note",
    "timers.take",
    "timers.remove",
    "switches.off",
    "switches.switch",
    "bus.publish",
    "queues.send",
    "queues.receive",
    "queues.change_visibility",
    "queues.delete",
    "source.fetch",
    "endpoint.post",
    "secrets.secret",
];

/// `stop@137`, `fail@20`, `fail@every:50`, `delay:200@every:10` (milliseconds); only points of one call, on one side of
/// it: `stop@after:endpoint.post`, `stop@before:versions.commit#3`, `fail@before:ledger.settle#every:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    pub fault: Fault,
    /// `None`: every point counts. Calls that run at once are counted as they begin (before) or end (after).
    pub of: Option<(Side, &'static str)>,
    /// Counted from 1.
    pub at: u64,
    /// At every multiple.
    pub every: bool,
}

impl FromStr for FaultPlan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no fault plan: expected stop@WHERE, fail@WHERE or delay:MS@WHERE, where WHERE is N, \
                 every:N, or one of these behind before:CALL# or after:CALL#"
            )
        };
        let (what, place) = text.split_once('@').ok_or_else(wrong)?;
        let fault = match what.split_once(':') {
            None if what == "stop" => Fault::Stop,
            None if what == "fail" => Fault::Fail,
            Some(("delay", millis)) => Fault::Delay(Duration::from_millis(millis.parse().map_err(|_| wrong())?)),
            _ => return Err(wrong()),
        };
        let (of, count) = match place.split_once(':') {
            Some((side @ ("before" | "after"), named)) => {
                let (name, count) = named.split_once('#').unwrap_or((named, "1"));
                let call = CALLS
                    .iter()
                    .find(|call| **call == name)
                    .ok_or_else(|| format!("{text:?}: no port has a call {name:?}; there are {}", CALLS.join(", ")))?;
                (Some((if side == "before" { Side::Before } else { Side::After }, *call)), count)
            }
            _ => (None, place),
        };
        let (at, every) = count.strip_prefix("every:").map_or((count, false), |at| (at, true));
        let at = at.parse().ok().filter(|at| *at > 0).ok_or_else(wrong)?;
        Ok(Self { fault, of, at, every })
    }
}

/// The plan of a run, shared by all of its ports.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Planned>>);

struct Planned {
    plan: FaultPlan,
    passed: AtomicU64,
    /// Of the call that the plan names.
    matched: AtomicU64,
    sleep: Sleep,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("no faults"),
            Some(planned) => write!(f, "{:?}, {} passed", planned.plan, self.passed()),
        }
    }
}

impl Faults {
    pub fn planned(plan: FaultPlan, sleep: Sleep) -> Self {
        Self(Some(Arc::new(Planned { plan, passed: AtomicU64::new(0), matched: AtomicU64::new(0), sleep })))
    }

    /// How many points have been passed.
    pub fn passed(&self) -> u64 {
        self.0.as_ref().map_or(0, |planned| planned.passed.load(Ordering::Relaxed))
    }

    pub(super) async fn point(&self, side: Side, call: &'static str) -> Result<(), PortError> {
        let Some(planned) = &self.0 else { return Ok(()) };
        let number = planned.passed.fetch_add(1, Ordering::Relaxed) + 1;
        if !planned.is_due(number, side, call) {
            return Ok(());
        }
        match planned.plan.fault {
            Fault::Stop => {
                // The only proof that it was this that ended the process.
                tracing::error!("fault point {number} ({side}:{call}): stopped, as planned");
                std::process::abort()
            }
            Fault::Fail => Err(PortError::transient(format!("fault point {number} ({call})"))),
            Fault::Delay(wait) => {
                (planned.sleep)(wait).await;
                Ok(())
            }
        }
    }
}

impl Planned {
    fn is_due(&self, number: u64, passing: Side, passed: &str) -> bool {
        let place = match self.plan.of {
            None => number,
            Some((side, call)) if (side, call) == (passing, passed) => self.matched.fetch_add(1, Ordering::Relaxed) + 1,
            Some(_) => return false,
        };
        if self.plan.every { place.is_multiple_of(self.plan.at) } else { place == self.plan.at }
    }
}
