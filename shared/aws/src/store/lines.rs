//! [`Lines`] on DynamoDB: one read, one conditional put.

use crossdock_core::{
    id::{EndpointName, ObjectKey},
    port::{Line, Lines, PortError},
};

use super::{
    DynamoStore,
    failure::failure,
    item::{Reader, from_json, number, text, to_json},
    keys,
};

const REVISION: &str = "revision";
const LINE: &str = "line";

impl Lines for DynamoStore {
    async fn line(&self, endpoint: &EndpointName, object: &ObjectKey) -> Result<Option<Line>, PortError> {
        let Some(item) = self.read_one(keys::line(endpoint, object)).await? else { return Ok(None) };
        Ok(Some(from_json(LINE, Reader { what: LINE, item: &item }.text(LINE)?)?))
    }

    async fn set_line(&self, endpoint: &EndpointName, object: &ObjectKey, line: &Line) -> Result<bool, PortError> {
        let mut item = keys::line(endpoint, object).attributes();
        item.insert(REVISION.to_owned(), number(line.revision));
        item.insert(LINE.to_owned(), text(to_json(LINE, line)?));
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item));
        let put = match line.revision {
            1 => put.condition_expression("attribute_not_exists(pk)"),
            revision => put
                .condition_expression("#revision = :before")
                .expression_attribute_names("#revision", REVISION)
                .expression_attribute_values(":before", number(revision - 1)),
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // Maybe by a line of this call's own, of which the answer was lost: whoever looks again finds it.
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(false),
                _ => Err(failure("PutItem", &error)),
            },
        }
    }
}
