//! [`Ledger`] on DynamoDB. A delivery of which nothing follows is one write; what follows is written with it.

use aws_sdk_dynamodb::{
    operation::{put_item::PutItemError, update_item::UpdateItemError},
    types::{ConditionCheck, Update},
};
use crossdock_core::{
    Timestamp,
    answer::Answer,
    id::{DeliveryKey, EndpointName, MessageId, ObjectKey},
    port::{Delivery, DeliveryState, Ledger, Opened, Paused, PortError, Read, Settled, Settlement, Unreadable},
};
use crossdock_stack::table::{BY, BY_SK, INDEX, TTL};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    DynamoStore,
    delivery::{
        ANSWER, STATE, Setting, UNTRACKED, control, delivery, delivery_item, delivery_of, packed_answer, resuming,
        setting,
    },
    failure::failure,
    item::{Item, bytes, has_expired, number, text},
    keys::{self, DELIVERIES, INDEX_SHARDS, Key, sortable},
    switches::hub_off,
    transact::{NewMessage, Part, WITH_OLD, Write, Written, built},
    versions::heads_among,
};

/// Who wrote an outcome: if only the answer to a write was lost and it is made again, it meets itself.
const WRITER: &str = "writer";

/// The round has not ended; an expired one never was.
const OPEN: &str = "attribute_not_exists(pk) OR #state IN (:waiting, :retrying) OR #ttl <= :now";

/// Nothing is recorded; what has expired never was.
const UNKNOWN: &str = "attribute_not_exists(pk) OR #ttl <= :now";

/// Parameters that one update takes: DynamoDB allows expressions of 4 KB.
const PARAMETERS: usize = 150;

impl Ledger for DynamoStore {
    async fn open(
        &self,
        endpoint: &EndpointName,
        deliveries: &[DeliveryKey],
        objects: &[ObjectKey],
    ) -> Result<Opened, PortError> {
        let of_endpoint = keys::control(endpoint);
        let keys = deliveries.iter().map(keys::delivery).chain(objects.iter().map(keys::head));
        let found = self.read(keys.chain([of_endpoint.clone(), keys::switches()])).await?;
        let now = self.now();
        let one = |key: &DeliveryKey| {
            let item = found.get(&keys::delivery(key)).filter(|item| !has_expired(item, now));
            item.map(|item| delivery(item, key.clone())).transpose()
        };
        Ok(Opened {
            deliveries: deliveries.iter().map(one).collect(),
            heads: heads_among(&found, objects),
            control: found.get(&of_endpoint).map(control).transpose().map(Option::unwrap_or_default),
            hub_off: found.get(&keys::switches()).map(hub_off).transpose()?.flatten(),
        })
    }

    async fn settle(&self, settlement: Settlement) -> Result<Settled, PortError> {
        let now = self.now();
        let Settlement { delivery, parameters, pause, messages, next } = settlement;
        if goes_on(&delivery) || next.is_some() {
            self.renew([delivery.key.message]).await?;
        }
        let writer = self.random().bytes();
        let mut item = delivery_item(&delivery)?;
        item.insert(WRITER.to_owned(), bytes(writer));
        if delivery.state.ended()
            && let Some(ttl) = self.terms().message(now)
        {
            item.insert(TTL.to_owned(), ttl);
        }
        if parameters.is_empty() && pause.is_none() && messages.is_empty() && next.is_none() {
            return self.record(item, writer, now).await;
        }

        let mut parts = vec![Part::put(built(
            self.put(item)
                .condition_expression(OPEN)
                .set_expression_attribute_names(Some(names()))
                .set_expression_attribute_values(Some(values(now)))
                .return_values_on_condition_check_failure(WITH_OLD)
                .build(),
        )?)];
        let check = Part::check(built(
            ConditionCheck::builder()
                .table_name(self.table())
                .set_key(Some(keys::delivery(&delivery.key).attributes()))
                .condition_expression(OPEN)
                .set_expression_attribute_names(Some(names()))
                .set_expression_attribute_values(Some(values(now)))
                .return_values_on_condition_check_failure(WITH_OLD)
                .build(),
        )?);
        // What does not fit into one update goes before, like messages that do not fit.
        let mut earlier: Vec<&[(String, serde_json::Value)]> = parameters.chunks(PARAMETERS).collect();
        let last = earlier.pop().unwrap_or_default();
        for parameters in earlier {
            let parts = vec![check.clone(), self.control_part(setting(&delivery.endpoint, parameters, None)?)?];
            if let Written::Refused(old) = self.write(Write { parts, check: None, messages: Vec::new() }).await? {
                return already_ended(old);
            }
        }
        if !last.is_empty() || pause.is_some() {
            parts.push(self.control_part(setting(&delivery.endpoint, last, pause.as_ref())?)?);
        }
        let messages: Vec<NewMessage> =
            messages.into_iter().map(|record| self.new_message(record, now, None)).collect::<Result<_, _>>()?;
        let check = Some(check);
        if let Some(next) = next {
            let key = keys::delivery(&next.timer.key);
            let parts = [parts.clone(), self.put_off(next, now).await?].concat();
            let write = Write { parts, check: check.clone(), messages: messages.clone() };
            match self.write(write).await? {
                Written::Done { new } => return Ok(Settled::Recorded { new }),
                Written::Refused(Some(old)) if Key::of(&old).as_ref() == Some(&key) => {}
                Written::Refused(old) => return already_ended(old),
            }
            // What was to come is known already and stays as it is: the outcome is recorded without it.
        }
        match self.write(Write { parts, check, messages }).await? {
            Written::Done { new } => Ok(Settled::Recorded { new }),
            Written::Refused(old) => already_ended(old),
        }
    }

