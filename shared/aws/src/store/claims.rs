//! [`Claims`] on DynamoDB: one conditional put, and no read before it.

use crossdock_core::port::{Claim, Claimed, Claims, PortError};
use crossdock_stack::table::TTL;

use super::{
    DynamoStore,
    failure::failure,
    item::{Item, Reader, number, text, time},
    keys,
    transact::WITH_OLD,
};

const MESSAGE: &str = "message";
/// To the microsecond; TTL counts in whole seconds, and deletes late.
const UNTIL: &str = "until";

impl Claims for DynamoStore {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, PortError> {
        let mut item = keys::claim(&claim.route, &claim.tuple).attributes();
        item.insert(MESSAGE.to_owned(), text(claim.message.to_string()));
        item.insert(UNTIL.to_owned(), time(claim.until));
        // Not before its end.
        item.insert(TTL.to_owned(), number(claim.until.as_second().saturating_add(1)));
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(pk) OR #until <= :now")
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":now", time(self.now()))
            .return_values_on_condition_check_failure(WITH_OLD);
        let Err(error) = put.send().await else {
            return Ok(Claimed::Ours);
        };
        match error.as_service_error() {
            Some(aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused)) => {
                held(claim, refused.item.as_ref())
            }
            _ => Err(failure("PutItem", &error)),
        }
    }
}

/// It may be the message's own: of an earlier try, or of this one, where only the answer to it was lost.
fn held(claim: &Claim, old: Option<&Item>) -> Result<Claimed, PortError> {
    let item = old.ok_or_else(|| PortError::transient("dynamodb did not say whose claim it refused to change"))?;
    let holder = Reader { what: "claim", item }.parsed(MESSAGE)?;
    Ok(if holder == claim.message { Claimed::Ours } else { Claimed::HeldBy(holder) })
}
