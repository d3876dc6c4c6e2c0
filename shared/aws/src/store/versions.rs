//! [`VersionStore`] on DynamoDB. A head is a small item of its own, so that comparing a page costs one read unit per object,
//! however large the objects are.
//!
//! A version is never overwritten. Programs from before late versions (ADR 0034) know nothing of the head's highest number:
//! where they run beside this one, or a stack was rolled back to them, the next number can be one that is taken. Whoever meets that
//! writes into the head that it is, and decides again from there.

use std::{collections::HashMap, ops::Range};

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{
    Timestamp,
    id::{CollectionKey, ContentHash, Epoch, MessageId, ObjectKey},
    port::{CommitError, PortError, Read, VersionStore},
    version::{Head, ObjectCommit, Order, Raise, Version, VersionRef},
};
use crossdock_stack::table::{BY, INDEX, PK, SK};
use futures_util::{StreamExt, stream};

use super::{
    DynamoStore, WRITES,
    batch::Found,
    body::{body, further_parts, put_body},
    failure::failure,
    item::{Item, Reader, bytes, flag, from_json, has_expired, number, text, time, to_json, unreadable},
    keys::{self, Key, VERSIONS},
    transact::{Part, WITH_OLD, Write, Written, built},
};

const NUMBER: &str = "version";
/// Of a head: the highest number, where that is another.
const LAST: &str = "last";
/// Of a version, its own; of a head, the newest that is known.
const ORDER: &str = "order";
const LATE: &str = "late";
const HASH: &str = "hash";
const BASELINE: &str = "baseline";
const DELETED: &str = "deleted";
/// Of a head: `<source>/<collection>/<id>`, because its key may hold a hash in place of the id.
const OBJECT: &str = "object";
const TYPE: &str = "type";
const PARENT: &str = "parent";
const STORED_AT: &str = "at";
/// The messages that were stored with the version.
const MESSAGES: &str = "messages";

impl VersionStore for DynamoStore {
    async fn epoch(&self) -> Result<Epoch, PortError> {
        self.the_epoch().await
    }

    async fn heads(&self, keys: &[ObjectKey]) -> Result<Vec<Read<Option<Head>>>, PortError> {
        let found = self.read(keys.iter().map(keys::head)).await?;
        Ok(heads_among(&found, keys))
    }

    async fn commit(&self, commits: Vec<ObjectCommit>) -> Vec<Result<(), CommitError>> {
        let now = self.now();
        let committing: Vec<_> = commits.into_iter().map(|commit| self.commit_one(commit, now)).collect();
        stream::iter(committing).buffered(WRITES).map(|answer| answer.map_err(for_good)).collect().await
    }

    async fn raise(&self, raises: Vec<Raise>) -> Vec<Result<(), CommitError>> {
        let raising: Vec<_> = raises.into_iter().map(|raise| self.raise_one(raise)).collect();
        stream::iter(raising).buffered(WRITES).collect().await
    }

    async fn versions(&self, refs: &[VersionRef]) -> Result<Vec<Read<Option<Version>>>, PortError> {
        let key = |wanted: &VersionRef| keys::version(&wanted.key, wanted.number);
        let now = self.now();
        let found = self.read(refs.iter().map(key)).await?;
        let there = |wanted: &VersionRef| found.get(&key(wanted)).filter(|item| !has_expired(item, now));
        let mut parts = Vec::new();
        for wanted in refs {
            // Of one whose parts cannot be told, none are read; it says so itself.
            let of_it = there(wanted).and_then(|item| further_parts(reader(item), &key(wanted)).ok());
            parts.extend(of_it.into_iter().flatten());
        }
        let parts = self.read(parts).await?;
        Ok(refs.iter().map(|wanted| there(wanted).map(|item| version(item, wanted, &parts)).transpose()).collect())
    }

