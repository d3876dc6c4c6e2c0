//! How long things are kept (contract §5, retention; ADR 0018).
//!
//! An item says when it may be forgotten once it is written and is not touched again for that: a delivery costs one write.
//! So a term begins when its item is written and is long enough for all that may still come. An entry of a queue lives 14
//! days at most; whatever of a message's deliveries has no outcome then, the sweep sends once more or ends. Hence a
//! message is kept [`WAITS`] longer than the hub asks for, and so is each of its deliveries from its outcome on, which is
//! later: a delivery is never gone before its message. What goes on beyond that (a dead letter that is sent again, a message that
//! the bus does not take) gives the message a new term ([`DynamoStore::renew`]).
//!
//! What has no term: heads, pending marks, timers, bookmarks, control records, lines, switches, the newest version, a delivery that has not ended.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{Timestamp, hub::Retention, id::MessageId, port::PortError};
use crossdock_stack::table::TTL;
use futures_util::{StreamExt, stream};

use super::{
    DynamoStore, WRITES,
    body::PARTS,
    failure::failure,
    item::{Item, Reader, number},
    keys::{self, Key},
    message::mention_of,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Two lives of a queue's entry (14 days each), and the sweep between them.
const WAITS: Duration = DAY.saturating_mul(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Of a message from its storing, of a delivery from its end; `None`: for ever.
    deliveries: Option<Duration>,
    /// Of a version from its replacement; `None`: for ever.
    versions: Option<Duration>,
}

impl Terms {
    pub(super) fn of(retention: &Retention) -> Self {
        let deliveries = retention.deliveries.map(|term| term.saturating_add(WAITS));
        // The messages about a version are found through it, so it stays as long as they do.
        let versions = retention.versions.and_then(|term| Some(term.max(deliveries?)));
        Self { deliveries, versions }
    }

    /// When a message stored now, or a delivery that ends now, may be forgotten.
    pub(super) fn message(&self, now: Timestamp) -> Option<AttributeValue> {
        self.deliveries.and_then(|term| after(now, term))
    }

    /// When a version that is replaced now may be forgotten.
    pub(super) fn version(&self, now: Timestamp) -> Option<AttributeValue> {
        self.versions.and_then(|term| after(now, term))
    }

    /// A message may do without a body that a version has: that one never goes.
    pub(super) fn keep_versions(&self) -> bool {
        self.versions.is_none()
    }

    /// Messages stored before that time have had their term, but for those whose term was renewed.
    pub(super) fn oldest(&self, now: Timestamp) -> Option<Timestamp> {
        now.checked_sub(self.deliveries?).ok()
    }
}

/// A time that no clock reaches is no term.
fn after(now: Timestamp, term: Duration) -> Option<AttributeValue> {
    now.checked_add(term).ok().map(|time| number(time.as_second()))
}

impl DynamoStore {
    /// Begins the terms of messages anew. What is not there stays away. One whose record is not what it should be keeps its
    /// term and is told of: it holds up no other, nor what its term is renewed for.
    ///
    /// # Errors
    /// DynamoDB failed in a way that may pass.
    pub(super) async fn renew(&self, ids: impl IntoIterator<Item = MessageId>) -> Result<(), PortError> {
        let Some(ttl) = self.terms().message(self.now()) else {
            return Ok(());
        };
        let renewing = ids.into_iter().map(|id| {
            let ttl = ttl.clone();
            async move {
                match self.renew_one(id, ttl).await {
                    Err(error) if !error.transient => {
                        tracing::error!(message.id = %id, error = %error, "a message keeps the term that it has");
                        Ok(())
                    }
                    renewed => renewed,
                }
            }
        });
        let renewing: Vec<_> = renewing.collect();
        stream::iter(renewing).buffered(WRITES).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Begins the term of a version that has been replaced.
    pub(super) async fn replaced(&self, version: Key) -> Result<(), PortError> {
        match self.terms().version(self.now()) {
            Some(ttl) => self.set_term(version, ttl, THERE).await.map(drop),
            None => Ok(()),
        }
    }

    /// Of a message, and of its mention: whoever looks for it by its object finds it as long as it is there.
    async fn renew_one(&self, id: MessageId, ttl: AttributeValue) -> Result<(), PortError> {
        let renewed = self.set_term(keys::message(id), ttl.clone(), LATER).await?;
        if let Some(mention) = renewed.map(|item| mention_of(&item, id)).transpose()?.flatten() {
            self.set_ttl(&mention, &ttl, LATER).await?;
        }
        Ok(())
    }

    /// Of an item and its further parts; the item, where the condition holds.
    async fn set_term(&self, key: Key, ttl: AttributeValue, condition: &str) -> Result<Option<Item>, PortError> {
        let Some(item) = self.set_ttl(&key, &ttl, condition).await? else {
            return Ok(None);
        };
        let parts = Reader { what: "body", item: &item }.optional_number(PARTS)?.unwrap_or(0);
        for part in 1..=parts {
            self.set_ttl(&key.part(part), &ttl, condition).await?;
        }
        Ok(Some(item))
    }

    /// The item; `None` where the condition does not hold.
    async fn set_ttl(&self, key: &Key, ttl: &AttributeValue, condition: &str) -> Result<Option<Item>, PortError> {
        let update = self.client().update_item().table_name(self.table()).set_key(Some(key.attributes()));
        let update = update
            .update_expression("SET #ttl = :ttl")
            .condition_expression(condition)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":ttl", ttl.clone())
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        match update.send().await {
            Ok(answer) => Ok(answer.attributes),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(None),
                _ => Err(failure("UpdateItem", &error)),
            },
        }
    }
}

const THERE: &str = "attribute_exists(pk)";
/// Of two who renew, the later one is right.
const LATER: &str = "attribute_exists(pk) AND #ttl < :ttl";
