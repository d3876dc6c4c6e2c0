//! Reading beside the writer: a few threads, each with its own read-only connection.
//!
//! A read sees everything that was committed before it began, and one moment of the store only, however many
//! statements it takes: it runs in one transaction, which also spares the locking of each statement.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use crossdock_core::port::PortError;
use rusqlite::Connection;

use super::{
    damage::Damage,
    failure::Failure,
    job::{Order, hand_over},
    lanes::Lane,
};

pub(super) struct Readers {
    orders: mpsc::Sender<Order>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
    damage: Damage,
}

impl Readers {
    /// `at_start` is done first on each thread.
    pub(super) fn start(connections: Vec<Connection>, damage: Damage, at_start: fn()) -> io::Result<Self> {
        let (orders, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let threads = connections
            .into_iter()
            .map(|connection| {
                let waiting = Arc::clone(&waiting);
                thread::Builder::new().name("store-reader".to_owned()).spawn(move || {
                    at_start();
                    read_until_stopped(connection, &waiting);
                })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { orders, threads: Mutex::new(threads), damage })
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, PortError> {
        self.damage.check()?;
        let outcome = hand_over(&self.orders, Lane::Fast, false, move |connection| {
            let transaction = connection.unchecked_transaction()?;
            let outcome = work(&transaction)?;
            transaction.commit()?;
            Ok(outcome)
        })
        .await;
        self.damage.note(&outcome);
        outcome
    }

    /// Finishes what waits, then closes the connections. Blocks.
    pub(super) fn stop(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &threads {
            let _ = self.orders.send(Order::Stop);
        }
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn read_until_stopped(connection: Connection, orders: &Mutex<mpsc::Receiver<Order>>) {
    loop {
        // Whoever holds the lock waits for the next order, the others for the lock.
        let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match order {
            Ok(Order::Do(_, mut job)) => {
                // Whoever asked hears of it.
                let _ = job.run(&connection);
                job.answer(Ok(()));
            }
            Ok(Order::Stop) | Err(_) => break,
        }
    }
    let _ = connection.close();
}