    async fn tracked(&self, key: &DeliveryKey, answer: &Answer) -> Result<(), PortError> {
        let update = self
            .client()
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::delivery(key).attributes()))
            .update_expression("SET #answer = :answer REMOVE #untracked")
            .condition_expression("attribute_exists(#untracked)")
            .expression_attribute_names("#answer", ANSWER)
            .expression_attribute_names("#untracked", UNTRACKED)
            .expression_attribute_values(":answer", packed_answer(answer)?);
        let Err(error) = update.send().await else { return Ok(()) };
        // Somebody else has taken it back, or a first try did of which only the answer was lost.
        let gone = error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception);
        if gone { Ok(()) } else { Err(failure("UpdateItem", &error)) }
    }

    async fn deliveries_of(&self, message: MessageId) -> Result<Vec<Read<Delivery>>, PortError> {
        let now = self.now();
        let items = self.read_partition(&keys::message(message).pk, DELIVERIES).await?;
        Ok(items.iter().filter(|item| !has_expired(item, now)).map(delivery_of).collect())
    }

    async fn deliveries_in(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        if state == DeliveryState::Delivered {
            return Err(PortError::permanent("deliveries that were delivered are not listed"));
        }
        let (mut found, unreadable) = self.listed(endpoint, state, None, limit).await?;
        found.sort_by_key(|delivery| std::cmp::Reverse(delivery.updated_at));
        found.truncate(limit);
        Ok(found.into_iter().map(Ok).chain(unreadable.into_iter().map(Err)).collect())
    }

    async fn expect(&self, delivery: Delivery) -> Result<(), PortError> {
        let put = self.client().put_item().table_name(self.table()).set_item(Some(delivery_item(&delivery)?));
        let put = put
            .condition_expression(UNKNOWN)
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":now", number(self.now().as_second()));
        let Err(error) = put.send().await else { return Ok(()) };
        let known = error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception);
        if known { Ok(()) } else { Err(failure("PutItem", &error)) }
    }

    async fn silent(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        let (mut found, unreadable) = self.listed(endpoint, state, Some(since), limit).await?;
        found.sort_by_key(|delivery| delivery.updated_at);
        found.truncate(limit);
        Ok(found.into_iter().map(Ok).chain(unreadable.into_iter().map(Err)).collect())
    }

    async fn set_paused(&self, endpoint: &EndpointName, paused: Option<Paused>) -> Result<(), PortError> {
        let setting = match &paused {
            Some(paused) => setting(endpoint, &[], Some(paused))?,
            None => resuming(endpoint),
        };
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(setting.key))
            .update_expression(setting.expression)
            .set_expression_attribute_names(Some(setting.names))
            .set_expression_attribute_values((!setting.values.is_empty()).then_some(setting.values));
        update.send().await.map(|_| ()).map_err(|error| failure("UpdateItem", &error))
    }
}

