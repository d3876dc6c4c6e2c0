//! A notification of a commercetools subscription in Platform format
//! (<https://docs.commercetools.com/api/projects/subscriptions#delivery-payloads>).
//!
//! - A *change* (`ResourceCreated`, `ResourceUpdated`) names a resource and its version, and nothing of what is in it: it is
//!   fetched. `ResourceDeleted` is a tombstone, with the version and the names that the notification has.
//! - A *message* (`Message`) is something that happened to a resource. Those that tell of a creation hold the resource; of all
//!   others, and where the payload was left out (`payloadNotIncluded`), it is fetched.
//! - An *event* (`Event`) is of commercetools' own services and about no resource that has a collection.
//!
//! A subscription that is made says so with a `ResourceCreated` of itself: that is the test notification.
//!
//! `version` is one for each change of a resource, whatever way told of it; a resource that is fetched or held has it as a
//! field, and the tombstone gets it, so that one `order: {field: version, as: number}` goes for all of them.
//! `sequenceNumber` orders the messages of a resource among each other only, so no object is ordered by it.

use serde_json::{Map, Value};

use super::{Event, Object, Subject, Unfit, other, said, text};
use crate::json::canonical;

const EXPECTED: &str =
    "a commercetools notification: {\"notificationType\", \"projectKey\", \"resource\": {\"typeId\", \"id\"}}";

pub(super) fn is(body: &Value) -> bool {
    text(body, "notificationType").is_some() && (text(body, "projectKey").or(text(body, "resourceType"))).is_some()
}

pub(super) fn read(mut body: Value) -> Result<Event, Unfit> {
    if !is(&body) {
        return Err(other(&body, EXPECTED));
    }
    let notification = text(&body, "notificationType").unwrap_or_default().to_owned();
    if notification == "Event" {
        let about = required(said(&body, "resourceType"), "resourceType")?;
        let kind = required(said(&body, "type"), "type")?;
        return Ok(Event { id: said(&body, "id"), kind: Some(format!("{about}.{kind}")), ..Event::bare(body) });
    }
    let resource = body.get("resource").unwrap_or(&Value::Null);
    let about = required(said(resource, "typeId"), "resource.typeId")?;
    let id = required(said(resource, "id"), "resource.id")?;
    let event = |kind: &str, event_id, object, body| {
        let test = about == "subscription" && kind == "ResourceCreated";
        let kind = Some(format!("{about}.{kind}"));
        Event {
            id: event_id,
            kind,
            body,
            subject: Some(Subject { resource: about.clone(), id: id.clone(), object }),
            test,
        }
    };
    match notification.as_str() {
        "Message" => {
            // What was left out is named in its place.
            let left_out = body.get("payloadNotIncluded").filter(|left_out| !left_out.is_null());
            let kind = said(&body, "type").or_else(|| left_out.and_then(|left_out| said(left_out, "payloadType")));
            let kind = required(kind, "type")?;
            let object = match left_out {
                None => held(&mut body, &about, &id).map_or(Object::Thin, Object::Whole),
                Some(_) => Object::Thin,
            };
            Ok(event(&kind, said(&body, "id"), object, body))
        }
        "ResourceCreated" | "ResourceUpdated" => {
            Ok(event(&notification, Some(known_by(&notification, &about, &id, &body)), Object::Thin, body))
        }
        "ResourceDeleted" => {
            let gone = Object::Deleted(tombstone(&id, &body));
            Ok(event(&notification, Some(known_by(&notification, &about, &id, &body)), gone, body))
        }
        _ => Err(Unfit::Content {
            place: "notificationType",
            problem: format!(
                "found {:?}, expected ResourceCreated, ResourceUpdated, ResourceDeleted, Message or Event",
                notification.chars().take(40).collect::<String>()
            ),
        }),
    }
}

/// The resource, if the message has all of it: under the name of its type, and in the version that the message is about. A
/// projection or a part is called otherwise.
fn held(body: &mut Value, about: &str, id: &str) -> Option<Value> {
    let version = body.get("resourceVersion").cloned()?;
    let held = body.get(about)?;
    let same = text(held, "id") == Some(id) && held.get("version") == Some(&version);
    same.then(|| held.clone())
}

fn tombstone(id: &str, body: &Value) -> Value {
    let names = body.get("resourceUserProvidedIdentifiers").and_then(Value::as_object).cloned();
    let mut fields: Map<String, Value> = names.unwrap_or_default();
    fields.insert("id".to_owned(), id.into());
    for (of_object, of_notification) in [("version", "version"), ("lastModifiedAt", "modifiedAt")] {
        if let Some(value) = body.get(of_notification).filter(|value| !value.is_null()) {
            fields.insert(of_object.to_owned(), value.clone());
        }
    }
    Value::Object(fields)
}

/// A change has no id. Its time is part of what it is known by: a change in the background (of availability) need not make a
/// new version.
fn known_by(notification: &str, about: &str, id: &str, body: &Value) -> String {
    let version = body.get("version").map(|version| canonical(version, &[])).unwrap_or_default();
    format!("{notification} {about} {id} {version} {}", text(body, "modifiedAt").unwrap_or_default())
}

fn required(found: Option<String>, place: &'static str) -> Result<String, Unfit> {
    found.ok_or_else(|| Unfit::Content { place, problem: "found nothing, expected text".to_owned() })
}
