//! [`Collections`] on DynamoDB: bookmark and lease of a collection in one item. A poll that finds nothing new costs two
//! writes of it, one that takes the lease and one that saves the state and lets go.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, ReturnValue, Update};
use crossdock_core::{
    Timestamp,
    id::CollectionKey,
    message::MessageRecord,
    port::{CollectionState, Collections, LeaseError, LeaseOwner, PortError, Read},
};

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, Reader, flag, number, text, time},
    keys::{self, Key},
    transact::{Part, Write, Written, built},
};

/// Who has the lease.
pub(super) const OWNER: &str = "owner";
pub(super) const UNTIL: &str = "lease_until";
const BOOKMARK: &str = "bookmark";
const STARTED_AT: &str = "started_at";
const BASELINE_DONE: &str = "baseline_done";
const BASELINE_OBJECTS: &str = "baseline_objects";
const FAILURES: &str = "failures";
const STREAK: &str = "streak";
const NOTIFIED: &str = "notified";

impl DynamoStore {
    /// The item with its new owner; `None` while another owner's lease runs.
    pub(super) async fn take_lease(
        &self,
        key: Key,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Item>, PortError> {
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(key.attributes()))
            .update_expression("SET #owner = :owner, #until = :until")
            .condition_expression("attribute_not_exists(#owner) OR #owner = :owner OR #until <= :now")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":owner", text(&owner.0))
            .expression_attribute_values(":until", time(until))
            .expression_attribute_values(":now", time(now))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(None),
                _ => Err(failure("UpdateItem", &error)),
            },
        }
    }
}

impl Collections for DynamoStore {
    async fn lease(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<CollectionState>, PortError> {
        let item = self.take_lease(keys::collection(key), owner, now, until).await?;
        Ok(item.map(|item| state(&item)).transpose()?)
    }

    async fn save(
        &self,
        key: &CollectionKey,
        owner: &LeaseOwner,
        until: Timestamp,
        state: &CollectionState,
        messages: Vec<MessageRecord>,
    ) -> Result<(), LeaseError> {
        let key = keys::collection(key).attributes();
        let saving = Saving::of(until, state);
        if messages.is_empty() {
            let update = self.client().update_item().table_name(self.table()).set_key(Some(key));
            let update = update
                .update_expression(saving.expression)
                .condition_expression(HELD)
                .set_expression_attribute_names(Some(saving.names))
                .set_expression_attribute_values(Some(saving.values))
                .expression_attribute_names("#owner", OWNER)
                .expression_attribute_values(":owner", text(&owner.0));
            return match update.send().await {
                Ok(_) => Ok(()),
                Err(error) => match error.as_service_error() {
                    Some(refused) if refused.is_conditional_check_failed_exception() => Err(LeaseError::Lost),
                    _ => Err(failure("UpdateItem", &error).into()),
                },
            };
        }
        let now = self.now();
        let check = ConditionCheck::builder().table_name(self.table()).set_key(Some(key.clone()));
        let check = check
            .condition_expression(HELD)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", text(&owner.0));
        let update = Update::builder().table_name(self.table()).set_key(Some(key));
        let update = update
            .update_expression(saving.expression)
            .condition_expression(HELD)
            .set_expression_attribute_names(Some(saving.names))
            .set_expression_attribute_values(Some(saving.values))
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", text(&owner.0));
        let write = Write {
            parts: vec![Part::update(built(update.build())?)],
            check: Some(Part::check(built(check.build())?)),
            messages: messages
                .into_iter()
                .map(|record| self.new_message(record, now, None))
                .collect::<Result<_, _>>()?,
        };
        match self.write(write).await? {
            Written::Done { .. } => Ok(()),
            Written::Refused(_) => Err(LeaseError::Lost),
        }
    }

    async fn state(&self, key: &CollectionKey) -> Result<Option<CollectionState>, PortError> {
        Ok(self.read_one(keys::collection(key)).await?.as_ref().map(state).transpose()?)
    }
}

/// Also after its time has run out, as long as nobody else has taken it.
const HELD: &str = "#owner = :owner";

/// An update that writes the whole state; what has no value is removed.
struct Saving {
    expression: String,
    names: std::collections::HashMap<String, String>,
    values: Item,
}

impl Saving {
    fn of(until: Timestamp, state: &CollectionState) -> Self {
        let set = |value: bool| value.then(|| flag(true));
        let count = |value: u64| (value > 0).then(|| number(value));
        let fields: [(&str, Option<AttributeValue>); 8] = [
            (UNTIL, Some(time(until))),
            (BOOKMARK, state.bookmark.as_ref().map(text)),
            (STARTED_AT, state.started_at.map(time)),
            (BASELINE_DONE, set(state.baseline_done)),
            (BASELINE_OBJECTS, count(state.baseline_objects)),
            (FAILURES, count(state.failures)),
            (STREAK, count(state.streak)),
            (NOTIFIED, set(state.notified)),
        ];
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        let mut saving = Self { expression: String::new(), names: Default::default(), values: Item::new() };
        for (name, value) in fields {
            saving.names.insert(format!("#{name}"), name.to_owned());
            match value {
                Some(value) => {
                    sets.push(format!("#{name} = :{name}"));
                    saving.values.insert(format!(":{name}"), value);
                }
                None => removes.push(format!("#{name}")),
            }
        }
        saving.expression = format!("SET {}", sets.join(", "));
        if !removes.is_empty() {
            saving.expression.push_str(&format!(" REMOVE {}", removes.join(", ")));
        }
        saving
    }
}

fn state(item: &Item) -> Read<CollectionState> {
    let reader = Reader { what: "state of a collection", item };
    Ok(CollectionState {
        bookmark: reader.optional_text(BOOKMARK)?.map(str::to_owned),
        started_at: reader.optional_time(STARTED_AT)?,
        baseline_done: reader.flag(BASELINE_DONE)?,
        baseline_objects: reader.optional_number(BASELINE_OBJECTS)?.unwrap_or(0),
        failures: reader.optional_number(FAILURES)?.unwrap_or(0),
        streak: reader.optional_number(STREAK)?.unwrap_or(0),
        notified: reader.flag(NOTIFIED)?,
    })
}
