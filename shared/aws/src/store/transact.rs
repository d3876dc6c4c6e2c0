//! Writing several items or none of them, messages among them.
//!
//! A write consists of what it is about (a head, an outcome, a bookmark), each part with its condition, and of messages. A part
//! whose condition fails refuses the whole write. A message that is there already is left as it is, and the rest is written
//! without it. What other transactions are at, or what is throttled, is tried again.
//!
//! Each try of one transaction has the same token: if only the answer of an earlier one was lost, DynamoDB gives it again,
//! so nobody loses a race against himself. The token is random and not made of the content, because two callers who want the
//! very same thing are two, and one of them has to hear that it was there already.
//!
//! DynamoDB takes 100 items and 4 MB in a transaction. Where there are more messages, and their home allows it, earlier
//! transactions carry them, each with a check that the write would still be accepted, and what it is about goes last: a
//! crash in between leaves messages that are published in time, and a write that is made again.

use std::collections::HashSet;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure,
        TransactWriteItem, Update, builders::PutBuilder,
    },
};
use crossdock_core::{id::MessageId, port::PortError};

use super::{
    DynamoStore,
    failure::{cancelled, failure},
    item::Item,
};
use crate::pauses::Pauses;

/// Items in one transaction.
const ITEMS: usize = 100;
/// Bytes in one transaction: less than DynamoDB's 4 MB, because ours are counted roughly.
const BYTES: usize = 3_500_000;

/// An item to be written or looked at, and its size, roughly.
#[derive(Debug, Clone)]
pub(super) struct Part {
    write: TransactWriteItem,
    bytes: usize,
}

impl Part {
    pub(super) fn put(put: Put) -> Self {
        let bytes = size(&put.item);
        Self { write: TransactWriteItem::builder().put(put).build(), bytes }
    }

    pub(super) fn update(update: Update) -> Self {
        let bytes = size(&update.key) + update.expression_attribute_values.as_ref().map_or(0, size);
        Self { write: TransactWriteItem::builder().update(update).build(), bytes }
    }

    pub(super) fn check(check: ConditionCheck) -> Self {
        let bytes = size(&check.key) + check.expression_attribute_values.as_ref().map_or(0, size);
        Self { write: TransactWriteItem::builder().condition_check(check).build(), bytes }
    }
}

fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        // Base64 on the wire.
        AttributeValue::B(bytes) => bytes.as_ref().len() * 4 / 3 + 4,
        AttributeValue::L(list) => list.iter().map(|value| 3 + size_of_value(value)).sum(),
        AttributeValue::M(map) => size(map),
        _ => 8,
    }
}

/// A message's items; the first one has the condition that it is not there yet.
#[derive(Debug, Clone)]
pub(super) struct NewMessage {
    pub id: MessageId,
    pub parts: Vec<Part>,
}

/// What is written in one go.
#[derive(Debug)]
pub(super) struct Write {
    /// What it is about; where one of the conditions fails, nothing is written.
    pub parts: Vec<Part>,
    /// What stands for those conditions in earlier transactions; `None`: there must be none.
    pub check: Option<Part>,
    pub messages: Vec<NewMessage>,
}

#[derive(Debug)]
pub(super) enum Written {
    /// Of each message, in order, whether it was stored now.
    Done { new: Vec<bool> },
    /// A condition failed; what the item is, where the part asked for it.
    Refused(Option<Item>),
}

impl DynamoStore {
    pub(super) async fn write(&self, write: Write) -> Result<Written, PortError> {
        let count = write.messages.len();
        let mut seen = HashSet::new();
        let mut left: Vec<(usize, NewMessage)> =
            write.messages.into_iter().enumerate().filter(|(_, message)| seen.insert(message.id)).collect();
        let mut new = vec![false; count];
        loop {
            let taken = fitting(&write.parts, left.iter().map(|(_, message)| message.parts.as_slice()));
            if taken == left.len() {
                break;
            }
            let Some(check) = &write.check else {
                return Err(too_large());
            };
            let check = std::slice::from_ref(check);
            let taken = fitting(check, left.iter().map(|(_, message)| message.parts.as_slice()));
            if taken == 0 {
                return Err(too_large());
            }
            let earlier = left.drain(..taken).collect();
            if let Some(refused) = self.transact(check, earlier, &mut new).await? {
                return Ok(refused);
            }
        }
        match self.transact(&write.parts, left, &mut new).await? {
            Some(refused) => Ok(refused),
            None => Ok(Written::Done { new }),
        }
    }

    /// One transaction; `Some`: it was refused.
    async fn transact(
        &self,
        parts: &[Part],
        mut messages: Vec<(usize, NewMessage)>,
        new: &mut [bool],
    ) -> Result<Option<Written>, PortError> {
        let mut pauses = Pauses::new(self.random());
        let mut token = self.token();
        loop {
            let writes: Vec<TransactWriteItem> = parts
                .iter()
                .chain(messages.iter().flat_map(|(_, message)| &message.parts))
                .map(|part| part.write.clone())
                .collect();
            if writes.is_empty() {
                return Ok(None);
            }
            let sent = self.client().transact_write_items().client_request_token(&token);
            let Err(error) = sent.set_transact_items(Some(writes)).send().await else {
                for (place, _) in messages {
                    new[place] = true;
                }
                return Ok(None);
            };
            let reasons = match &error {
                SdkError::ServiceError(answer) => match answer.err() {
                    TransactWriteItemsError::TransactionCanceledException(canceled) => canceled.cancellation_reasons(),
                    _ => return Err(failure("TransactWriteItems", &error)),
                },
                _ => return Err(failure("TransactWriteItems", &error)),
            };
            if let Some(refusing) = reasons.iter().take(parts.len()).find(|reason| failed_condition(reason)) {
                return Ok(Some(Written::Refused(refusing.item.clone())));
            }
            let before = messages.len();
            let mut place = parts.len();
            messages.retain(|(_, message)| {
                let known = reasons.get(place).is_some_and(failed_condition);
                place += message.parts.len();
                !known
            });
            if messages.len() < before {
                // Another transaction than the one before.
                token = self.token();
                continue;
            }
            let codes = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None");
            let (error, passes) = cancelled(&codes.collect::<Vec<_>>());
            if !passes || !pauses.next().await {
                return Err(error);
            }
        }
    }

    /// At most 36 characters.
    fn token(&self) -> String {
        uuid::Builder::from_custom_bytes(self.random().bytes()).into_uuid().to_string()
    }

    pub(super) fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(self.table()).set_item(Some(item))
    }
}

fn failed_condition(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

/// How many of the messages fit beside the parts.
fn fitting<'a>(parts: &[Part], messages: impl Iterator<Item = &'a [Part]>) -> usize {
    let (mut items, mut bytes) = (parts.len(), parts.iter().map(|part| part.bytes).sum::<usize>());
    messages
        .take_while(|message| {
            items += message.len();
            bytes += message.iter().map(|part| part.bytes).sum::<usize>();
            items <= ITEMS && bytes <= BYTES
        })
        .count()
}

fn too_large() -> PortError {
    PortError::permanent("more than one transaction holds: 100 items and 4 MB")
}

/// Builders fail only where a field is missing.
pub(super) fn built<T>(built: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, PortError> {
    built.map_err(|error| PortError::permanent(error.to_string()))
}

/// The old item comes with a failed condition.
pub(super) const WITH_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;
