//! What a schedule tells the poller: the `Input` of its target, as `crossdock render` and the template write it.

use crossdock_core::{
    Timestamp,
    id::CollectionKey,
    poll::{Backfill, Way},
};
use serde::Deserialize;
use serde_json::Value;

use crate::function::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// `{"task": "poll", "collection": "my-store/orders"}`, with `"way": "reconcile"` for the wide poll beside it, or
    /// `"way": "fetch"` for what thin events have named.
    Poll(CollectionKey, Way),
    /// `{"task": "backfill", "collection": "my-store/orders", "from": "2026-01-01T00:00:00Z"}`, with `until`, `emit` and
    /// `rate` where they are wanted. Only `crossdock backfill` asks for it.
    Backfill(CollectionKey, Backfill),
    /// `{"task": "publish"}`: messages that were left pending, and what has waited for its time.
    Publish,
    /// `{"task": "sweep"}`: promises without a delivery.
    Sweep,
}

#[derive(Deserialize)]
struct Shape {
    task: String,
    #[serde(default)]
    collection: Option<String>,
    #[serde(default)]
    way: Option<String>,
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    emit: bool,
    #[serde(default)]
    rate: Option<u32>,
    #[serde(default)]
    even_if_disabled: bool,
}

const EXPECTED: &str = r#"expected {"task": "poll", "collection": "<source>/<collection>"} (and "way": "reconcile" or "fetch"), {"task": "backfill", "collection": "<source>/<collection>", "from": "<time>"}, {"task": "publish"} or {"task": "sweep"}"#;

/// The task, and whether it is meant even where the hub is switched off (`"even_if_disabled": true`), as only those ask who
/// were told so.
///
/// # Errors
/// This is none of the tasks.
pub fn read(event: Value) -> Result<(Task, bool), Failure> {
    let wrong = |found: &str| Failure::Event(format!("found {found}, {EXPECTED}"));
    let shape: Shape = serde_json::from_value(event).map_err(|_| wrong("no task"))?;
    let even_if_disabled = shape.even_if_disabled;
    task(&shape, &wrong).map(|task| (task, even_if_disabled))
}

fn task(shape: &Shape, wrong: &dyn Fn(&str) -> Failure) -> Result<Task, Failure> {
    let way = match shape.way.as_deref() {
        None => Way::Poll,
        Some("reconcile") if shape.task == "poll" => Way::Reconcile,
        Some("fetch") if shape.task == "poll" => Way::Fetch,
        Some(other) => return Err(wrong(&format!("the way {other:?}"))),
    };
    match (shape.task.as_str(), shape.collection.clone()) {
        ("poll", Some(text)) => {
            let key = collection(&text).ok_or_else(|| wrong(&format!("the collection {text:?}")))?;
            Ok(Task::Poll(key, way))
        }
        ("backfill", Some(text)) => {
            let key = collection(&text).ok_or_else(|| wrong(&format!("the collection {text:?}")))?;
            let from = shape.from.ok_or_else(|| wrong("no time to begin from"))?;
            let Shape { until, emit, rate, .. } = *shape;
            Ok(Task::Backfill(key, Backfill { from, until, emit, rate, dry_run: false }))
        }
        ("poll" | "backfill", None) => Err(wrong("no collection")),
        ("publish", None) => Ok(Task::Publish),
        ("sweep", None) => Ok(Task::Sweep),
        ("publish" | "sweep", Some(text)) => Err(wrong(&format!("the collection {text:?}"))),
        (task, _) => Err(wrong(&format!("the task {task:?}"))),
    }
}

fn collection(text: &str) -> Option<CollectionKey> {
    let (source, collection) = text.split_once('/')?;
    Some(CollectionKey { source: source.parse().ok()?, collection: collection.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task_of(event: Value) -> Result<Task, Failure> {
        read(event).map(|(task, _)| task)
    }

    #[test]
    fn each_task() {
        let orders = collection("my-store/orders").unwrap();
        assert_eq!(
            task_of(json!({"task": "poll", "collection": "my-store/orders"})),
            Ok(Task::Poll(orders.clone(), Way::Poll))
        );
        assert_eq!(
            task_of(json!({"task": "poll", "collection": "my-store/orders", "way": "reconcile"})),
            Ok(Task::Poll(orders.clone(), Way::Reconcile))
        );
        assert_eq!(
            task_of(json!({"task": "poll", "collection": "my-store/orders", "way": "fetch"})),
            Ok(Task::Poll(orders, Way::Fetch))
        );
        let from = "2026-01-01T00:00:00Z".parse().unwrap();
        let all = Backfill { from, until: None, emit: false, rate: None, dry_run: false };
        let key = collection("my-store/orders").unwrap();
        assert_eq!(
            task_of(json!({"task": "backfill", "collection": "my-store/orders", "from": "2026-01-01T00:00:00Z"})),
            Ok(Task::Backfill(key.clone(), all.clone()))
        );
        assert_eq!(
            task_of(json!({
                "task": "backfill", "collection": "my-store/orders", "from": from, "until": from, "emit": true, "rate": 5
            })),
            Ok(Task::Backfill(key, Backfill { until: Some(from), emit: true, rate: Some(5), ..all }))
        );
        assert_eq!(task_of(json!({"task": "publish"})), Ok(Task::Publish));
        assert_eq!(task_of(json!({"task": "sweep"})), Ok(Task::Sweep));
        assert_eq!(read(json!({"task": "sweep"})), Ok((Task::Sweep, false)));
        assert_eq!(read(json!({"task": "sweep", "even_if_disabled": true})), Ok((Task::Sweep, true)));
    }

    #[test]
    fn what_is_none_says_why() {
        let check = |event: Value, found: &str| {
            let error = read(event).unwrap_err().to_string();
            assert!(error.starts_with(&format!("found {found}, expected ")), "{error}");
        };
        check(json!({"task": "tidy"}), "the task \"tidy\"");
        check(json!({"task": "poll"}), "no collection");
        check(json!({"task": "poll", "collection": "orders"}), "the collection \"orders\"");
        check(json!({"task": "poll", "collection": "My Store/orders"}), "the collection \"My Store/orders\"");
        check(json!({"task": "backfill", "from": "2026-01-01T00:00:00Z"}), "no collection");
        check(json!({"task": "backfill", "collection": "my-store/orders"}), "no time to begin from");
        check(json!({"task": "backfill", "collection": "my-store/orders", "from": "yesterday"}), "no task");
        check(json!({"task": "poll", "collection": "my-store/orders", "way": "fast"}), "the way \"fast\"");
        check(json!({"task": "sweep", "way": "reconcile"}), "the way \"reconcile\"");
        check(json!({"task": "sweep", "collection": "my-store/orders"}), "the collection \"my-store/orders\"");
        for event in [json!({}), json!([]), json!(null), json!({"task": 7}), json!({"Records": []})] {
            check(event, "no task");
        }
    }
}
