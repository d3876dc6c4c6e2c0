//! Thin events: a push that names an object by its id alone is completed by fetching the object from its source, before
//! anything is compared (contract §3).
//!
//! A thin event is stored as a wanted object when it comes in, and answered then; nothing is asked of the source while
//! the pusher waits. A run of this way takes what is due, one object after another and no faster than the collection's
//! rate, with the source's own authentication. An object that is named again before it was fetched is fetched once;
//! one that is named while it is being fetched is fetched again.
//!
//! What fails for the source's sake (no answer, 5xx, 401, 403, 408, 429) ends the run, counts as a failure of the source
//! as a poll's does, and is tried again for as long as it takes. What fails for the object's own (any other 4xx) may be an
//! event that came before the source's own commit: it is tried again three times, and then set aside with its reason.
//! That an object cannot be found is never taken for its deletion.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, Either, select};
use serde_json::Value;

use super::{
    error::PollError,
    exchange,
    page::{self, PageError},
    poller::{PollReport, Poller},
    request::Asked,
    run::Run,
};
use crate::{
    hub::{Collection, Fetch, Source},
    json::FieldPath,
    object::{self, News, SetAside, Tracker, natural_key},
    port::{CollectionState, Collections, Home, LeaseError, Method, PortError, RefusedBy, Wanted, Wants},
    retry::RetryPolicy,
    url::join,
};

/// Waits for so long. The core has no clock that it could wait by.
pub type Pause = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Objects that are looked up at once.
const BATCH: usize = 50;
/// Characters of the reason that is kept of a failure.
const LONGEST_REASON: usize = 300;
/// How often an object is asked for again that the source does not have, or refuses.
const PATIENCE: u32 = 3;

/// The id that a thin item names: an id in an object's place, or an object that has nothing else. `None`: the item is
/// whole, or this collection has no thin events.
pub fn thin_id(collection: &Collection, item: &Value) -> Option<String> {
    collection.fetch.as_ref()?;
    match item {
        Value::Object(_) => {
            let is_alone = collection.id.segments().iter().try_fold(item, |inner, segment| {
                let fields = inner.as_object().filter(|fields| fields.len() == 1)?;
                fields.get(segment)
            });
            is_alone?;
            natural_key(&collection.id, item).ok()
        }
        _ => natural_key(&FieldPath::root(), item).ok(),
    }
}

impl<'a, H: Home> Poller<'a, H> {
    pub(super) async fn fetch_until(
        &self,
        source: &'a Source,
        collection: &'a Collection,
        cut_off: impl Future<Output = ()> + Send,
    ) -> Result<PollReport, PollError> {
        let key = &collection.key;
        let rule = collection.fetch.as_ref().ok_or_else(|| PollError::NotFetched(key.clone()))?;
        let now = self.now();
        // Most runs find nothing, and a lease is a write.
        if self.home.store().wanted(key, now, 1).await?.is_empty() {
            return Ok(PollReport::default());
        }
        let until = self.lease_from(source, now);
        let leased = self.home.store().lease(&self.way.record_of(key), &self.owner, now, until).await?;
        let Some(own) = leased else {
            return Ok(PollReport { busy: true, ..PollReport::default() });
        };
        let of_poll = self.home.store().state(key).await?.unwrap_or_default();
        // What has no creation time is news, as it is when it is pushed whole.
        let own = CollectionState { started_at: of_poll.started_at, baseline_done: true, ..own };
        let mut run = Run::new(source, collection, own, now);
        let read = match select(pin!(self.fetch_all(&mut run, rule)), pin!(cut_off)).await {
            Either::Left((read, _)) => read.map(|()| true),
            Either::Right(_) => Ok(false),
        };
        self.tell_of_set_aside(&run);
        match read {
            Ok(true) => {
                self.finish(&mut run).await?;
                Ok(run.report)
            }
            Ok(false) => {
                self.save(&run, self.now(), None).await?;
                Ok(PollReport { cut_off: true, ..run.report })
            }
            Err(PollError::Lease(LeaseError::Lost)) => Err(LeaseError::Lost.into()),
            Err(error) => {
                self.end(&mut run, &error).await;
                Err(error)
            }
        }
    }

