//! How far the sweep has come, and how long the hub has been at work.
//!
//! It looks at each message at certain ages, and for each of them walks on through the time of storing: from where it came
//! to up to what has just reached that age. What could not be sent again holds the mark behind, so that the next sweep
//! comes by once more, but not the walk, and not for ever.
//!
//! A sweep comes by each hour, unless the hub is switched off or stands still. So by when the last one came by it is known
//! since when the hub has been at work without a break, and its queues have been emptied.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{EVERY, FROM, HELD, LOOKS};
use crate::{
    Timestamp,
    port::{Mark, Place},
};

/// A stretch of time that is being walked through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// All that was stored before has been looked at.
    pub from: Timestamp,
    /// As long as there is a place in it, the same as when that was come to.
    pub until: Timestamp,
    pub after: Option<Place>,
}

impl Stretch {
    fn is_empty(&self) -> bool {
        self.from >= self.until
    }
}

pub(super) struct Walk {
    age: Duration,
    pub at: Stretch,
    /// Where the next sweep goes on.
    kept: Stretch,
    is_held: bool,
}

pub(super) fn ago(now: Timestamp, age: Duration) -> Timestamp {
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

/// Without a sweep for so long, the hub stood still or was switched off.
const BREAK: Duration = EVERY.saturating_add(Duration::from_secs(1800));

/// The hub at work, without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AtWork {
    since: Timestamp,
    /// When the last sweep came by.
    until: Timestamp,
}

impl AtWork {
    fn go_on(known: Option<Self>, now: Timestamp) -> Self {
        let since = match known {
            Some(known) if known.until > now || known.until < ago(now, BREAK) => now,
            Some(known) => known.since,
            // Nobody has said so yet: neither in the first sweep of a hub, nor in an older version's.
            None => ago(now, LOOKS[0]),
        };
        Self { since, until: now }
    }

    /// For at least so long.
    pub(super) fn lasts(&self, time: Duration) -> bool {
        self.since <= ago(self.until, time)
    }
}

/// What a mark is made of. Older versions wrote the looks alone.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    looks: Vec<Stretch>,
    at_work: AtWork,
}

/// One walk per age, from where the mark says, and since when the hub has been at work.
pub(super) fn begin(mark: &Mark, now: Timestamp) -> (Vec<Walk>, AtWork) {
    let read = |text: &String| match serde_json::from_str::<Kept>(text) {
        Ok(kept) => Ok((kept.looks, Some(kept.at_work))),
        Err(_) => serde_json::from_str::<Vec<Stretch>>(text).map(|looks| (looks, None)),
    };
    let known = mark.0.as_ref().map(read).transpose().unwrap_or_else(|_| {
        tracing::error!("the mark of the sweep before cannot be read; what was stored in the last days is looked over");
        None
    });
    let (looks, at_work) = known.unwrap_or_default();
    let mut looks = looks.into_iter();
    let walks = LOOKS.into_iter().map(|age| Walk::begin(age, looks.next(), now)).collect();
    (walks, AtWork::go_on(at_work, now))
}

pub(super) fn mark(walks: &[Walk], at_work: AtWork) -> Mark {
    let looks = walks.iter().map(|walk| walk.kept.clone()).collect();
    Mark(serde_json::to_string(&Kept { looks, at_work }).ok())
}

impl Walk {
    fn begin(age: Duration, known: Option<Stretch>, now: Timestamp) -> Self {
        let until = ago(now, age);
        let mut at = match known {
            // A mark that is ahead of the clock was made by one that was wrong.
            Some(known) if known.from <= now => known,
            _ => Stretch { from: ago(now, FROM), until, after: None },
        };
        if at.after.is_none() {
            at.until = until;
        }
        Self { age, kept: at.clone(), at, is_held: false }
    }

    /// The last look at a message: what is not known of it then, nobody looks up again.
    pub(super) fn is_last(&self) -> bool {
        Some(&self.age) == LOOKS.last()
    }

    pub(super) fn is_over(&self) -> bool {
        self.at.is_empty()
    }

    /// Whether what is of that time and could not be sent again is worth another sweep.
    pub(super) fn holds(&self, created_at: Timestamp, now: Timestamp) -> bool {
        created_at > ago(now, self.age.saturating_add(HELD))
    }

    /// A page has been looked at; `next` is its end.
    pub(super) fn go_on(&mut self, next: Option<Place>, is_held: bool, now: Timestamp) {
        self.at = match next {
            Some(place) => Stretch { after: Some(place), ..self.at },
            None => Stretch { from: self.at.until, until: ago(now, self.age), after: None },
        };
        self.is_held |= is_held;
        if !self.is_held {
            self.kept = self.at.clone();
        }
    }
}

#[cfg(test)]
mod tests;
