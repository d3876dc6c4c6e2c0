//! The store of the AWS home: versions, collections, messages and deliveries in one DynamoDB table
//! (`docs/adr/0018-table.md`; where each item stands: [`keys`]).
//!
//! What is guaranteed: a call that answered `Ok` is durable and is seen by every later call, because everything but the
//! index is read strongly consistently. What belongs together is written in one transaction ([`transact`]). What is
//! over expires after the terms of the hub ([`terms`]), and counts as absent from that moment on, however late DynamoDB deletes it.
//!
//! Through the index (objects by id, deliveries by state, messages by hour) things show a little later than they are written;
//! it serves those who look, and nothing that is decided rests on it.
//!
//! Times are kept to the microsecond.
//!
//! Deliberately absent: making or changing the table (the template does), any cache but the epoch's, and any knowledge of
//! routes or deliveries beyond what the ports say.

mod batch;
mod body;
mod collections;
mod delivery;
mod failure;
mod item;
mod keys;
mod ledger;
mod message;
mod outbox;
mod pauses;
mod sweep;
mod terms;
mod transact;
mod versions;
mod wants;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;
use crossdock_core::{
    Timestamp,
    hub::Retention,
    id::Epoch,
    port::{Clock, PortError, Random},
};
use tokio::sync::OnceCell;

use self::{
    failure::failure,
    item::{Reader, bytes},
    terms::Terms,
};

/// Writes under way at once.
const WRITES: usize = 16;

/// The table of one hub: [`VersionStore`](crossdock_core::port::VersionStore),
/// [`Collections`](crossdock_core::port::Collections), [`Outbox`](crossdock_core::port::Outbox) and
/// [`Ledger`](crossdock_core::port::Ledger). Clones share it.
#[derive(Clone)]
pub struct DynamoStore(Arc<Inner>);

struct Inner {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    terms: Terms,
    epoch: OnceCell<Epoch>,
}

impl DynamoStore {
    /// Asks for nothing yet; a table that is not there fails the first call.
    pub fn new(
        client: Client,
        table: impl Into<String>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        retention: Retention,
    ) -> Self {
        let terms = Terms::of(&retention);
        Self(Arc::new(Inner { client, table: table.into(), clock, random, terms, epoch: OnceCell::new() }))
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    fn table(&self) -> &str {
        &self.0.table
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    fn terms(&self) -> &Terms {
        &self.0.terms
    }

    /// Made by whoever asks first, of all processes.
    async fn the_epoch(&self) -> Result<Epoch, PortError> {
        let epoch = self.0.epoch.get_or_try_init(|| async {
            let key = keys::epoch();
            if let Some(item) = self.read_one(key.clone()).await? {
                return epoch_of(&item);
            }
            let epoch = Epoch(self.random().bytes());
            let mut item = key.attributes();
            item.insert(EPOCH.to_owned(), bytes(epoch.0));
            let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
            match put.condition_expression("attribute_not_exists(pk)").send().await {
                Ok(_) => Ok(epoch),
                Err(error) => match error.as_service_error() {
                    Some(refused) if refused.is_conditional_check_failed_exception() => {
                        let item = self.read_one(key).await?;
                        epoch_of(&item.ok_or_else(|| item::unreadable("epoch", "it is gone"))?)
                    }
                    _ => Err(failure("PutItem", &error)),
                },
            }
        });
        epoch.await.copied()
    }
}

const EPOCH: &str = "epoch";

fn epoch_of(item: &item::Item) -> Result<Epoch, PortError> {
    Reader { what: "epoch", item }.bytes(EPOCH).map(Epoch)
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore").field("table", &self.0.table).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
