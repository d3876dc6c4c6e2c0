//! How far the sweep has come.
//!
//! It looks at each message at certain ages, and for each of them walks on through the time of storing: from where it came
//! to up to what has just reached that age. What could not be sent again holds the mark behind, so that the next sweep
//! comes by once more, but not the walk, and not for ever.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{FROM, HELD, LOOKS};
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

/// One walk per age, from where the mark says.
pub(super) fn walks(mark: &Mark, now: Timestamp) -> Vec<Walk> {
    let known = mark.0.as_ref().map(|mark| serde_json::from_str::<Vec<Stretch>>(mark)).transpose();
    let known = known.unwrap_or_else(|_| {
        tracing::error!("the mark of the sweep before cannot be read; what was stored in the last days is looked over");
        None
    });
    let mut known = known.into_iter().flatten();
    LOOKS.into_iter().map(|age| Walk::begin(age, known.next(), now)).collect()
}

pub(super) fn mark(walks: &[Walk]) -> Mark {
    let kept: Vec<&Stretch> = walks.iter().map(|walk| &walk.kept).collect();
    Mark(serde_json::to_string(&kept).ok())
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
