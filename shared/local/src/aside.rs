//! Threads for what nobody waits for.
//!
//! Much work takes processor time from what somebody waits for, however often it gives way: what is woken waits for what
//! runs. So it is done on threads of its own, of low priority. A task begins where all others are; when it turns out to be
//! long it steps aside ([`step`]), and goes on there to its end.
//!
//! While things come in that somebody waits for, it goes on only where nothing else wants a processor, and rests there for
//! longer than it has worked, after little work each time. A delivery passes from thread to thread some ten times, and each
//! time a thread of merely low priority would be let finish its turn on the processor first. At all other times it has threads
//! that get something even of a machine that is busy with something else, such as a build.
//!
//! A priority that the system does not grant is none: the threads are apart in any case, and share fairly.
//!
//! Deliberately absent: any wish of a task to be moved by somebody else, and a way back to where it began.

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

/// How much longer than it has worked long work rests while somebody waits for other things; for the writer's slow lane too.
pub(crate) const REST: u32 = 8;
/// After how much work a task does.
const STRETCH: Duration = Duration::from_millis(1);
/// What looks like more work than this was waiting for a processor.
const LONGEST_STRETCH: Duration = Duration::from_millis(20);

/// Halfway to the lowest there is: a nice value of 9 on Unix.
const LOW: u8 = 25;

tokio::task_local! {
    /// Whether this task has stepped aside, or is about to.
    static ASIDE: Arc<AtomicBool>;
}

/// For this thread from now on: a thread may lower its priority and not raise it (setpriority(2), sched(7)).
pub(crate) fn lower_priority() {
    let Ok(low) = LOW.try_into() else { return };
    note(set_current_thread_priority(ThreadPriority::Crossplatform(low)));
}

/// Only what nobody else wants. On Linux whoever is woken takes the processor at once from such a thread, and from no other.
fn lower_priority_to_idle() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        note(set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle));
    }
    #[cfg(not(target_os = "linux"))]
    note(set_current_thread_priority(ThreadPriority::Min));
}

fn note(granted: Result<(), thread_priority::Error>) {
    if let Err(error) = granted {
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
    runtimes: Vec<Runtime>,
    place: Place,
}

impl Aside {
    /// `is_waited_for` tells when tasks are to be in nobody's way.
    pub(crate) fn start(is_waited_for: impl Fn() -> bool + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = |threads, name: &str, at_start: fn()| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads).thread_name(name).on_thread_start(at_start).enable_all().build()
        };
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let low = runtime(processors, "aside", lower_priority)?;
        let idle = runtime(1, "aside-idle", lower_priority_to_idle)?;
        let is_waited_for = Arc::new(is_waited_for);
        let place = Place { low: low.handle().clone(), idle: idle.handle().clone(), is_waited_for };
        Ok(Self { runtimes: vec![low, idle], place })
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // To wait is not allowed here: this may be a task itself.
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
    }
}

/// Where tasks can step aside to.
#[derive(Clone)]
pub(crate) struct Place {
    low: Handle,
    idle: Handle,
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
        let here = poll_fn(|context| match task.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if aside.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if let Some(ended) = here.await {
            return ended;
        }
        loop {
            let is_idle = (self.is_waited_for)();
            let threads = if is_idle { &self.idle } else { &self.low };
            let there = threads.spawn(work(task, is_idle, self.is_waited_for.clone()));
            match there.await.map_err(|stopped| Box::new(stopped) as Panic)? {
                Worked::Ended(ended) => return ended,
                Worked::ElsewhereNow(rest) => task = rest,
            }
        }
    }

    /// For what belongs there altogether.
    pub(crate) fn handle(&self) -> &Handle {
        &self.low
    }
}

enum Worked<T, F> {
    Ended(T),
    ElsewhereNow(Pin<Box<F>>),
}

/// The task on one sort of threads, with its rests.
async fn work<F: Future>(
    mut task: Pin<Box<F>>,
    is_idle: bool,
    is_waited_for: Arc<dyn Fn() -> bool + Send + Sync>,
) -> Worked<F::Output, F> {
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
            return Worked::Ended(ended);
        }
        // What wakes the task from here on is not lost: it is asked again in any case.
        if is_idle {
            tokio::time::sleep(worked.min(LONGEST_STRETCH) * REST).await;
        }
        if is_waited_for() != is_idle {
            return Worked::ElsewhereNow(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> String {
        match thread::current().name() {
            Some(name @ ("aside" | "aside-idle")) => name.to_owned(),
            _ => "here".to_owned(),
        }
    }

    /// Works for longer than a stretch.
    async fn work_on() {
        thread::sleep(STRETCH);
        tokio::task::yield_now().await;
    }

    #[tokio::test]
    async fn a_task_goes_on_aside_from_where_it_steps_there() {
        let is_waited_for = Arc::new(AtomicBool::new(false));
        let telling = is_waited_for.clone();
        let aside = Aside::start(move || telling.load(Ordering::Relaxed)).unwrap();
        let place_of_run = aside.place();
        let places = place_of_run.run(async move {
            let mut places = vec![place()];
            for waits in [false, true, true, false] {
                is_waited_for.store(waits, Ordering::Relaxed);
                step().await;
                work_on().await;
                places.push(place());
            }
            places
        });
        assert_eq!(places.await.unwrap(), ["here", "aside", "aside-idle", "aside-idle", "aside"]);
        assert_eq!(aside.place().run(async { place() }).await.unwrap(), "here");
        assert_eq!(aside.place().handle().spawn(async { place() }).await.unwrap(), "aside");
    }

    #[tokio::test]
    async fn whoever_cannot_be_moved_goes_on_at_once() {
        step().await;
        assert_eq!(place(), "here");
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
                std::panic::panic_any("as it should");
            });
            let told = panicking.await.unwrap_err();
            assert_eq!(told.downcast_ref::<&str>(), Some(&"as it should"));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_is_aside_gives_way_to_what_is_not() {
        // Fields 3 on, behind the name (proc(5)): the nice value is the nineteenth, the policy the forty-first.
        let nice_and_policy = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let fields: Vec<i128> = stat.rsplit_once(')').unwrap().1.split_whitespace().flat_map(str::parse).collect();
            (fields[15], fields[37])
        };
        let idle = 5;
        let aside = Aside::start(|| true).unwrap();
        let low = aside.place().low.spawn(async move { nice_and_policy() }).await.unwrap();
        assert!(low.0 > nice_and_policy().0, "{low:?}");
        let lowest = aside.place().idle.spawn(async move { nice_and_policy() }).await.unwrap();
        assert_eq!(lowest.1, idle);
    }
}
