//! What an answer has to tell people: its notifications.
//!
//! An endpoint that fails says at each retry what it has said before. Within a round each notification is told once, and
//! kept once with a count: a hundred mails about one order help nobody. What an answer says twice in itself is two.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, each, shortened};
use crate::{id::NotificationLevel, object::record_kind};

/// How many notifications of earlier answers are kept beside those of the last one.
const KEPT: usize = 50;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    pub level: NotificationLevel,
    pub subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// In how many answers of the round it stood.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub occurrences: u32,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_once(occurrences: &u32) -> bool {
    *occurrences == 1
}

impl Notification {
    pub fn says_the_same(&self, other: &Self) -> bool {
        let said = |one: &Self| (one.level, one.subject.clone(), one.description.clone());
        said(self) == said(other)
    }
}

impl Answer {
    /// With what earlier answers of the round told. Of what this one says again the count is raised; the rest comes
    /// first, as it was said first.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        let mut kept: Vec<Notification> = earlier.map(|earlier| earlier.notifications.clone()).unwrap_or_default();
        let mut counted = vec![false; kept.len()];
        for notification in std::mem::take(&mut self.notifications) {
            let again = (0..counted.len()).find(|place| !counted[*place] && kept[*place].says_the_same(&notification));
            match again {
                Some(place) => {
                    counted[place] = true;
                    kept[place].occurrences = kept[place].occurrences.saturating_add(1);
                }
                None => kept.push(notification),
            }
        }
        // What only the earlier ones said is the first to be forgotten.
        let mut surplus = counted.iter().filter(|counted| !**counted).count().saturating_sub(KEPT);
        let mut place = 0;
        kept.retain(|_| {
            let forgotten = surplus > 0 && counted.get(place) == Some(&false);
            surplus -= usize::from(forgotten);
            place += 1;
            !forgotten
        });
        self.notifications = kept;
        self
    }
}

pub(super) fn notifications(value: &Value, answer: &mut Answer) {
    for (place, item) in each(value).iter().enumerate() {
        let level = match item.get("level") {
            None | Some(Value::Null) => NotificationLevel::Info,
            Some(Value::String(level)) if level == "info" => NotificationLevel::Info,
            Some(Value::String(level)) if level == "warn" || level == "warning" => NotificationLevel::Warn,
            Some(Value::String(level)) if level == "error" => NotificationLevel::Error,
            Some(other) => {
                let found = other.as_str().map_or_else(|| record_kind(other).to_owned(), |text| format!("{text:?}"));
                let fault = format!("notifications[{place}]: found level {found}, expected info, warn or error");
                answer.faults.push(fault);
                NotificationLevel::Error
            }
        };
        let field = |name: &str| item.get(name).and_then(Value::as_str).map(shortened);
        match field("subject").or_else(|| item.as_str().map(shortened)) {
            Some(subject) => answer.notifications.push(Notification {
                level,
                subject,
                description: field("description"),
                occurrences: 1,
            }),
            None => answer.faults.push(format!("notifications[{place}]: found no subject")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &[(&str, u32)]) -> Answer {
        let note = |(subject, occurrences): &(&str, u32)| Notification {
            level: NotificationLevel::Warn,
            subject: (*subject).to_owned(),
            description: None,
            occurrences: *occurrences,
        };
        Answer { notifications: said.iter().map(note).collect(), ..Answer::default() }
    }

    fn check(earlier: &[(&str, u32)], now: &[(&str, u32)], expected: &[(&str, u32)]) {
        assert_eq!(told(now).after(Some(&told(earlier))), told(expected), "{earlier:?}, then {now:?}");
    }

    #[test]
    fn what_is_said_again_is_counted() {
        check(&[], &[("a", 1)], &[("a", 1)]);
        check(&[("a", 1)], &[("a", 1)], &[("a", 2)]);
        check(&[("a", 2), ("b", 1)], &[("a", 1)], &[("a", 3), ("b", 1)]);
        check(&[("a", 1)], &[("b", 1), ("a", 1)], &[("a", 2), ("b", 1)]);
        check(&[("a", 1)], &[], &[("a", 1)]);
        // Twice in one answer is two.
        check(&[], &[("a", 1), ("a", 1)], &[("a", 1), ("a", 1)]);
        check(&[("a", 1)], &[("a", 1), ("a", 1)], &[("a", 2), ("a", 1)]);
        check(&[("a", 1), ("a", 1)], &[("a", 1)], &[("a", 2), ("a", 1)]);
        check(&[("a", u32::MAX)], &[("a", 1)], &[("a", u32::MAX)]);
        assert_eq!(told(&[("a", 1)]).after(None), told(&[("a", 1)]));
    }

    #[test]
    fn an_endpoint_with_ever_new_words_is_not_kept_for_ever() {
        let mut known = told(&[("always", 1)]);
        for n in 0..200 {
            let word = n.to_string();
            known = told(&[("always", 1), (&word, 1)]).after(Some(&known));
            assert!(known.notifications.len() <= KEPT + 2);
        }
        let find = |subject: &str| known.notifications.iter().find(|one| one.subject == subject);
        assert_eq!(find("always").unwrap().occurrences, 201);
        assert!(find("199").is_some() && find("0").is_none());
    }

    /// As it was kept before there was a count.
    #[test]
    fn without_a_count_it_is_one() {
        let old = r#"{"level":"warn","subject":"a"}"#;
        let read: Notification = serde_json::from_str(old).unwrap();
        assert_eq!(read.occurrences, 1);
        assert_eq!(serde_json::to_string(&read).unwrap(), old);
    }
}
