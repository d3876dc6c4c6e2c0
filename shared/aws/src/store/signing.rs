//! [`Signing`] on DynamoDB: the key beside the epoch, the generations in the endpoint's control record.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use crossdock_core::{
    id::EndpointName,
    port::{Generations, PortError, Read, Signing, SigningKey},
};

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, Reader, number, time},
    keys,
};

/// Attributes of a control record.
const NEWEST: &str = "secret_newest";
const PREVIOUS_UNTIL: &str = "secret_previous_until";

impl Signing for DynamoStore {
    async fn signing_key(&self) -> Result<SigningKey, PortError> {
        let making = self.0.signing_key.get_or_try_init(|| async {
            self.made_once("signing_key", keys::signing_key(), self.random().key()).await.map(SigningKey::new)
        });
        making.await.cloned()
    }

    async fn rotate(&self, endpoint: &EndpointName, from: Generations, to: Generations) -> Result<bool, PortError> {
        let is = |name: &str, value: Option<&str>| match value {
            Some(value) => format!("{name} = {value}"),
            None => format!("attribute_not_exists({name})"),
        };
        // One that was never rotated has no attributes.
        let newest = (from != Generations::default()).then_some(":from");
        let until = from.previous_until.map(|_| ":from_until");
        let change = match to.previous_until {
            Some(_) => "SET #newest = :to, #until = :to_until",
            None => "SET #newest = :to REMOVE #until",
        };
        let mut values = Item::from([(":to".to_owned(), number(to.newest))]);
        let mut give = |name: &str, value| values.insert(name.to_owned(), value);
        if newest.is_some() {
            give(":from", number(from.newest));
        }
        if let Some(until) = from.previous_until {
            give(":from_until", time(until));
        }
        if let Some(until) = to.previous_until {
            give(":to_until", time(until));
        }
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(keys::control(endpoint).attributes()))
            .condition_expression(format!("{} AND {}", is("#newest", newest), is("#until", until)))
            .update_expression(change)
            .expression_attribute_names("#newest", NEWEST)
            .expression_attribute_names("#until", PREVIOUS_UNTIL)
            .set_expression_attribute_values(Some(values));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failure("UpdateItem", &error)),
            },
        }
    }
}

/// Of a control record.
pub(super) fn generations(reader: Reader<'_>) -> Read<Generations> {
    let usual = Generations::default();
    Ok(Generations {
        newest: reader.optional_number(NEWEST)?.unwrap_or(usual.newest),
        previous_until: reader.optional_time(PREVIOUS_UNTIL)?,
    })
}
