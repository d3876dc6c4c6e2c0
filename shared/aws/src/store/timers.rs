//! [`Timers`] on DynamoDB: a bucket for each minute, spread over shards, so that neither what is due at once nor what is put
//! off at once meets in one partition.
//!
//! Which minutes have timers is kept in a partition of its own, for looking must cost little where nothing waits: that
//! is one query. A minute is noted before its first timer is stored, and struck off once it has long been over and its
//! bucket is empty; so a noted minute may be empty, and a timer never lies in one that is not noted.
//!
//! A timer is taken by a conditional write, and only whoever made that write has it.

use std::time::Duration;

use crossdock_core::{
    Timestamp,
    port::{Next, PortError, Timer, Timers},
};
use crossdock_stack::table::{PK, SK, TTL};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    DynamoStore, WRITES,
    delivery::delivery_item,
    failure::failure,
    item::{Item, Reader, number, text, time, unreadable},
    keys::{self, Key, MINUTES, TIMER_SHARDS},
    transact::{Part, WITH_OLD, built},
};

const DUE: &str = "due";
const ENDPOINT: &str = "endpoint";
const BODY: &str = "body";
/// Left out where nobody holds it.
const HELD_UNTIL: &str = "held_until";

const FREE: &str = "attribute_not_exists(#held) OR #held <= :now";

/// How long a minute must be over before it is struck off: longer than anybody takes from noting it to storing a timer.
const STRUCK_OFF_AFTER: Duration = Duration::from_secs(20 * 60);

impl Timers for DynamoStore {
    async fn take(
        &self,
        before: Timestamp,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Timer>, PortError> {
        let mut taken = Vec::new();
        let old = keys::minute_of(now.checked_sub(STRUCK_OFF_AFTER).unwrap_or(Timestamp::MIN));
        for minute in self.minutes(before).await? {
            let mut is_empty = true;
            for shard in 0..TIMER_SHARDS {
                if taken.len() >= limit {
                    return Ok(taken);
                }
                let bucket = keys::timers(&minute, shard);
                let found = self.due(&bucket, before, now, limit - taken.len()).await?;
                is_empty &= found.is_empty;
                taken.extend(self.hold_each(found.timers, now, until).await?);
            }
            if is_empty && minute < old {
                self.delete([Key { pk: MINUTES.to_owned(), sk: minute }]).await?;
            }
        }
        Ok(taken)
    }

    async fn remove(&self, timers: &[Timer]) -> Result<(), PortError> {
        self.delete(timers.iter().map(|timer| keys::timer(&timer.key, timer.due))).await
    }
}

/// What was found in a bucket.
#[derive(Default)]
struct Found {
    timers: Vec<Timer>,
    /// Nothing at all is in it.
    is_empty: bool,
}

impl DynamoStore {
    /// Notes the minute, and answers with what is to be written: the waiting delivery first, whose condition it is that the
    /// ledger does not know it.
    pub(super) async fn put_off(&self, next: Next, now: Timestamp) -> Result<Vec<Part>, PortError> {
        let Next { timer, message } = next;
        let minute = keys::minute(timer.due).attributes();
        let noting = self.client().put_item().table_name(self.table()).set_item(Some(minute)).send().await;
        noting.map_err(|error| failure("PutItem", &error))?;

        let unknown = self.put(delivery_item(&timer.waiting(now))?);
        let unknown = unknown
            .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_values(":now", number(now.as_second()))
            .return_values_on_condition_check_failure(WITH_OLD);
        let mut parts =
            vec![Part::put(built(unknown.build())?), Part::put(built(self.put(timer_item(&timer)).build())?)];
        if let Some(message) = message {
            parts.extend(self.new_message_unmarked(message, now, None)?.parts);
        }
        Ok(parts)
    }

    /// Those in which something is due before that time, the oldest first.
    async fn minutes(&self, before: Timestamp) -> Result<Vec<String>, PortError> {
        let query = self
            .client()
            .query()
            .consistent_read(true)
            .key_condition_expression("#pk = :pk AND #sk <= :last")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_values(":pk", text(MINUTES))
            .expression_attribute_values(":last", text(keys::minute_of(before)));
        let items = self.all(query).await?;
        let minute = |item| Key::of(item).map(|key| key.sk).ok_or_else(|| unreadable("minute", "its key"));
        Ok(items.iter().map(minute).collect::<Result<_, _>>()?)
    }

    async fn due(&self, bucket: &str, before: Timestamp, now: Timestamp, limit: usize) -> Result<Found, PortError> {
        let query = self
            .client()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .filter_expression(format!("#due < :before AND ({FREE})"))
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#due", DUE)
            .expression_attribute_names("#held", HELD_UNTIL)
            .expression_attribute_values(":pk", text(bucket))
            .expression_attribute_values(":before", time(before))
            .expression_attribute_values(":now", time(now))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let mut found = Found { timers: Vec::new(), is_empty: true };
        let mut start = None;
        while found.timers.len() < limit {
            let page = query.clone().set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| failure("Query", &error))?;
            found.is_empty &= page.scanned_count == 0;
            for item in page.items.unwrap_or_default() {
                match timer(&item) {
                    Ok(timer) => found.timers.push(timer),
                    // It stays where it is, and its minute with it; the others go on.
                    Err(error) => tracing::error!(bucket, error = %error, "a timer cannot be read"),
                }
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        found.timers.truncate(limit);
        Ok(found)
    }

    /// Those that nobody else was faster to take.
    async fn hold_each(&self, timers: Vec<Timer>, now: Timestamp, until: Timestamp) -> Result<Vec<Timer>, PortError> {
        let holding: Vec<_> = timers.into_iter().map(|timer| self.hold(timer, now, until)).collect();
        let held: Vec<Option<Timer>> = stream::iter(holding).buffered(WRITES).try_collect().await?;
        Ok(held.into_iter().flatten().collect())
    }

    async fn hold(&self, timer: Timer, now: Timestamp, until: Timestamp) -> Result<Option<Timer>, PortError> {
        let key = keys::timer(&timer.key, timer.due);
        let update = self.client().update_item().table_name(self.table()).set_key(Some(key.attributes()));
        let update = update
            .update_expression("SET #held = :until")
            .condition_expression(format!("attribute_exists(pk) AND ({FREE})"))
            .expression_attribute_names("#held", HELD_UNTIL)
            .expression_attribute_values(":until", time(until))
            .expression_attribute_values(":now", time(now));
        match update.send().await {
            Ok(_) => Ok(Some(Timer { held_until: Some(until), ..timer })),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(None),
                _ => Err(failure("UpdateItem", &error)),
            },
        }
    }
}

fn timer_item(timer: &Timer) -> Item {
    let mut item = keys::timer(&timer.key, timer.due).attributes();
    item.insert(DUE.to_owned(), time(timer.due));
    item.insert(ENDPOINT.to_owned(), text(timer.endpoint.as_str()));
    item.insert(BODY.to_owned(), text(&timer.body));
    if let Some(until) = timer.held_until {
        item.insert(HELD_UNTIL.to_owned(), time(until));
    }
    item
}

fn timer(item: &Item) -> Result<Timer, PortError> {
    let reader = Reader { what: "timer", item };
    let key = Key::of(item).and_then(|key| keys::timed(&key));
    Ok(Timer {
        key: key.ok_or_else(|| unreadable(reader.what, "its key"))?,
        endpoint: reader.parsed(ENDPOINT)?,
        due: reader.time(DUE)?,
        body: reader.text(BODY)?.to_owned(),
        held_until: None,
    })
}
