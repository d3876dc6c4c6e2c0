//! A table of which each row takes its time, most of it waiting.

use std::{collections::HashMap, sync::Arc};

use tokio::{sync::Semaphore, task::JoinSet};

/// Rows at a time.
const AT_ONCE: usize = 4;

/// Runs every row, whatever becomes of others, and names those that failed.
pub(crate) async fn each<Row: Future<Output = ()> + Send + 'static>(rows: impl Iterator<Item = (String, Row)>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let mut names = HashMap::new();
    for (name, row) in rows {
        let permits = Arc::clone(&permits);
        let task = running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            row.await;
        });
        names.insert(task.id(), name);
    }
    assert!(!names.is_empty(), "an empty table");
    let mut failed = Vec::new();
    while let Some(outcome) = running.join_next_with_id().await {
        if let Err(error) = outcome {
            failed.push(names[&error.id()].clone());
        }
    }
    assert!(failed.is_empty(), "these rows failed, for the reasons above: {failed:#?}");
}
