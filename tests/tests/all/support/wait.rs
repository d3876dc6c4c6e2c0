//! Waiting for what the hub will do in its own time.

use std::{fmt::Display, time::Duration};

/// For any one thing. Long enough for a machine that is busy with much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);

/// What `found` finds, as soon as it finds something. A wait in vain says `what` was waited for, and `context`.
pub(crate) async fn until<T, D: Display>(what: &str, found: impl FnMut() -> Option<T>, context: impl Fn() -> D) -> T {
    match within(PATIENCE, found).await {
        Some(found) => found,
        None => panic!("waited {PATIENCE:?} in vain for {what}\n{}", context()),
    }
}

pub(crate) async fn within<T>(limit: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let looking = async {
        loop {
            match found() {
                Some(found) => return found,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(limit, looking).await.ok()
}