    async fn history(&self, key: &ObjectKey) -> Result<Vec<Read<Version>>, PortError> {
        let items = self.read_partition(&keys::object(key), VERSIONS).await?;
        // A version, then its further parts.
        let refs = items.iter().filter_map(|item| {
            let number = Key::of(item)?.sk.strip_prefix(VERSIONS)?.parse().ok()?;
            Some(VersionRef { key: key.clone(), number })
        });
        let refs: Vec<_> = refs.collect();
        let now = self.now();
        let found: Found = items.into_iter().filter(|item| !has_expired(item, now)).collect();
        let there =
            |wanted: &VersionRef| found.get(&keys::version(key, wanted.number)).map(|item| (item, wanted.clone()));
        Ok(refs.iter().filter_map(there).map(|(item, wanted)| version(item, &wanted, &found)).collect())
    }

    async fn objects_with_id(&self, id: &str) -> Result<Vec<ObjectKey>, PortError> {
        let query = self.client().query().index_name(INDEX).key_condition_expression("#by = :by");
        let query =
            query.expression_attribute_names("#by", BY).expression_attribute_values(":by", text(keys::by_id(id)));
        let indexed: Vec<Key> = self.all(query).await?.iter().filter_map(Key::of).collect();
        let found = self.read(indexed.iter().cloned()).await?;
        indexed.iter().filter_map(|key| found.get(key)).map(|item| Ok(object_of(item)?)).collect()
    }

    async fn flush(&self) -> Result<(), PortError> {
        // What can be seen is durable.
        Ok(())
    }
}

impl DynamoStore {
    async fn commit_one(&self, commit: ObjectCommit, now: Timestamp) -> Result<(), CommitError> {
        let after = commit.head();
        let ObjectCommit { expected, version, messages } = commit;
        let ids: Vec<MessageId> = messages.iter().map(|record| record.message.message_id).collect();
        let messages = messages
            .into_iter()
            .map(|record| self.new_message(record, now, Some(&version)))
            .collect::<Result<_, _>>()?;
        // A late one was replaced before it came.
        let replaced = if version.late { Some(version.number) } else { version.parent };
        let replaced = replaced.map(|number| keys::version(&version.key, number));

        let head = self.put(head_item(&version.key, &after));
        let head = match &expected {
            None => head.condition_expression("attribute_not_exists(pk)"),
            Some(expected) => {
                let Condition { text, names, values } = is_still(expected);
                head.condition_expression(text)
                    .set_expression_attribute_names(Some(names))
                    .set_expression_attribute_values(Some(values))
            }
        };
        let mut parts = vec![Part::put(built(head.build())?)];
        let own = keys::version(&version.key, version.number);
        for item in version_items(&version, &ids)? {
            let put = self.put(item);
            // An object without a head begins anew, whatever may be left of another life.
            let put = match expected {
                None => put,
                Some(_) => put
                    .condition_expression("attribute_not_exists(pk)")
                    .return_values_on_condition_check_failure(WITH_OLD),
            };
            parts.push(Part::put(built(put.build())?));
        }
        match (self.write(Write { parts, check: None, messages }).await?, expected) {
            (Written::Done { .. }, _) => {}
            (Written::Refused(Some(old)), Some(expected)) if Key::of(&old) == Some(own) => {
                tracing::warn!(object = %version.key, number = version.number, "the number of a version is taken; it gets another");
                self.change_head(&version.key, &expected, LAST, number(version.number)).await?;
                return Err(CommitError::Conflict);
            }
            (Written::Refused(_), _) => return Err(CommitError::Conflict),
        }
        // Afterwards, at half of what it would cost inside: if it is missed, the old version just stays.
        if let Some(replaced) = replaced
            && let Err(error) = self.replaced(replaced).await
        {
            tracing::warn!(error = %error, "a version that was replaced got no term and stays");
        }
        Ok(())
    }