    async fn fetch_all(&self, run: &mut Run<'_>, rule: &Fetch) -> Result<(), PollError> {
        let key = &run.collection.key;
        loop {
            let due = self.home.store().wanted(key, self.now(), BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            for wanted in due {
                self.fetch_one(run, rule, &wanted).await?;
                self.save(run, self.lease_from(run.source, self.now()), None).await?;
                if let Some(pause) = &self.pause {
                    pause(Duration::from_secs(1) / rule.rate).await;
                }
            }
        }
    }

    async fn fetch_one(&self, run: &mut Run<'_>, rule: &Fetch, wanted: &Wanted) -> Result<(), PollError> {
        let aside = |reason: String| SetAside { at: wanted.object.id.clone(), reason };
        let item = match self.ask_for(run, rule, wanted).await {
            Ok(item) => item,
            Err(Refusal::Object(why)) => {
                if wanted.refusals >= PATIENCE {
                    run.report.set_aside.push(aside(why));
                    self.home.store().fetched(wanted).await?;
                } else {
                    self.put_off(wanted, RefusedBy::Object, &why, None).await?;
                }
                return Ok(());
            }
            Err(Refusal::Source(error)) => {
                if !error.is_our_own() {
                    self.put_off(wanted, RefusedBy::Source, &error.to_string(), error.retry_after()).await?;
                }
                return Err(error);
            }
        };
        run.report.records += 1;
        match object::read(run.collection, &wanted.object.id, item) {
            Ok(mut record) if record.key == wanted.object => {
                run.report.set_aside.append(&mut record.set_aside);
                let news = News::of(run.collection, &run.state, self.now());
                let tracker = Tracker::new(self.home, self.hub, self.router);
                let tracked = tracker.track(run.collection, vec![record], &news).await?;
                run.report.set_aside.extend(tracked.set_aside);
                run.report.stored += tracked.stored;
                run.report.emitted += tracked.messages.len() as u64;
                self.publish(self.home, &tracked.messages).await;
            }
            Ok(other) => run.report.set_aside.push(aside(format!("the source answered with {:?}", other.key.id))),
            Err(unreadable) => run.report.set_aside.push(unreadable),
        }
        self.home.store().fetched(wanted).await?;
        Ok(())
    }

    async fn ask_for(&self, run: &mut Run<'_>, rule: &Fetch, wanted: &Wanted) -> Result<Value, Refusal> {
        let url = join(&run.source.url, &path(rule, &wanted.object.id).map_err(Refusal::Object)?);
        let asked = Asked { method: Method::Get, url, body: None };
        let limits = &self.hub.limits;
        let (_, response) =
            exchange::ask(self.home, &self.tokens, run.source, limits, asked).await.map_err(Refusal::Source)?;
        run.report.pages += 1;
        page::read_one(&rule.item, &response, self.now()).map_err(|error| match error {
            PageError::Status { status } if is_the_objects(status) => Refusal::Object(error.to_string()),
            PageError::Unexpected { .. } => Refusal::Object(error.to_string()),
            error => Refusal::Source(error.knowing(run.source.auth.as_ref()).into()),
        })
    }

    async fn put_off(
        &self,
        wanted: &Wanted,
        by: RefusedBy,
        why: &str,
        asked: Option<Duration>,
    ) -> Result<(), PortError> {
        let why: String = why.chars().take(LONGEST_REASON).collect();
        let schedule = RetryPolicy::default();
        // An event that came before the source's commit is asked about soon, whatever was the matter with the source.
        let failures = match by {
            RefusedBy::Source => wanted.failures,
            RefusedBy::Object => wanted.refusals,
        };
        let wait = schedule.wait_after(failures + 1, self.home.random().fraction(), asked);
        let longest = schedule.waits().last().copied().unwrap_or(RetryPolicy::RETRY_AFTER_CAP);
        let now = self.now();
        let due = now.checked_add(wait.unwrap_or(longest)).unwrap_or(now);
        self.home.store().postpone(wanted, due, by, &why).await
    }
}

/// Why there is no object.
enum Refusal {
    /// It has to do with this object.
    Object(String),
    /// It has to do with the source, or with the hub.
    Source(PollError),
}

fn is_the_objects(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 401 | 403 | 408 | 429)
}

/// The id is one segment of the path, or one value of the query, whatever is in it.
fn path(rule: &Fetch, id: &str) -> Result<String, String> {
    // To a URL these mean this folder and the one above, however they are written.
    if matches!(id, "." | "..") {
        return Err("an id of dots alone cannot be part of a path".to_owned());
    }
    let escaped: String = id
        .bytes()
        .map(|byte| match byte {
            // RFC 3986 §2.3.
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    Ok(rule.path.replace(Fetch::ID, &escaped))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn collection(keys: &str) -> Collection {
        let text = format!(
            "{{hub: a, endpoints: {{e: {{url: http://e.test}}}}, sources: {{s: {{url: http://s.test, collections: {{
             c: {{type: t, request: {{path: /}}, every: 1m, {keys}}}}}}}}}}}"
        );
        let loaded = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        loaded.hub.sources.values().next().unwrap().collections[0].clone()
    }

    #[test]
    fn what_is_thin() {
        let fetch = "fetch: {path: '/c/{id}'}";
        let (flat, deep) = (collection(&format!("id: id, {fetch}")), collection(&format!("id: of.id, {fetch}")));
        let whole = collection("id: id");
        let check = |collection: &Collection, item: Value, expected: Option<&str>| {
            assert_eq!(thin_id(collection, &item).as_deref(), expected, "{item}");
        };
        check(&flat, json!({"id": "R1"}), Some("R1"));
        check(&flat, json!({"id": 7.0}), Some("7"));
        check(&flat, json!("R1"), Some("R1"));
        check(&flat, json!(7), Some("7"));
        check(&flat, json!({"id": "R1", "state": "open"}), None);
        check(&flat, json!({"id": ""}), None);
        check(&flat, json!({}), None);
        check(&flat, json!(null), None);
        check(&deep, json!({"of": {"id": "R1"}}), Some("R1"));
        check(&deep, json!({"of": {"id": "R1", "x": 1}}), None);
        check(&deep, json!({"of": {"id": "R1"}, "x": 1}), None);
        check(&whole, json!({"id": "R1"}), None);
        check(&whole, json!("R1"), None);
    }

    #[test]
    fn an_id_is_one_segment() {
        let rule = |path: &str| Fetch { path: path.to_owned(), item: FieldPath::root(), rate: 1 };
        let check = |path: &str, id: &str, expected: &str| {
            let path = super::path(&rule(path), id).unwrap();
            assert_eq!(join(&"http://s.test/api".parse().unwrap(), &path).as_str(), expected);
        };
        check("/c/{id}", "R1", "http://s.test/api/c/R1");
        check("/c/{id}.json?id={id}", "a b&c", "http://s.test/api/c/a%20b%26c.json?id=a%20b%26c");
        check("/c/{id}", "../../x?y#z", "http://s.test/api/c/..%2F..%2Fx%3Fy%23z");
        check("/c/{id}", "é%", "http://s.test/api/c/%C3%A9%25");
        for dots in [".", ".."] {
            path(&rule("/c/{id}"), dots).unwrap_err();
        }
    }
}
