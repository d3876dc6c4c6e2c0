//! Long work among short: whoever has much to compute lets others go first from time to time.

use std::{future::poll_fn, task::Poll};

/// Items that are worked through before others are let go first: a millisecond or two of work.
pub(crate) const AT_ONCE: usize = 16;

/// Lets whatever else is ready on this thread go first, whichever runtime that is.
pub(crate) async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[test]
    fn those_who_give_way_take_turns() {
        let diary = std::cell::RefCell::new(Vec::new());
        let work = |name: char| {
            let diary = &diary;
            async move {
                for _ in 0..3 {
                    diary.borrow_mut().push(name);
                    give_way().await;
                }
            }
        };
        let mut all = Box::pin(join_all(['a', 'b'].map(work)));
        // Each wakes itself, so that polling again is all that is asked of a runtime.
        while all.as_mut().now_or_never().is_none() {}
        assert_eq!(diary.borrow().iter().collect::<String>(), "ababab");
    }
}