    /// The messages that were stored with each of these versions, the newest version first, until there are so many.
    pub(super) async fn messages_of_versions(
        &self,
        object: &ObjectKey,
        versions: Range<u64>,
        limit: usize,
    ) -> Result<Vec<Read<Vec<MessageId>>>, PortError> {
        let Some(last) = versions.end.checked_sub(1).filter(|last| versions.start <= *last) else {
            return Ok(Vec::new());
        };
        let (from, to) = (keys::version(object, versions.start), keys::version(object, last));
        let query = self
            .client()
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .projection_expression("#messages")
            .expression_attribute_names("#pk", PK)
            .expression_attribute_names("#sk", SK)
            .expression_attribute_names("#messages", MESSAGES)
            .expression_attribute_values(":pk", text(from.pk))
            .expression_attribute_values(":from", text(from.sk))
            .expression_attribute_values(":to", text(to.sk));
        let (mut found, mut count) = (Vec::new(), 0);
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let page = query.clone().set_exclusive_start_key(start.take()).send().await;
            let page = page.map_err(|error| failure("Query", &error))?;
            for item in page.items.into_iter().flatten() {
                let ids = message_ids(&item);
                count += ids.as_ref().map_or(1, Vec::len);
                found.push(ids);
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty() && count < limit);
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    async fn raise_one(&self, raise: Raise) -> Result<(), CommitError> {
        self.change_head(&raise.key, &raise.expected, ORDER, text(raise.order.to_string())).await
    }

    /// Sets one attribute of a head that is still the expected one.
    async fn change_head(
        &self,
        key: &ObjectKey,
        expected: &Head,
        name: &str,
        value: AttributeValue,
    ) -> Result<(), CommitError> {
        let Condition { text: condition, mut names, mut values } = is_still(expected);
        names.insert(format!("#{name}"), name.to_owned());
        values.insert(":changed".to_owned(), value);
        let update = self.client().update_item().table_name(self.table());
        let update = update
            .set_key(Some(keys::head(key).attributes()))
            .update_expression(format!("SET #{name} = :changed"))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refused)
                    if refused.is_conditional_check_failed_exception()
                        // Somebody is storing a version of it at this moment.
                        || refused.is_transaction_conflict_exception() =>
                {
                    Err(CommitError::Conflict)
                }
                _ => Err(failure("UpdateItem", &error).into()),
            },
        }
    }
}

/// What is found fault with for good is this very write: too many items or bytes, or a value that DynamoDB does not take.
fn for_good(error: CommitError) -> CommitError {
    match error {
        CommitError::Port(error) if !error.transient => CommitError::Impossible(error.what),
        error => error,
    }
}

/// That a head is the one that was read.
struct Condition {
    text: String,
    names: HashMap<String, String>,
    values: Item,
}

fn is_still(head: &Head) -> Condition {
    let known = [(NUMBER, Some(number(head.version))), (LAST, last(head)), (ORDER, order(head.order))];
    let mut condition = Condition { text: String::new(), names: HashMap::new(), values: Item::new() };
    for (name, value) in known {
        let one = match &value {
            Some(_) => format!("#{name} = :{name}"),
            None => format!("attribute_not_exists(#{name})"),
        };
        let and = if condition.text.is_empty() { "" } else { " AND " };
        condition.text = format!("{}{and}{one}", condition.text);
        condition.names.insert(format!("#{name}"), name.to_owned());
        condition.values.extend(value.map(|value| (format!(":{name}"), value)));
    }
    condition
}

fn last(head: &Head) -> Option<AttributeValue> {
    (head.last > head.version).then(|| number(head.last))
}

fn order(order: Option<Order>) -> Option<AttributeValue> {
    order.map(|order| text(order.to_string()))
}

fn head_item(key: &ObjectKey, head: &Head) -> Item {
    let mut item = keys::head(key).attributes();
    item.insert(NUMBER.to_owned(), number(head.version));
    item.insert(HASH.to_owned(), bytes(head.hash.0));
    item.insert(OBJECT.to_owned(), text(key.to_string()));
    item.extend(last(head).map(|last| (LAST.to_owned(), last)));
    item.extend(order(head.order).map(|order| (ORDER.to_owned(), order)));
    put_flags(&mut item, [(BASELINE, head.baseline), (DELETED, head.deleted)]);
    keys::head_indexed(key).put_into(&mut item);
    item
}

