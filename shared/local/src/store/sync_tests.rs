use std::{
    cell::RefCell,
    sync::{Arc, Mutex},
};

use super::*;

/// Says under its number what it was answered.
struct Told(u32, Arc<Mutex<Vec<(u32, bool)>>>);

impl Job for Told {
    fn durable(&self) -> bool {
        true
    }
    fn run(&mut self, _: &Connection) -> Result<(), PortError> {
        Ok(())
    }
    fn answer(self: Box<Self>, commit: Result<(), PortError>) {
        self.1.lock().unwrap().push((self.0, commit.is_ok()));
    }
}

/// What jobs are answered, those of a list at each flush, when the flushes go so.
fn check(at_each_flush: &[&[u32]], flushes: &[bool], expected: &[(u32, bool)]) {
    let told = Arc::default();
    let job = |number: u32| -> Box<dyn Job> { Box::new(Told(number, Arc::clone(&told))) };
    let (commits, made) = mpsc::channel();
    let mut waves = at_each_flush.iter();
    let mut send_next = move || {
        for number in waves.next().copied().unwrap_or_default() {
            commits.send(vec![job(*number)]).unwrap();
        }
    };
    send_next();
    let state = RefCell::new((flushes.iter(), Some(send_next)));
    flush_until_closed(&made, &Damage::none(), || {
        let (outcomes, send_next) = &mut *state.borrow_mut();
        assert!(told.lock().unwrap().len() < expected.len());
        send_next.as_mut().unwrap()();
        let outcome = *outcomes.next().expect("no flush after one that failed");
        if outcomes.len() == 0 {
            // Nobody commits any more.
            *send_next = None;
        }
        if outcome { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    });
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn one_flush_answers_all_that_came_before_it() {
    check(
        &[&[1, 2, 3], &[4], &[5, 6]],
        &[true; 3],
        &[(1, true), (2, true), (3, true), (4, true), (5, true), (6, true)],
    );
}

#[test]
fn after_a_flush_that_failed_nothing_is_durable() {
    check(&[&[1], &[2], &[3]], &[true, false], &[(1, true), (2, false), (3, false)]);
}

#[test]
fn what_nobody_waits_for_is_flushed_with_the_next_or_at_the_end() {
    let check = |nobody: usize, somebody: usize, expected: usize| {
        let told = Arc::default();
        let (commits, made) = mpsc::channel();
        for _ in 0..nobody {
            commits.send(Vec::new()).unwrap();
        }
        for _ in 0..somebody {
            commits.send(vec![Box::new(Told(1, Arc::clone(&told))) as Box<dyn Job>]).unwrap();
        }
        drop(commits);
        let flushes = RefCell::new(0);
        flush_until_closed(&made, &Damage::none(), || {
            *flushes.borrow_mut() += 1;
            Ok(())
        });
        assert_eq!((*flushes.borrow(), told.lock().unwrap().len()), (expected, somebody));
    };
    check(3, 0, 1);
    check(3, 2, 1);
    check(0, 1, 1);
}
