//! Threads for what nobody waits for.
//!
//! Much work takes processor time from what somebody waits for, however often it gives way: what is woken waits for what
//! runs. So it is done on threads of its own, of low priority, which run while others leave a processor idle, and a little
//! all the same when they do not. A task begins where all others are; when it turns out to be long it steps aside
//! ([`step`]), and goes on there to its end.
//!
//! While somebody waits for other things a task rests there, for longer than it has worked, and after little work each time.
//! Priorities alone do not do it: a delivery passes from thread to thread some ten times, and each time it would wait a little
//! for whatever runs on both processors.
//!
//! A priority that the system does not grant is none: the threads are apart in any case, and share fairly.
//!
//! Deliberately absent: a way back, because a thread may lower its priority and not raise it (setpriority(2)), and any wish
//! of a task to be moved by somebody else.

use std::{
    any::Any,
    future::{Future, poll_fn},
    io,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::runtime::{Builder, Handle, Runtime};

/// How much longer than it has worked a task rests, and after how much work.
const REST: u32 = 5;
const STRETCH: Duration = Duration::from_millis(1);

/// Halfway to the lowest there is: a nice value of 9 on Unix. What has the lowest stands still wherever a machine is busy with
/// something else, such as a build.
const PRIORITY: u8 = 25;

tokio::task_local! {
    /// Whether this task has stepped aside, or is about to.
    static ASIDE: Arc<AtomicBool>;
}

/// For the threads of the store that serve the slow lane too.
pub(crate) fn lower_priority() {
    let Ok(priority) = PRIORITY.try_into() else { return };
    if let Err(error) = set_current_thread_priority(ThreadPriority::Crossplatform(priority)) {
        tracing::debug!(?error, "a thread for long work keeps its priority");
    }
}

/// Where to go on, if this is a task that may be moved; done at once if it is not, or was already.
pub(crate) async fn step() {
    let is_first = ASIDE.try_with(|aside| !aside.swap(true, Ordering::Relaxed)).unwrap_or(false);
    if is_first {
        // Whoever runs the task sees the wish when it next comes to a stop, and that is here.
        tokio::task::yield_now().await;
    }
}

/// The threads. When this goes, tasks that are still on them are dropped at their next stop.
pub(crate) struct Aside {
    runtime: Option<Runtime>,
    place: Place,
}

impl Aside {
    /// `is_waited_for` tells whether tasks are to rest now and then.
    pub(crate) fn start(is_waited_for: impl Fn() -> bool + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(thread::available_parallelism().map_or(1, std::num::NonZero::get))
            .thread_name("aside")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        let place = Place { handle: runtime.handle().clone(), is_waited_for: Arc::new(is_waited_for) };
        Ok(Self { runtime: Some(runtime), place })
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // To wait is not allowed here: this may be a task itself.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where tasks can step aside to.
#[derive(Clone)]
pub(crate) struct Place {
    handle: Handle,
    is_waited_for: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// What a task panicked with.
pub(crate) type Panic = Box<dyn Any + Send>;

impl Place {
    /// Runs the task to its end: here, and from where it [steps aside](step) on there. It goes on when this is dropped after
    /// that, so what is to end early must be told so by other means.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panic> {
        let aside = Arc::new(AtomicBool::new(false));
        let mut task = Box::pin(ASIDE.scope(aside.clone(), AssertUnwindSafe(task).catch_unwind()));
        let ended = poll_fn(|context| match task.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if aside.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match ended.await {
            Some(ended) => ended,
            None => {
                let task = resting(task, self.is_waited_for.clone());
                self.handle.spawn(task).await.map_err(|stopped| Box::new(stopped) as Panic)?
            }
        }
    }

    /// For what belongs there altogether.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// The task, with its rests.
async fn resting<T>(
    mut task: Pin<Box<impl Future<Output = T>>>,
    is_waited_for: Arc<dyn Fn() -> bool + Send + Sync>,
) -> T {
    loop {
        let mut worked = Duration::ZERO;
        let stretch = poll_fn(|context| {
            #[expect(clippy::disallowed_methods, reason = "only how long a task rests depends on it")]
            let began = Instant::now();
            let outcome = task.as_mut().poll(context);
            worked += began.elapsed();
            match outcome {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if worked >= STRETCH => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(ended) = stretch.await {
            return ended;
        }
        // What wakes the task meanwhile is not lost: it is asked after the rest in any case.
        if is_waited_for() {
            tokio::time::sleep(worked * REST).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_here() -> bool {
        thread::current().name() != Some("aside")
    }

    #[tokio::test]
    async fn a_task_goes_on_aside_from_where_it_steps_there() {
        let aside = Aside::start(|| true).unwrap();
        let place = aside.place();
        let places = place.run(async {
            let mut places = Vec::new();
            for steps in [false, true, false, true] {
                if steps {
                    step().await;
                }
                tokio::task::yield_now().await;
                places.push(is_here());
            }
            places
        });
        assert_eq!(places.await.unwrap(), [true, false, false, false]);
        assert!(aside.place().run(async { is_here() }).await.unwrap());
        assert!(!aside.place().handle().spawn(async { is_here() }).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_cannot_be_moved_goes_on_at_once() {
        step().await;
        assert!(is_here());
    }

    #[tokio::test]
    async fn a_panic_is_told_wherever_it_was() {
        let aside = Aside::start(|| true).unwrap();
        for steps in [false, true] {
            let place = aside.place();
            let panicking = place.run(async move {
                if steps {
                    step().await;
                }
                assert!(!steps && !is_here(), "as it should");
            });
            let told = panicking.await.unwrap_err();
            assert_eq!(told.downcast_ref::<&str>(), Some(&"as it should"));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_aside_gives_way_to_what_is_not() {
        // Fields 3 on, behind the name (proc(5)); the nice value is the nineteenth.
        let nice = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let aside = Aside::start(|| true).unwrap();
        let there = aside.place().handle().spawn(async move { nice() }).await.unwrap();
        assert!(there > nice(), "{there}");
    }
}
