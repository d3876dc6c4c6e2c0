//! Reading and deleting many items. DynamoDB may leave keys of a batch unprocessed (a throttled partition, an answer of 16 MB):
//! those are asked for again, with growing pauses, until each has its answer or the tries are used up.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, DeleteRequest, KeysAndAttributes, WriteRequest},
};
use crossdock_core::port::PortError;
use crossdock_stack::table::{PK, SK};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, text},
    keys::Key,
};
use crate::pauses::Pauses;

/// Keys that one BatchGetItem takes.
const READ: usize = 100;
/// Keys that one BatchWriteItem takes.
const WRITTEN: usize = 25;
/// Batches under way at once.
const BATCHES: usize = 8;

/// Items by their keys.
#[derive(Debug, Default)]
pub(super) struct Found(HashMap<Key, Item>);

impl Found {
    pub(super) fn get(&self, key: &Key) -> Option<&Item> {
        self.0.get(key)
    }
}

impl DynamoStore {
    /// The items of those keys that are there, expired ones too. Strongly consistent: what was written before is seen.
    pub(super) async fn read(&self, keys: impl IntoIterator<Item = Key>) -> Result<Found, PortError> {
        // A key may stand in a request only once.
        let keys: Vec<Key> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let batches: Vec<_> = keys.chunks(READ).map(|keys| self.read_batch(keys.to_vec())).collect();
        let found: Vec<Vec<Item>> = stream::iter(batches).buffered(BATCHES).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    pub(super) async fn read_one(&self, key: Key) -> Result<Option<Item>, PortError> {
        let answer = self.client().get_item().table_name(self.table()).set_key(Some(key.attributes()));
        let answer = answer.consistent_read(true).send().await.map_err(|error| failure("GetItem", &error))?;
        Ok(answer.item)
    }

    async fn read_batch(&self, keys: Vec<Key>) -> Result<Vec<Item>, PortError> {
        let mut asked: Vec<Item> = keys.iter().map(Key::attributes).collect();
        let mut found = Vec::with_capacity(asked.len());
        let mut pauses = Pauses::new(self.random());
        loop {
            let before = asked.len();
            let wanted = KeysAndAttributes::builder().set_keys(Some(asked)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| PortError::permanent(error.to_string()))?;
            let answer = self.client().batch_get_item().request_items(self.table(), wanted).send().await;
            let answer = answer.map_err(|error| failure("BatchGetItem", &error))?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            asked = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
            if asked.is_empty() {
                return Ok(found);
            }
            if !pauses.next_for_rest(before, asked.len()).await {
                let left = asked.len();
                return Err(PortError::transient(format!("dynamodb:BatchGetItem left {left} keys unprocessed")));
            }
        }
    }

    /// Deletes what is there of those items. Each key is seen to whatever becomes of the others; the first failure is told.
    pub(super) async fn delete(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), PortError> {
        let keys: Vec<Key> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let batches: Vec<_> = keys.chunks(WRITTEN).map(|keys| self.delete_batch(keys.to_vec())).collect();
        let answers: Vec<Result<(), PortError>> = stream::iter(batches).buffered(BATCHES).collect().await;
        answers.into_iter().collect()
    }

    async fn delete_batch(&self, keys: Vec<Key>) -> Result<(), PortError> {
        let mut asked = Vec::with_capacity(keys.len());
        for key in keys {
            let delete = DeleteRequest::builder().set_key(Some(key.attributes())).build();
            let delete = delete.map_err(|error| PortError::permanent(error.to_string()))?;
            asked.push(WriteRequest::builder().delete_request(delete).build());
        }
        let mut pauses = Pauses::new(self.random());
        loop {
            let before = asked.len();
            let answer = self.client().batch_write_item().request_items(self.table(), asked).send().await;
            let answer = answer.map_err(|error| failure("BatchWriteItem", &error))?;
            asked = answer.unprocessed_items.into_iter().flatten().flat_map(|(_, left)| left).collect();
            if asked.is_empty() {
                return Ok(());
            }
            if !pauses.next_for_rest(before, asked.len()).await {
                let left = asked.len();
                return Err(PortError::transient(format!("dynamodb:BatchWriteItem left {left} items unprocessed")));
            }
        }
    }

    /// One partition, in the order of its sort keys, from those that begin with `prefix`; strongly consistent.
    pub(super) async fn read_partition(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, PortError> {
        let query = self.client().query().consistent_read(true);
        let query = match prefix {
            "" => query.key_condition_expression("#pk = :pk"),
            prefix => query
                .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
                .expression_attribute_names("#sk", SK)
                .expression_attribute_values(":prefix", text(prefix)),
        };
        self.all(query.expression_attribute_names("#pk", PK).expression_attribute_values(":pk", text(pk))).await
    }

    /// Every item of a query, page by page.
    pub(super) async fn all(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::new();
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let page = query.clone().table_name(self.table()).set_exclusive_start_key(start.take()).send().await;
            let page = page.map_err(|error| failure("Query", &error))?;
            items.extend(page.items.into_iter().flatten());
            match page.last_evaluated_key.filter(|key| !key.is_empty()) {
                Some(key) => start = Some(key),
                None => return Ok(items),
            }
        }
    }
}

impl FromIterator<Item> for Found {
    /// Of items with their keys.
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        Self(items.into_iter().filter_map(|item| Some((Key::of(&item)?, item))).collect())
    }
}
