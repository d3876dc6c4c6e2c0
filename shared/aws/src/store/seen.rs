//! [`SeenEvents`] on DynamoDB: one read before an event is taken in, and one write after it.

use crossdock_core::{
    Timestamp,
    id::EventKey,
    port::{PortError, SeenEvents},
};
use crossdock_stack::table::TTL;
use futures_util::{StreamExt, stream};

use super::{DynamoStore, WRITES, failure::failure, item::time, keys};

/// For people who look into the table.
const AT: &str = "at";

impl SeenEvents for DynamoStore {
    async fn seen(&self, events: &[EventKey]) -> Result<Vec<bool>, PortError> {
        if let [event] = events {
            // Nearly always; a read of one item is a permission that ingest has already.
            return Ok(vec![self.read_one(keys::seen(event)).await?.is_some()]);
        }
        let found = self.read(events.iter().map(keys::seen)).await?;
        Ok(events.iter().map(|event| found.get(&keys::seen(event)).is_some()).collect())
    }

    async fn note(&self, events: &[EventKey], now: Timestamp) -> Result<(), PortError> {
        let noting: Vec<_> = events.iter().map(|event| self.note_one(event, now)).collect();
        stream::iter(noting).buffered(WRITES).collect::<Vec<_>>().await.into_iter().collect()
    }
}

impl DynamoStore {
    async fn note_one(&self, event: &EventKey, now: Timestamp) -> Result<(), PortError> {
        let mut item = keys::seen(event).attributes();
        item.insert(AT.to_owned(), time(now));
        item.extend(self.terms().message(now).map(|ttl| (TTL.to_owned(), ttl)));
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| failure("PutItem", &error))
    }
}
