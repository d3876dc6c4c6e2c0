use crossdock_core::{
    event::Unobserved,
    fault::Faults,
    hub,
    message::Carried,
    port::{Delivery, DeliveryState, Ledger, QueueBody, whole},
    route::Router,
};
use crossdock_testkit::build::{entry, message, message_id};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::{home::Setup, secrets::LocalSecrets};

const HUB: &str = r#"
hub: test
endpoints:
  books: {url: "http://books.test/in", concurrency: 4}
routes:
  - {name: all, messages: ["*"], to: books, path: /all}
"#;

/// An endpoint that takes every request and never answers.
struct Hanging {
    home: Arc<LocalHome>,
    hub: Arc<Hub>,
    router: Arc<Router>,
    /// At each request.
    asked: Arc<Notify>,
    _state: TempDir,
}

impl Hanging {
    async fn new() -> Self {
        let state = TempDir::new().unwrap();
        let hub = hub::load("hub.yaml", HUB, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
        let hub = Arc::new(hub.hub);
        let asked = Arc::new(Notify::new());
        let telling = asked.clone();
        let hang = move |_| {
            telling.notify_one();
            Box::pin(std::future::pending()) as futures_util::future::BoxFuture<'static, ()>
        };
        let plan = "delay:0@before:endpoint.post#every:1".parse().unwrap();
        let setup = Setup {
            hub: hub.clone(),
            state: state.path().to_owned(),
            secrets: LocalSecrets::new(Arc::new(|_| None), state.path()),
            observer: Arc::new(Unobserved),
            allow_loopback: false,
            faults: Faults::planned(plan, Arc::new(hang)),
            on_refused: None,
        };
        let (home, router) = LocalHome::open(setup).await.unwrap();
        Self { home: Arc::new(home), hub, router, asked, _state: state }
    }

    fn queue(&self) -> QueueName {
        QueueName::Endpoint("books".parse().unwrap())
    }

    /// Puts something into the queue.
    async fn send(&self, name: &str) {
        let body = QueueBody {
            route: "all".parse().unwrap(),
            round: 1,
            message: Carried::of(&message(name)).unwrap(),
            remote: None,
        };
        let entry = entry(serde_json::to_string(&body).unwrap());
        self.home.queues().send_one(&self.queue(), entry).await.unwrap();
    }

    /// Received, and never heard of again.
    async fn vanish(&self) {
        assert_eq!(self.home.queues().receive(&self.queue(), 1, Duration::ZERO).await.unwrap().len(), 1);
    }

    async fn known(&self, name: &str) -> Option<Delivery> {
        self.home.store().deliveries_of(message_id(name)).await.and_then(whole).unwrap().pop()
    }

    /// Works until the endpoint is asked, and is stopped then. Answers with how many attempts are known of while it is.
    async fn work_and_stop(&self, name: &str) -> usize {
        let (stop, stopped) = watch::channel(false);
        let served = Served::of(&self.hub.endpoints["books"]);
        let dispatcher = Dispatcher::new(self.home.clone(), self.hub.clone(), self.router.clone());
        let (home, hub) = (self.home.clone(), self.hub.clone());
        let working = tokio::spawn(dispatch(home, hub, dispatcher, served, Duration::from_millis(20), stopped));
        self.asked.notified().await;
        let known = self.known(name).await.map_or(0, |known| known.attempts.len());
        stop.send(true).unwrap();
        working.await.unwrap();
        known
    }

    /// That nothing is known of it but that it was received, and it can be received again.
    async fn was_given_back(&self, name: &str, receives: u32) {
        let known = self.known(name).await.unwrap();
        assert_eq!((known.state, known.receives, known.attempts), (DeliveryState::Retrying, receives, Vec::new()));
        assert_eq!(self.home.local_queues().counts(&self.queue()).await.unwrap().visible, 1);
    }
}

#[tokio::test]
async fn a_stop_cuts_an_attempt_off_and_says_that_it_was_no_crash() {
    let hanging = Hanging::new().await;
    hanging.send("m").await;
    // More often than makes a suspect, which would be marked.
    for receives in 1..=7 {
        assert_eq!(hanging.work_and_stop("m").await, 0);
        hanging.was_given_back("m", receives).await;
    }
}

#[tokio::test]
async fn a_stop_takes_back_the_mark_of_a_suspect() {
    let hanging = Hanging::new().await;
    hanging.send("m").await;
    // More often than makes poison.
    for stops in 1..=6 {
        for _ in 0..5 {
            hanging.vanish().await;
        }
        assert_eq!(hanging.work_and_stop("m").await, 1);
        hanging.was_given_back("m", stops * 6).await;
    }
}
