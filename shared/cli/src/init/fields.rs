//! What names an object of the list, and which of its fields are times: by the field's name and by what the page's items
//! have there, both of which must fit. What is not sure is left out; a wrong id is worse than none.

use std::collections::HashSet;

use crossdock_core::{
    Timestamp,
    hub::{TimeField, TimeFormat},
    json::FieldPath,
    object::parse_time,
};
use serde_json::Value;

/// The best first, without anything but letters and digits.
const IDS: [&str; 10] = ["id", "uuid", "guid", "number", "sku", "code", "key", "reference", "handle", "slug"];
const CREATED: [&str; 16] = [
    "createdatgmt",
    "createdat",
    "datecreatedgmt",
    "datecreated",
    "createdon",
    "createddate",
    "createdtime",
    "created",
    "creationdate",
    "creationtime",
    "creationtimestamp",
    "createtime",
    "insertedat",
    "placedat",
    "orderedat",
    "orderdate",
];
const UPDATED: [&str; 16] = [
    "updatedatgmt",
    "updatedat",
    "datemodifiedgmt",
    "datemodified",
    "dateupdated",
    "updatedon",
    "lastupdatedat",
    "lastupdated",
    "lastmodifiedat",
    "lastmodified",
    "modifiedat",
    "modifiedon",
    "modified",
    "changedat",
    "updatetime",
    "updated",
];
/// Objects around what an object has itself, in some APIs. What is in any other belongs to somebody else: the `id` of
/// `customer` names no order.
const WRAPPERS: [&str; 9] =
    ["attributes", "data", "node", "fields", "properties", "meta", "metadata", "item", "resource"];

#[derive(Debug)]
pub(super) struct Fields {
    /// Those that could name an object, the likeliest first.
    pub(super) ids: Vec<FieldPath>,
    pub(super) created: Option<TimeField>,
    pub(super) updated: Option<TimeField>,
    /// Text that is a time, of what the name does not tell.
    pub(super) other_times: Vec<FieldPath>,
}

impl Fields {
    pub(super) fn of(items: &[Value], object_type: &str) -> Self {
        let paths = paths(items, object_type);
        let (created, updated) = (time(items, &paths, &CREATED), time(items, &paths, &UPDATED));
        let is_known = |path: &FieldPath| [&created, &updated].into_iter().flatten().any(|field| field.path == *path);
        let is_text = |path: &FieldPath| format(items, path) == Some(TimeFormat::Rfc3339);
        let others = paths.iter().map(|(path, _)| path).filter(|path| !is_known(path) && is_text(path));
        Self { ids: ids(items, &paths, object_type), other_times: others.cloned().collect(), created, updated }
    }
}

/// The fields of all items, nearest first, with their simplified names.
fn paths(items: &[Value], object_type: &str) -> Vec<(FieldPath, String)> {
    let mut paths = Vec::new();
    let mut open = vec![String::new()];
    while !open.is_empty() {
        let mut next = Vec::new();
        for parent in open {
            let Ok(at) = parent.parse::<FieldPath>() else { continue };
            let objects = || items.iter().filter_map(|item| at.get(item)?.as_object());
            let mut names: Vec<&String> = objects().flat_map(|fields| fields.keys()).collect();
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(*name) && !name.is_empty() && !name.contains('.'));
            for name in names {
                let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
                let simple = super::simple(name);
                let is_wrapper = WRAPPERS.contains(&&*simple) || simple == super::simple(object_type);
                if is_wrapper && objects().any(|fields| fields.get(name).is_some_and(Value::is_object)) {
                    next.push(path.clone());
                }
                paths.extend(path.parse().ok().map(|path| (path, simple)));
            }
        }
        // Two wrappers at most, one around the other.
        open = next.into_iter().filter(|path| path.matches('.').count() < 2).collect();
    }
    paths
}

fn ids(items: &[Value], paths: &[(FieldPath, String)], object_type: &str) -> Vec<FieldPath> {
    let prefix = super::simple(object_type);
    let rank = |name: &str| {
        // `order_number` of an order is its number.
        let own = name.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty()).unwrap_or(name);
        IDS.iter().position(|known| *known == own)
    };
    let mut found: Vec<(usize, usize, &FieldPath)> = paths
        .iter()
        .filter_map(|(path, name)| Some((path.segments().len(), rank(name)?, path)))
        .filter(|(_, _, path)| is_unique(items, path))
        .collect();
    found.sort_by_key(|(depth, rank, _)| (*depth, *rank));
    found.into_iter().map(|(_, _, path)| path.clone()).collect()
}

/// Whether every item has text or a whole number there, and each another.
pub(super) fn is_unique(items: &[Value], path: &FieldPath) -> bool {
    let mut seen = HashSet::new();
    items.iter().all(|item| id_at(item, path).is_some_and(|id| seen.insert(id)))
}

pub(super) fn id_at(item: &Value, path: &FieldPath) -> Option<String> {
    match path.get(item)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if !number.as_str().contains(['.', 'e', 'E']) => Some(number.to_string()),
        _ => None,
    }
}

fn time(items: &[Value], paths: &[(FieldPath, String)], names: &[&str]) -> Option<TimeField> {
    let rank = |name: &str| names.iter().position(|known| *known == name);
    let mut found: Vec<_> =
        paths.iter().filter_map(|(path, name)| Some((path.segments().len(), rank(name)?, path))).collect();
    found.sort_by_key(|(depth, rank, _)| (*depth, *rank));
    found.into_iter().find_map(|(_, _, path)| Some(TimeField { path: path.clone(), format: format(items, path)? }))
}

