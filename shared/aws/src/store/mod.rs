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
//! Deliberately absent: making or changing the table (the template does), any cache but those of the epoch and the key to
//! sign with, which never change, and any knowledge of routes or deliveries beyond what the ports say.

mod batch;
mod body;
mod claims;
mod collections;
mod delivery;
mod failure;
mod item;
mod jobs;
mod keys;
mod ledger;
mod lines;
mod message;
mod outbox;
mod pending;
mod seen;
mod signing;
mod sweep;
mod switches;
mod terms;
mod timers;
mod transact;
mod versions;
mod wants;

use std::{fmt, sync::Arc};

use aws_sdk_dynamodb::Client;
use crossdock_core::{
    Timestamp,
    hub::Retention,
    id::Epoch,
    port::{Clock, PortError, Random, SigningKey},
};
use tokio::sync::OnceCell;

use self::{
    failure::failure,
    item::{Reader, bytes},
    keys::Key,
    terms::Terms,
};

/// Writes under way at once.
const WRITES: usize = 16;

/// The table of one hub: [`VersionStore`](crossdock_core::port::VersionStore),
/// [`Collections`](crossdock_core::port::Collections), [`Jobs`](crossdock_core::port::Jobs),
/// [`Outbox`](crossdock_core::port::Outbox), [`Ledger`](crossdock_core::port::Ledger),
/// [`Claims`](crossdock_core::port::Claims), [`Lines`](crossdock_core::port::Lines), [`Signing`](crossdock_core::port::Signing),
/// [`Timers`](crossdock_core::port::Timers), [`SeenEvents`](crossdock_core::port::SeenEvents) and
/// [`Switches`](crossdock_core::port::Switches). Clones share it.
#[derive(Clone)]
pub struct DynamoStore(Arc<Inner>);

struct Inner {
    client: Client,
    table: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    terms: Terms,
    epoch: OnceCell<Epoch>,
    signing_key: OnceCell<SigningKey>,
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
        Self(Arc::new(Inner {
            client,
            table: table.into(),
            clock,
            random,
            terms,
            epoch: OnceCell::new(),
            signing_key: OnceCell::new(),
        }))
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

    async fn the_epoch(&self) -> Result<Epoch, PortError> {
        let making = self.0.epoch.get_or_try_init(|| async {
            self.made_once("epoch", keys::epoch(), self.random().bytes()).await.map(Epoch)
        });
        making.await.copied()
    }

    /// Bytes under this key: `fresh` for whoever asks first, of all processes, and the same for everybody after. `what`
    /// names them in errors, and their attribute.
    async fn made_once<const N: usize>(
        &self,
        what: &'static str,
        key: Key,
        fresh: [u8; N],
    ) -> Result<[u8; N], PortError> {
        let made = |item: &item::Item| Ok(Reader { what, item }.bytes(what)?);
        if let Some(item) = self.read_one(key.clone()).await? {
            return made(&item);
        }
        let mut item = key.attributes();
        item.insert(what.to_owned(), bytes(fresh));
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(fresh),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => {
                    let item = self.read_one(key).await?;
                    made(&item.ok_or_else(|| item::unreadable(what, "it is gone"))?)
                }
                _ => Err(failure("PutItem", &error)),
            },
        }
    }
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
