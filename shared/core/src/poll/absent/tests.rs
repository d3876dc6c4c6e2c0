use serde_json::json;

use super::*;

fn collection(pages: &str) -> Collection {
    let text = format!(
        "hub: h\nsources:\n  shop:\n    url: http://shop.test\n    collections:\n      orders:\n        type: order\n        \
         request: {{path: /orders}}\n        items: orders\n        id: number\n        created: made.at\n        \
         since: {{param: from, field: changed, overlap: 1s}}\n        pages: {pages}\n        every: 10s\n        \
         keys: {{total: sum}}\n        children: {{lines: {{type: line, id: n}}}}\n        deleted: gone\n"
    );
    let loaded = crate::hub::load("hub.yaml", &text, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    loaded.hub.sources.values().next().unwrap().collections[0].clone()
}

fn written(absent: &[Absent]) -> Vec<String> {
    absent.iter().map(|one| format!("{} at {}", one.setting, one.path)).collect()
}

#[test]
fn what_a_record_has_not() {
    let collection = collection("{style: link}");
    let check = |record: Value, expected: &[&str]| assert_eq!(written(&in_record(&collection, &record)), expected);
    check(json!({"made": {"at": null}, "changed": "", "sum": 0, "lines": []}), &[]);
    check(
        json!({"made": {"on": "2026-11-21"}, "changed": 1, "sums": 3}),
        &["created at made.at", "keys.total at sum", "children.line at lines"],
    );
    check(json!(7), &["created at made.at", "since.field at changed", "keys.total at sum", "children.line at lines"]);
}

#[test]
fn what_an_answer_has_not() {
    let check = |pages: &str, answer: Value, expected: &[&str]| {
        assert_eq!(written(&in_answer(&collection(pages), &answer)), expected, "{pages} {answer}");
    };
    let (total, cursor) =
        ("{style: page, param: page, total: meta.total}", "{style: cursor, param: after, next: meta.next, more: more}");
    check(total, json!({"meta": {"total": 0}}), &[]);
    check(total, json!({"meta": {"totals": 3}}), &["pages.total at meta.total"]);
    check("{style: page, param: page}", json!({}), &[]);
    check("{style: link}", json!({}), &[]);
    check("{style: link, next: links.next}", json!({"links": {"next": null}}), &[]);
    check("{style: link, next: links.next}", json!({"links": {}}), &["pages.next at links.next"]);
    check(cursor, json!({"meta": {"next": ""}, "more": false}), &[]);
    check(cursor, json!({}), &["pages.next at meta.next", "pages.more at more"]);
}

#[test]
fn one_that_has_it_is_enough() {
    let absent = |setting: &str| Absent { setting: setting.to_owned(), path: "x".parse().unwrap() };
    let mut everywhere = Everywhere::default();
    everywhere.and(vec![absent("a"), absent("b"), absent("c")]);
    everywhere.and(vec![absent("c"), absent("a")]);
    everywhere.and(vec![absent("b"), absent("c")]);
    assert_eq!(everywhere.found(), [absent("c")]);
    assert_eq!(Everywhere::default().found(), []);
}
