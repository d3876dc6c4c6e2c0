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
    "versions.versions",
    "versions.history",
    "versions.objects_with_id",
    "collections.lease",
    "collections.save",
    "collections.state",
    "outbox.put",
    "outbox.pending",
    "outbox.published",
    "outbox.messages",
    "outbox.messages_of",
    "ledger.open",
    "ledger.settle",
    "ledger.deliveries_of",
    "ledger.deliveries_in",
    "ledger.set_paused",
    "bus.publish",
    "queues.send",
    "queues.receive",
    "queues.change_visibility",
    "queues.delete",
    "source.fetch",
    "endpoint.post",
    "secrets.secret",
];

/// Which point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The so manieth of the run, counted from 1.
    Number(u64),
    /// Every so manieth.
    Every(u64),
    /// Before or after the `nth` call of that name, counted from 1. Calls that run at once are counted as they begin
    /// (before) or end (after).
    Call { side: Side, call: &'static str, nth: u64 },
}

/// `stop@137`, `fail@20`, `fail@every:50`, `delay:200@every:10` (milliseconds), `stop@after:endpoint.post`,
/// `stop@before:versions.commit#3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    pub fault: Fault,
    pub at: Where,
}

impl FromStr for FaultPlan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no fault plan: expected stop@WHERE, fail@WHERE or delay:MS@WHERE, where WHERE is N, \
                 every:N, before:CALL#N or after:CALL#N"
            )
        };
        let (what, at) = text.split_once('@').ok_or_else(wrong)?;
        let fault = match what.split_once(':') {
            None if what == "stop" => Fault::Stop,
            None if what == "fail" => Fault::Fail,
            Some(("delay", millis)) => Fault::Delay(Duration::from_millis(millis.parse().map_err(|_| wrong())?)),
            _ => return Err(wrong()),
        };
        let count = |text: &str| text.parse().ok().filter(|count| *count > 0).ok_or_else(wrong);
        let named = |side, named: &str| {
            let (name, nth) = named.split_once('#').unwrap_or((named, "1"));
            let nth = count(nth)?;
            match CALLS.iter().find(|call| **call == name) {
                Some(call) => Ok(Where::Call { side, call, nth }),
                None => Err(format!("{text:?}: no port has a call {name:?}; there are {}", CALLS.join(", "))),
            }
        };
        let at = match at.split_once(':') {
            None => Where::Number(count(at)?),
            Some(("every", every)) => Where::Every(count(every)?),
            Some(("before", call)) => named(Side::Before, call)?,
            Some(("after", call)) => named(Side::After, call)?,
            Some(_) => return Err(wrong()),
        };
        Ok(Self { fault, at })
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
                tracing::error!("stopped at fault point {number} ({side:?} {call}), as planned");
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
        match self.plan.at {
            Where::Number(at) => number == at,
            Where::Every(every) => number.is_multiple_of(every),
            Where::Call { side, call, nth } => {
                (side, call) == (passing, passed) && self.matched.fetch_add(1, Ordering::Relaxed) + 1 == nth
            }
        }
    }
}
