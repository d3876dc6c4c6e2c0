//! The objects that an answer gave, on their way into the version store.
//!
//! The stored answer decides. It is stored with the objects, with the heads that they had when it came, and with a mark
//! that they are still to be tracked; then they are tracked, and the mark is taken back. Whoever finds the mark tracks
//! them from what is stored, once more where a crash came in between: what an earlier run got done is known by the
//! versions since those heads. Without the mark nothing is tracked, so a copy of the entry that comes much later brings
//! no old object back (`docs/adr/0025-objects-in-answers.md`).
//!
//! A collection that the hub does not have then (two deployments beside each other, or a crash and then another hub file) is
//! waited for, as an unknown route is. Where it does not come back, its objects stay in the delivery's record, and a fault
//! says so.

use std::time::Duration;

use super::{
    bounds::kept,
    dispatcher::{Dispatcher, UNKNOWN_ROUTE_PATIENCE},
};
use crate::{
    answer::Answer,
    hub::Collection,
    message::Envelope,
    object::{self, Given, News, Record, TrackError, Tracker},
    port::{Delivery, Home, Ledger, PortError, VersionStore},
    publish::publish,
};

/// Seldom enough that the receives do not look like crashes.
const COLLECTION_WAIT: Duration = Duration::from_secs(900);

impl<H: Home> Dispatcher<H> {
    /// Before the answer is stored: what is there of its objects already.
    pub(super) async fn look_at(&self, answer: &mut Answer) -> Result<(), PortError> {
        let tracker = Tracker::new(&*self.home, &self.hub, &self.router);
        for (collection, records) in self.given(answer) {
            answer.since.extend(tracker.since(collection, &records).await.map_err(port_error)?);
        }
        Ok(())
    }

    /// How long the entry is to wait for a collection that the hub does not have at the moment; `None`: not, or no longer.
    pub(super) fn waits_for_collection(&self, known: &Delivery) -> Option<Duration> {
        let mut objects = known.answer.iter().flat_map(|answer| &answer.objects);
        let is_gone = objects.any(|objects| self.hub.collection(&objects.key()).is_none());
        let since = self.home.clock().now().duration_since(known.updated_at);
        let is_young = Duration::try_from(since).unwrap_or_default() < UNKNOWN_ROUTE_PATIENCE;
        (known.untracked && is_gone && is_young).then_some(COLLECTION_WAIT)
    }

    /// After it is stored.
    pub(super) async fn track(&self, parent: &Envelope, known: &Delivery) -> Result<(), PortError> {
        let mut answer = known.answer.clone().unwrap_or_default();
        let given = Given { lineage: parent.answered(&known.key.route), since: std::mem::take(&mut answer.since) };
        let readable = self.given(&mut answer);
        for objects in &mut answer.objects {
            match self.hub.collection(&objects.key()) {
                Some(_) => objects.items = Vec::new(),
                None => answer.faults.push(format!(
                    "{}: the hub has no such collection any more; its objects ({}) are not stored, and stay in this record",
                    objects.key(),
                    objects.items.len()
                )),
            }
        }
        for (collection, records) in readable {
            if let Some(objects) = answer.objects.iter_mut().find(|objects| objects.key() == collection.key) {
                objects.ids = records.iter().map(|record| record.key.id.clone()).collect();
            }
            answer.faults.extend(self.track_in(collection, records, &given).await?);
        }
        self.home.store().tracked(&known.key, &kept(answer)).await
    }

    /// By collection. What was read once can be read again, unless the hub has changed meanwhile.
    fn given(&self, answer: &mut Answer) -> Vec<(&Collection, Vec<Record>)> {
        let mut readable = Vec::with_capacity(answer.objects.len());
        for objects in &answer.objects {
            let key = objects.key();
            let Some(collection) = self.hub.collection(&key) else { continue };
            let mut records = Vec::with_capacity(objects.items.len());
            for (place, item) in objects.items.iter().enumerate() {
                match object::read(collection, &format!("{}[{place}]", key.collection), item.clone()) {
                    Ok(record) => records.push(record),
                    Err(aside) => answer.faults.push(aside.to_string()),
                }
            }
            readable.push((collection, records));
        }
        readable
    }

    /// Answers with what could not be stored and never can be.
    async fn track_in(
        &self,
        collection: &Collection,
        records: Vec<Record>,
        given: &Given,
    ) -> Result<Vec<String>, PortError> {
        let news = News::unasked(&*self.home, collection).await?;
        let error = match self.track_some(collection, records.clone(), &news, given).await {
            Err(error) if !error.transient => error,
            tracked => return tracked,
        };
        if records.len() == 1 {
            return Ok(vec![format!("{}: {error}", records[0].key)]);
        }
        // One of them is to blame, and harms no other.
        let mut faults = Vec::new();
        for record in records {
            faults.extend(Box::pin(self.track_in(collection, vec![record], given)).await?);
        }
        Ok(faults)
    }

    async fn track_some(
        &self,
        collection: &Collection,
        records: Vec<Record>,
        news: &News,
        given: &Given,
    ) -> Result<Vec<String>, PortError> {
        let tracker = Tracker::new(&*self.home, &self.hub, &self.router).given(given.clone());
        let tracked = tracker.track(collection, records, news).await.map_err(port_error)?;
        if tracked.only_read {
            // What somebody else has stored just now must not be forgotten where the mark is.
            self.home.store().flush().await?;
        }
        if let Err(error) = publish(&*self.home, &self.router, &tracked.messages).await {
            tracing::warn!(error = %error, "messages of objects in an answer stay pending");
        }
        Ok(tracked.set_aside.iter().map(ToString::to_string).collect())
    }
}

fn port_error(error: TrackError) -> PortError {
    match error {
        TrackError::Port(error) => error,
        TrackError::Contended { .. } => PortError::transient(error.to_string()),
        TrackError::Route(_) => PortError::permanent(error.to_string()),
    }
}