impl DynamoStore {
    /// The outcome alone.
    async fn record(&self, item: Item, writer: [u8; 16], now: Timestamp) -> Result<Settled, PortError> {
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
        let put = put
            .condition_expression(OPEN)
            .set_expression_attribute_names(Some(names()))
            .set_expression_attribute_values(Some(values(now)))
            .return_values_on_condition_check_failure(WITH_OLD);
        let Err(error) = put.send().await else {
            return Ok(Settled::Recorded { new: Vec::new() });
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let old = refused.item.clone();
                let is_ours = old.as_ref().and_then(|old| old.get(WRITER)) == Some(&bytes(writer));
                if is_ours { Ok(Settled::Recorded { new: Vec::new() }) } else { already_ended(old) }
            }
            _ => Err(failure("PutItem", &error)),
        }
    }

    fn control_part(&self, setting: Setting) -> Result<Part, PortError> {
        let update = Update::builder().table_name(self.table()).set_key(Some(setting.key));
        let update = update
            .update_expression(setting.expression)
            .set_expression_attribute_names(Some(setting.names))
            .set_expression_attribute_values(Some(setting.values));
        Ok(Part::update(built(update.build())?))
    }

    /// From one end of each shard, in no order: the latest, or what has been silent since a time for longest.
    async fn listed(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        silent_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Vec<Unreadable>), PortError> {
        let shards: Vec<_> = (0..INDEX_SHARDS).map(|shard| keys::by_state(endpoint, state, shard)).collect();
        let reading: Vec<_> = shards.iter().map(|by| self.shard(by, endpoint, state, silent_since, limit)).collect();
        let found: Vec<Listed> = stream::iter(reading).buffered(INDEX_SHARDS.into()).try_collect().await?;
        let (found, unreadable): (Vec<_>, Vec<_>) =
            found.into_iter().map(|shard| (shard.deliveries, shard.unreadable)).unzip();
        Ok((found.into_iter().flatten().collect(), unreadable.into_iter().flatten().collect()))
    }

    /// Of one shard. The index may still name what has moved on: each is looked at in the table.
    async fn shard(
        &self,
        by: &str,
        endpoint: &EndpointName,
        state: DeliveryState,
        silent_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Listed, PortError> {
        let now = self.now();
        let is_silent = |delivery: &Delivery| silent_since.is_none_or(|since| delivery.updated_at < since);
        let (mut found, mut start) = (Listed::default(), None);
        while found.deliveries.len() < limit {
            let wanted = i32::try_from(limit - found.deliveries.len()).unwrap_or(i32::MAX);
            let query = self
                .client()
                .query()
                .table_name(self.table())
                .index_name(INDEX)
                .expression_attribute_names("#by", BY)
                .expression_attribute_values(":by", text(by))
                .scan_index_forward(silent_since.is_some())
                .limit(wanted)
                .set_exclusive_start_key(start);
            let query = match silent_since {
                None => query.key_condition_expression("#by = :by"),
                Some(since) => query
                    .key_condition_expression("#by = :by AND #by_sk < :since")
                    .expression_attribute_names("#by_sk", BY_SK)
                    .expression_attribute_values(":since", text(sortable(since))),
            };
            let page = query.send().await.map_err(|error| failure("Query", &error))?;
            let indexed: Vec<Key> = page.items.unwrap_or_default().iter().filter_map(Key::of).collect();
            let items = self.read(indexed.iter().cloned()).await?;
            for item in indexed.iter().filter_map(|key| items.get(key)).filter(|item| !has_expired(item, now)) {
                match delivery_of(item) {
                    Ok(delivery)
                        if delivery.state == state && delivery.endpoint == *endpoint && is_silent(&delivery) =>
                    {
                        found.deliveries.push(delivery);
                    }
                    Ok(_) => {}
                    Err(error) => found.unreadable.push(error),
                }
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// Of a shard of the index.
#[derive(Default)]
struct Listed {
    deliveries: Vec<Delivery>,
    unreadable: Vec<Unreadable>,
}

/// More may follow after this outcome, later than the message's term counts on: a dead letter may be sent again, and a
/// later round shows that one was.
fn goes_on(delivery: &Delivery) -> bool {
    delivery.state == DeliveryState::DeadLettered
        || (delivery.state.ended() && delivery.key.round > 1 && !delivery.next_round)
}

fn already_ended(old: Option<Item>) -> Result<Settled, PortError> {
    let old = old.ok_or_else(|| PortError::transient("dynamodb did not say which delivery it refused to change"))?;
    Ok(Settled::AlreadyEnded(Box::new(delivery_of(&old)?)))
}

fn names() -> std::collections::HashMap<String, String> {
    [("#state", STATE), ("#ttl", TTL)].map(|(place, name)| (place.to_owned(), name.to_owned())).into()
}

fn values(now: Timestamp) -> Item {
    [
        (":waiting".to_owned(), text(DeliveryState::Waiting.as_str())),
        (":retrying".to_owned(), text(DeliveryState::Retrying.as_str())),
        (":now".to_owned(), number(now.as_second())),
    ]
    .into()
}
