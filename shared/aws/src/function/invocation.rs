//! One invocation: what it is called, and when it ends, whatever it is doing then.

use std::time::Duration;

use crossdock_core::{Timestamp, port::Clock};

#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's; an asynchronous event that is tried again keeps its own.
    pub request_id: String,
    deadline: Timestamp,
}

impl Invocation {
    pub fn new(request_id: impl Into<String>, deadline: Timestamp) -> Self {
        Self { request_id: request_id.into(), deadline }
    }

    pub fn of(context: &lambda_runtime::Context) -> Self {
        let deadline = i64::try_from(context.deadline).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
        Self::new(context.request_id.clone(), deadline.unwrap_or(Timestamp::MAX))
    }

    /// How much time is left.
    pub fn left(&self, clock: &dyn Clock) -> Duration {
        Duration::try_from(self.deadline.duration_since(clock.now())).unwrap_or_default()
    }

    /// Waits until only so much time is left.
    pub async fn only_left(&self, rest: Duration, clock: &dyn Clock) {
        tokio::time::sleep(self.left(clock).saturating_sub(rest)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0).unwrap()
        }
    }

    #[test]
    fn time_that_is_over_is_none_left() {
        let mut context = lambda_runtime::Context::default();
        context.deadline = 5_000;
        let invocation = Invocation::of(&context);
        for (now, left) in [(0, 5_000), (4_999, 1), (5_000, 0), (9_000, 0)] {
            assert_eq!(invocation.left(&At(now)), Duration::from_millis(left), "at {now}");
        }
    }
}
