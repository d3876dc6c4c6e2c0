//! Objects that thin events have named, of a collection whose `fetch` has gone from the hub file: nobody is going to fetch
//! them. They are set aside, and told of once, in a notification and to whoever looks on; the source still has them, and a
//! poll or a backfill reads them.
//!
//! Said before it is done: a crash in between says it again, under the same id. Homes do it with the hourly sweep, the local
//! one at its start too.
//!
//! Deliberately absent: collections that have gone from the hub file whole. What is stored of those stays as it is.

use super::{health, way::Way};
use crate::{
    event::{EventName, HubEvent},
    hub::{Collection, Hub},
    id::{MessageId, MessageType, NotificationLevel, hex},
    message::MessageRecord,
    port::{Home, Outbox, PortError, PutError, VersionStore, Waiting, Wants},
    publish::publish,
    route::Router,
};

/// Objects that are told of at a time.
const BATCH: usize = 100;
/// Batches of one run: what is named anew meanwhile is left to the next.
const MOST_BATCHES: usize = 100;
/// Ids that are told.
const MOST_IDS: usize = 20;

/// How many objects were set aside.
///
/// # Errors
/// The store failed; the rest is set aside the next time.
pub async fn set_aside_unfetched<H: Home>(home: &H, hub: &Hub, router: &Router) -> Result<usize, PortError> {
    let mut count = 0;
    let all = hub.sources.values().flat_map(|source| &source.collections);
    for collection in all.filter(|collection| collection.fetch.is_none()) {
        for _ in 0..MOST_BATCHES {
            let waiting = home.store().waiting(&collection.key, BATCH).await?;
            if waiting.is_empty() {
                break;
            }
            tell(home, hub, router, collection, &waiting).await?;
            for one in &waiting {
                home.store().fetched(&one.wanted).await?;
            }
            count += waiting.len();
        }
    }
    Ok(count)
}

async fn tell<H: Home>(
    home: &H,
    hub: &Hub,
    router: &Router,
    collection: &Collection,
    waiting: &[Waiting],
) -> Result<(), PortError> {
    let key = &collection.key;
    let now = home.clock().now();
    let plural = if waiting.len() == 1 { "object that was" } else { "objects that were" };
    let subject = format!("{key}: {} {plural} to be fetched", waiting.len());
    let why = format!("the hub file has no `fetch` for this collection any more: {}", ids(waiting));
    let level = NotificationLevel::Error;
    // The same set told of again is the same message.
    let told: String = waiting.first().map(|one| hex(&one.wanted.mark.0)).unwrap_or_default();
    let told = format!("{told} {}", ids(waiting));
    let epoch = home.store().epoch().await?;
    let record_of = Way::Fetch.record_of(key);
    let id = MessageId::of_source_notification(epoch, &record_of, Some(&told), 0, &MessageType::notification(level));
    match router.record(health::about(hub, key, id, level, &subject, &why, now)) {
        Ok(record) => store(home, router, record).await?,
        Err(error) => tracing::error!(collection = %key, error = %error, "a notification could not be made"),
    }
    let mut event = HubEvent::new(now, EventName::RecordSetAside).counting(waiting.len() as u64);
    event.source = Some(key.source.to_string());
    event.collection = Some(key.collection.to_string());
    home.observer().observe(event.because(format!("{subject}: {why}")));
    Ok(())
}

async fn store<H: Home>(home: &H, router: &Router, record: MessageRecord) -> Result<(), PortError> {
    for answer in home.store().put(vec![record.clone()]).await {
        match answer {
            Ok(true) => {
                // What is not accepted now stays pending.
                if let Err(error) = publish(home, router, std::slice::from_ref(&record)).await {
                    tracing::warn!(error = %error, "a notification stays pending");
                }
            }
            Ok(false) => {}
            Err(PutError::Impossible(why)) => tracing::error!(why, "a notification cannot be stored"),
            Err(PutError::Port(error)) => return Err(error),
        }
    }
    Ok(())
}

fn ids(waiting: &[Waiting]) -> String {
    let ids = waiting.iter().take(MOST_IDS).map(|one| one.wanted.object.id.as_str());
    let more = waiting.len().saturating_sub(MOST_IDS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", ids.collect::<Vec<_>>().join(", "))
}
