//! What a running hub prints, on a thread of its own: whoever reads slowly, or not at all, holds up nothing but what they
//! are to read. Events wait for them, as many as there are; none is left out.
//!
//! A busy hub has thousands of events a second. So the thread takes all that wait, prints them in one go, and rests for a
//! moment too short to be noticed: nobody has to wake it for each of them.

use std::{io, sync::mpsc, thread, time::Duration};

use crossdock_core::event::{HubEvent, Observer};
use tokio::sync::oneshot;

use crate::failure::Failure;

#[derive(Debug)]
pub(crate) enum Item {
    Event(Box<HubEvent>),
    Summary(String),
    /// For whoever runs the command.
    Note(String),
    /// Nothing comes after it.
    End,
}

/// The rest between two bursts.
const REST: Duration = Duration::from_millis(10);
/// Items printed in one go.
const LARGEST_BURST: usize = 1024;

/// The way to the printer.
#[derive(Debug, Clone)]
pub(crate) struct Feed(mpsc::Sender<Item>);

impl Feed {
    pub(crate) fn send(&self, item: Item) {
        // A printer that is gone has nobody to print for; whoever waits for its end knows.
        let _ = self.0.send(item);
    }
}

impl Observer for Feed {
    fn observe(&self, event: HubEvent) {
        self.send(Item::Event(Box::new(event)));
    }
}

/// Resolves when the printer has printed everything up to the end, or cannot print any more.
pub(crate) type Ended = oneshot::Receiver<io::Result<()>>;

/// `print` gets what has come since it was last called, in order.
pub(crate) fn start(print: impl FnMut(Vec<Item>) -> io::Result<()> + Send + 'static) -> Result<(Feed, Ended), Failure> {
    let (feed, items) = mpsc::channel();
    let (ended, end) = oneshot::channel();
    let work = move || {
        let _ = ended.send(print_all(&items, print));
    };
    thread::Builder::new().name("printer".to_owned()).spawn(work)?;
    Ok((Feed(feed), end))
}

fn print_all(items: &mpsc::Receiver<Item>, mut print: impl FnMut(Vec<Item>) -> io::Result<()>) -> io::Result<()> {
    while let Ok(first) = items.recv() {
        let mut burst: Vec<Item> = std::iter::once(first).chain(items.try_iter()).take(LARGEST_BURST).collect();
        let full = burst.len() == LARGEST_BURST;
        let end = burst.iter().position(|item| matches!(item, Item::End));
        burst.truncate(end.unwrap_or(LARGEST_BURST));
        print(burst)?;
        if end.is_some() {
            break;
        }
        if !full {
            thread::sleep(REST);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn print_to(printed: &Arc<Mutex<Vec<String>>>) -> impl FnMut(Vec<Item>) -> io::Result<()> + use<> {
        let printed = Arc::clone(printed);
        move |burst| {
            for item in burst {
                let Item::Summary(text) = item else { panic!("{item:?}") };
                printed.lock().unwrap().push(text);
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_who_does_not_read_holds_up_nobody_and_misses_nothing() {
        let printed = Arc::default();
        let (reads, starts_to_read) = mpsc::channel::<()>();
        let mut print = print_to(&printed);
        let (feed, mut ended) = start(move |burst| {
            // Never again an error: the sender is gone by then.
            let _ = starts_to_read.recv();
            print(burst)
        })
        .unwrap();
        let texts: Vec<String> = (0..3_000).map(|number| number.to_string()).collect();
        for text in &texts {
            feed.send(Item::Summary(text.clone()));
        }
        feed.send(Item::End);
        assert!(ended.try_recv().is_err());
        drop(reads);
        ended.await.unwrap().unwrap();
        assert_eq!(*printed.lock().unwrap(), texts);
    }

    #[tokio::test]
    async fn an_output_that_fails_ends_it() {
        let (feed, ended) = start(|_| Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        feed.send(Item::Summary("one".to_owned()));
        assert_eq!(ended.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        feed.send(Item::Summary("two".to_owned()));
    }
}