fn put_flags<const N: usize>(item: &mut Item, flags: [(&str, bool); N]) {
    for (name, value) in flags {
        if value {
            item.insert(name.to_owned(), flag(true));
        }
    }
}

pub(super) fn heads_among(found: &Found, keys: &[ObjectKey]) -> Vec<Read<Option<Head>>> {
    keys.iter().map(|key| found.get(&keys::head(key)).map(head).transpose()).collect()
}

fn head(item: &Item) -> Read<Head> {
    let reader = Reader { what: "head", item };
    let version = reader.number(NUMBER)?;
    Ok(Head {
        version,
        last: reader.optional_number(LAST)?.unwrap_or(version),
        hash: ContentHash(reader.bytes(HASH)?),
        baseline: reader.flag(BASELINE)?,
        deleted: reader.flag(DELETED)?,
        order: order_of(reader)?,
    })
}

fn order_of(reader: Reader<'_>) -> Read<Option<Order>> {
    reader.optional_text(ORDER)?.map(|text| text.parse().map_err(|_| reader.wrong(ORDER))).transpose()
}

/// Sources and collections have no `/` in their names.
fn object_of(item: &Item) -> Read<ObjectKey> {
    let reader = Reader { what: "head", item };
    let mut parts = reader.text(OBJECT)?.splitn(3, '/');
    let mut part = || parts.next().ok_or_else(|| reader.wrong(OBJECT));
    let (source, collection, id) = (part()?, part()?, part()?);
    let collection = CollectionKey {
        source: source.parse().map_err(|_| reader.wrong(OBJECT))?,
        collection: collection.parse().map_err(|_| reader.wrong(OBJECT))?,
    };
    Ok(ObjectKey { collection, id: id.to_owned() })
}

fn version_items(version: &Version, messages: &[MessageId]) -> Result<Vec<Item>, PortError> {
    let key = keys::version(&version.key, version.number);
    let mut item = key.attributes();
    item.insert(TYPE.to_owned(), text(version.object_type.as_str()));
    if let Some(parent) = version.parent {
        item.insert(PARENT.to_owned(), number(parent));
    }
    item.insert(HASH.to_owned(), bytes(version.hash.0));
    item.insert(STORED_AT.to_owned(), time(version.stored_at));
    item.extend(order(version.order).map(|order| (ORDER.to_owned(), order)));
    put_flags(&mut item, [(BASELINE, version.baseline), (DELETED, version.deleted), (LATE, version.late)]);
    if !messages.is_empty() {
        let ids = messages.iter().map(|id| text(id.to_string())).collect();
        item.insert(MESSAGES.to_owned(), AttributeValue::L(ids));
    }
    let mut items = put_body(&key, &mut item, to_json("version", &version.body)?)?;
    items.insert(0, item);
    Ok(items)
}

fn reader(item: &Item) -> Reader<'_> {
    Reader { what: "version", item }
}

fn version(item: &Item, wanted: &VersionRef, parts: &Found) -> Read<Version> {
    let reader = reader(item);
    let further = further_parts(reader, &keys::version(&wanted.key, wanted.number))?;
    let json = body(reader, further.iter().map(|key| parts.get(key)))?;
    Ok(Version {
        key: wanted.key.clone(),
        object_type: reader.parsed(TYPE)?,
        number: wanted.number,
        parent: reader.optional_number(PARENT)?,
        hash: ContentHash(reader.bytes(HASH)?),
        stored_at: reader.time(STORED_AT)?,
        baseline: reader.flag(BASELINE)?,
        deleted: reader.flag(DELETED)?,
        order: order_of(reader)?,
        late: reader.flag(LATE)?,
        body: from_json(reader.what, &json)?,
    })
}

/// The messages that were stored with a version; none where the item is something else.
pub(super) fn message_ids(item: &Item) -> Read<Vec<MessageId>> {
    let Some(list) = item.get(MESSAGES) else {
        return Ok(Vec::new());
    };
    let ids = list.as_l().ok().and_then(|ids| ids.iter().map(|id| id.as_s().ok()?.parse().ok()).collect());
    ids.ok_or_else(|| unreadable("version", "its messages"))
}