/// Whether a time without a zone is among them, which is read as UTC.
pub(super) fn lacks_zone(items: &[Value], field: &TimeField) -> bool {
    let texts = items.iter().filter_map(|item| field.path.get(item)?.as_str());
    let mut texts = texts.filter(|_| field.format == TimeFormat::Rfc3339);
    // With a zone it is a point in time; without, it is one only with UTC put behind it.
    texts.any(|text| text.trim().parse::<Timestamp>().is_err())
}

/// How all of these times are written, if they are times.
fn format(items: &[Value], path: &FieldPath) -> Option<TimeFormat> {
    let values: Vec<&Value> = items.iter().filter_map(|item| path.get(item)).filter(|value| !value.is_null()).collect();
    let fits = |format: TimeFormat| !values.is_empty() && values.iter().all(|value| is_plausible(format, value));
    [TimeFormat::Epoch, TimeFormat::EpochMs, TimeFormat::Rfc3339].into_iter().find(|format| fits(*format))
}

/// A number of seconds is a time of this century in one unit only.
fn is_plausible(format: TimeFormat, value: &Value) -> bool {
    const FROM: i64 = 946_684_800; // 2000-01-01
    const TO: i64 = 4_102_444_800; // 2100-01-01
    match parse_time(format, value) {
        Ok(time) => format == TimeFormat::Rfc3339 || (FROM..TO).contains(&time.as_second()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_by_name_and_content() {
        fn check(
            items: &Value,
            ids: &[&str],
            created: Option<(&str, TimeFormat)>,
            updated: Option<(&str, TimeFormat)>,
        ) {
            let found = Fields::of(items.as_array().unwrap(), "order");
            assert_eq!(found.ids.iter().map(ToString::to_string).collect::<Vec<_>>(), ids, "{items}");
            for (found, expected) in [(found.created, created), (found.updated, updated)] {
                let found = found.map(|field| (field.path.to_string(), field.format));
                assert_eq!(found, expected.map(|(path, format)| (path.to_owned(), format)), "{items}");
            }
        }
        use TimeFormat::{Epoch, EpochMs, Rfc3339};
        check(
            &json!([
                {"id": 1, "number": "R1", "state": "new", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00+01:00"},
                {"id": 2, "number": "R2", "state": "new", "created_at": "2026-01-01T00:00:00Z", "updated_at": null},
            ]),
            &["id", "number"],
            Some(("created_at", Rfc3339)),
            Some(("updated_at", Rfc3339)),
        );
        // Not unique, not everywhere, not text or a whole number.
        check(
            &json!([{"id": 1, "code": "a", "key": 1.5}, {"id": 1, "number": 3, "code": "b", "key": 2}]),
            &["code"],
            None,
            None,
        );
        check(&json!([{"id": null, "sku": ""}]), &[], None, None);
        // An order's own number, and nobody else's.
        check(
            &json!([{"order_number": 7, "customer_id": 1, "customer": {"id": 9, "created": 1_700_000_000}}]),
            &["order_number"],
            None,
            None,
        );
        // Epochs, as numbers or as text.
        check(
            &json!([{"orderId": "a", "createTime": 1_700_000_000, "lastModified": "1700000000000"}]),
            &["orderId"],
            Some(("createTime", Epoch)),
            Some(("lastModified", EpochMs)),
        );
        // A number that is no time, a time that is spelt out.
        check(&json!([{"uuid": "u", "created": 17, "updated": "yesterday"}]), &["uuid"], None, None);
        check(&json!([{"uuid": "u", "created": "2026-01-01 10:00:00"}]), &["uuid"], Some(("created", Rfc3339)), None);
        // The best name whose content fits.
        check(&json!([{"id": 1, "updated": 1_700_000_000, "modified": "x"}]), &["id"], None, Some(("updated", Epoch)));
        // Wrapped.
        check(
            &json!([{"type": "orders", "attributes": {"number": "1", "created-at": "2026-01-01"}, "links": {"id": 5}}]),
            &["attributes.number"],
            Some(("attributes.created-at", Rfc3339)),
            None,
        );
        check(&json!([{"node": {"order": {"id": "gid"}}}]), &["node.order.id"], None, None);
        check(&json!([{"order": {"id": 5}, "id": 8}]), &["id", "order.id"], None, None);
        check(&json!([]), &[], None, None);
    }

    #[test]
    fn a_time_that_nobody_knows_the_sense_of_is_named_and_so_is_a_zone_that_is_not_there() {
        let items =
            [json!({"id": 1, "date": "2026-11-20 08:00:00", "total": "19.99", "updated_at": "2026-11-20T08:00:00Z"})];
        let found = Fields::of(&items, "order");
        assert_eq!(found.other_times.iter().map(ToString::to_string).collect::<Vec<_>>(), ["date"]);
        let check = |path: &str, format: TimeFormat, expected: bool| {
            assert_eq!(lacks_zone(&items, &TimeField { path: path.parse().unwrap(), format }), expected, "{path}");
        };
        check("date", TimeFormat::Rfc3339, true);
        check("updated_at", TimeFormat::Rfc3339, false);
        check("id", TimeFormat::Epoch, false);
    }
}
