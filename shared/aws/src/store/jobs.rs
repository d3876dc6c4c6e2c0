//! [`Jobs`] on DynamoDB: lease and mark of a job in one item.

use crossdock_core::{
    Timestamp,
    port::{JobName, Jobs, LeaseError, LeaseOwner, Mark, PortError},
};

use super::{
    DynamoStore,
    collections::{OWNER, UNTIL},
    failure::failure,
    item::{Reader, text, time},
    keys,
};

const MARK: &str = "mark";

impl Jobs for DynamoStore {
    async fn begin(
        &self,
        job: JobName,
        owner: &LeaseOwner,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Mark>, PortError> {
        let Some(item) = self.take_lease(keys::job(job), owner, now, until).await? else { return Ok(None) };
        let mark = Reader { what: "mark of a job", item: &item }.optional_text(MARK)?;
        Ok(Some(Mark(mark.map(str::to_owned))))
    }

    async fn mark(&self, job: JobName, owner: &LeaseOwner, until: Timestamp, mark: &Mark) -> Result<(), LeaseError> {
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(keys::job(job).attributes()))
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_names("#mark", MARK)
            .expression_attribute_values(":owner", text(&owner.0))
            .expression_attribute_values(":until", time(until));
        let update = match &mark.0 {
            Some(mark) => update
                .update_expression("SET #until = :until, #mark = :mark")
                .expression_attribute_values(":mark", text(mark)),
            None => update.update_expression("SET #until = :until REMOVE #mark"),
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Err(LeaseError::Lost),
                _ => Err(failure("UpdateItem", &error).into()),
            },
        }
    }
}
