//! [`Wants`] on DynamoDB: an item per wanted object, and the index says which are due. An object that was fetched may
//! stand in the index for a moment longer: what is due is read from the table itself before it is believed.

use aws_sdk_dynamodb::types::ReturnValue;
use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ObjectKey},
    port::{PortError, PutError, RefusedBy, Waiting, WantMark, Wanted, Wants},
};
use crossdock_stack::table::{BY, BY_SK, INDEX};
use futures_util::{StreamExt, stream};

use super::{
    DynamoStore, WRITES,
    failure::{failure, put_error},
    item::{Item, Reader, bytes, number, text, time},
    keys::{self, Indexed, Key, sortable},
};

const ID: &str = "id";
const MARK: &str = "mark";
const FAILURES: &str = "failures";
const REFUSALS: &str = "refusals";
const SINCE: &str = "since";
const REASON: &str = "reason";
/// Items of a page of those that are looked at, due or not.
const LOOKED_AT: usize = 100;

impl Wants for DynamoStore {
    async fn want(&self, objects: Vec<ObjectKey>, mark: WantMark, now: Timestamp) -> Vec<Result<(), PutError>> {
        let putting: Vec<_> = objects.into_iter().map(|object| self.want_one(object, mark, now)).collect();
        stream::iter(putting).buffered(WRITES).map(|put| put.map_err(put_error)).collect().await
    }

    async fn wanted(&self, collection: &CollectionKey, now: Timestamp, limit: usize) -> Result<Vec<Wanted>, PortError> {
        let query = self.client().query().table_name(self.table()).index_name(INDEX);
        let query = query
            .key_condition_expression("#by = :by AND #due <= :now")
            .expression_attribute_names("#by", BY)
            .expression_attribute_names("#due", BY_SK)
            .expression_attribute_values(":by", text(keys::by_wanted(collection)))
            .expression_attribute_values(":now", time(now));
        // One that was wanted anew or put off may be due later than the index still says.
        let due = sortable(now);
        let is_due = |item: &Item| item.get(BY_SK).and_then(|at| at.as_s().ok()).is_some_and(|at| *at <= due);
        let (mut all, mut start) = (Vec::new(), None);
        // On behind those that are not due or cannot be read: they may be a whole page.
        while all.len() < limit {
            let most = i32::try_from(limit - all.len()).unwrap_or(i32::MAX);
            let page = query.clone().limit(most).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| failure("Query", &error))?;
            let keys: Vec<Key> = page.items.iter().flatten().filter_map(Key::of).collect();
            let found = self.read(keys.clone()).await?;
            for item in keys.iter().filter_map(|key| found.get(key)).filter(|item| is_due(item)) {
                match wanted(collection, item) {
                    Ok(wanted) => all.push(wanted),
                    // One bad item harms no other; whoever names its object again writes it anew.
                    Err(error) => {
                        tracing::error!(collection = %collection, error = %error, "a wanted object cannot be read");
                    }
                }
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn fetched(&self, wanted: &Wanted) -> Result<(), PortError> {
        let delete = self.client().delete_item().table_name(self.table());
        let delete = delete
            .set_key(Some(keys::wanted(&wanted.object).attributes()))
            .condition_expression("#mark = :mark")
            .expression_attribute_names("#mark", MARK)
            .expression_attribute_values(":mark", bytes(wanted.mark.0));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(failure("DeleteItem", &error)),
            },
        }
    }

    async fn postpone(&self, wanted: &Wanted, due: Timestamp, refused: RefusedBy, why: &str) -> Result<(), PortError> {
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(keys::wanted(&wanted.object).attributes()))
            .update_expression("SET #due = :due, #reason = :reason ADD #failures :one, #refusals :refusals")
            .condition_expression("#mark = :mark")
            .expression_attribute_names("#due", BY_SK)
            .expression_attribute_names("#reason", REASON)
            .expression_attribute_names("#failures", FAILURES)
            .expression_attribute_names("#refusals", REFUSALS)
            .expression_attribute_names("#mark", MARK)
            .expression_attribute_values(":due", time(due))
            .expression_attribute_values(":reason", text(why))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":refusals", number(u8::from(refused == RefusedBy::Object)))
            .expression_attribute_values(":mark", bytes(wanted.mark.0))
            .return_values(ReturnValue::None);
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(failure("UpdateItem", &error)),
            },
        }
    }

    async fn waiting(&self, collection: &CollectionKey, limit: usize) -> Result<Vec<Waiting>, PortError> {
        let query = self.client().query().table_name(self.table()).index_name(INDEX);
        let query = query
            .key_condition_expression("#by = :by")
            .expression_attribute_names("#by", BY)
            .expression_attribute_values(":by", text(keys::by_wanted(collection)));
        let (mut all, mut start) = (Vec::new(), None);
        while all.len() < limit {
            let most = i32::try_from((limit - all.len()).min(LOOKED_AT)).unwrap_or(i32::MAX);
            let page = query.clone().limit(most).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| failure("Query", &error))?;
            let keys: Vec<Key> = page.items.iter().flatten().filter_map(Key::of).collect();
            let found = self.read(keys.clone()).await?;
            for item in keys.iter().filter_map(|key| found.get(key)) {
                match waiting(collection, item) {
                    Ok(waiting) => all.push(waiting),
                    Err(error) => {
                        tracing::error!(collection = %collection, error = %error, "a wanted object cannot be read");
                    }
                }
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn wanting(&self, object: &ObjectKey) -> Result<Option<Waiting>, PortError> {
        let item = self.read([keys::wanted(object)]).await?;
        item.get(&keys::wanted(object)).map(|item| waiting(&object.collection, item)).transpose()
    }
}

impl DynamoStore {
    async fn want_one(&self, object: ObjectKey, mark: WantMark, now: Timestamp) -> Result<(), PortError> {
        let mut item = keys::wanted(&object).attributes();
        Indexed { by: keys::by_wanted(&object.collection), by_sk: sortable(now) }.put_into(&mut item);
        item.insert(ID.to_owned(), text(object.id));
        item.insert(MARK.to_owned(), bytes(mark.0));
        item.insert(SINCE.to_owned(), time(now));
        let put = self.client().put_item().table_name(self.table()).set_item(Some(item)).send().await;
        put.map(|_| ()).map_err(|error| failure("PutItem", &error))
    }
}

fn waiting(collection: &CollectionKey, item: &Item) -> Result<Waiting, PortError> {
    let reader = Reader { what: "wanted object", item };
    Ok(Waiting {
        wanted: wanted(collection, item)?,
        // One that was stored before it was kept has none.
        since: reader.optional_time(SINCE)?,
        due: reader.time(BY_SK)?,
        reason: reader.optional_text(REASON)?.map(str::to_owned),
    })
}

fn wanted(collection: &CollectionKey, item: &Item) -> Result<Wanted, PortError> {
    let reader = Reader { what: "wanted object", item };
    Ok(Wanted {
        object: ObjectKey { collection: collection.clone(), id: reader.text(ID)?.to_owned() },
        mark: WantMark(reader.bytes(MARK)?),
        failures: reader.optional_number(FAILURES)?.unwrap_or(0),
        // One that was stored before they were counted has none.
        refusals: reader.optional_number(REFUSALS)?.unwrap_or(0),
    })
}
