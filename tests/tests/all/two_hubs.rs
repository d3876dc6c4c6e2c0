//! Two hubs beside each other (issue 6, point 6): random traffic through both, and nothing crosses. What either of them sends,
//! keeps, gives up, proves or switches off is seen by that one alone.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::{Value, json};

use crate::support::{
    Bench, Hub, Reply, Request, Server,
    client::{Response, call},
    now,
    random::Random,
    table, until,
};

const STEPS: u64 = 60;
/// Said to each hub at the end, so that enough has happened whatever chance has made of the rest.
pub(crate) const LAST_WORDS: u64 = 8;

/// Two files could hardly be more alike: they differ in where their servers are.
pub(crate) fn file(shop: &Server, endpoints: &Server, every: &str) -> String {
    format!(
        r#"
hub: twin
sources:
  shop:
    url: "{}"
    push: {{secret: shop-token}}
    collections:
      orders:
        type: order
        request: {{path: /orders}}
        items: items
        id: number
        created: created_at
        since: {{param: updated_at_gte, field: updated_at}}
        pages: {{style: page, param: page, total: pages}}
        start: all
        every: {every}
endpoints:
  books: {{url: "{url}/books", retries: [1s]}}
  mail: {{url: "{url}/mail", retries: [1s]}}
routes:
  - {{name: book, messages: ["order:*", "word:*"], to: books}}
  - {{name: tell, messages: ["order:*", "echo:*"], to: mail}}
"#,
        shop.url(),
        url = endpoints.url(),
    )
}

/// One of the two, as the world around it sees it. Everything that it is given has its own mark in it.
pub(crate) struct World {
    pub(crate) mark: &'static str,
    pub(crate) shop: Server,
    pub(crate) endpoints: Server,
    rows: Arc<Mutex<Vec<Value>>>,
    /// What its `books` answer.
    books: Arc<AtomicU16>,
}

impl World {
    pub(crate) async fn new(mark: &'static str) -> Self {
        let rows: Arc<Mutex<Vec<Value>>> = Arc::default();
        let listed = Arc::clone(&rows);
        let shop = Server::start(move |request| table::page(&listed.lock().unwrap(), 10, request)).await;
        let books = Arc::new(AtomicU16::new(200));
        let answer = Arc::clone(&books);
        let endpoints = Server::start(move |request| match request.path() {
            "/books" => match answer.load(Ordering::Relaxed) {
                200 => follow_up(request, mark),
                status => Reply::status(status),
            },
            _ => Reply::status(200),
        })
        .await;
        Self { mark, shop, endpoints, rows, books }
    }

    pub(crate) fn token(&self) -> String {
        format!("the token of {}", self.mark)
    }

    pub(crate) fn sell(&self, number: u64, total: u64) {
        let mut rows = self.rows.lock().unwrap();
        let id = format!("R{number}");
        rows.retain(|row| row["number"] != id.as_str());
        let at = table::stamp(now());
        rows.push(json!({"number": id, "created_at": at, "updated_at": at, "total": total, "of": self.mark}));
    }

    pub(crate) fn books_answer(&self, status: u16) {
        self.books.store(status, Ordering::Relaxed);
    }

    pub(crate) fn word(&self, number: u64) -> Value {
        json!({"message": "word:said", "payload": {"number": number, "of": self.mark}})
    }

    /// Whatever came to its endpoints is its own, and is the same that its own store has.
    pub(crate) fn check(&self) {
        let seen = self.endpoints.seen();
        assert!(seen.len() as u64 > LAST_WORDS, "{}: too little happened to tell: {}", self.mark, seen.len());
        for request in &seen {
            assert_eq!(marks(request), BTreeSet::from([self.mark.to_owned()]), "{request:?} came to {}", self.mark);
        }
    }

    /// Ids of all that came to its endpoints.
    pub(crate) fn arrived(&self) -> BTreeSet<String> {
        let seen = self.endpoints.seen();
        seen.iter().map(|request| request.webhook_id().split('.').next().unwrap().to_owned()).collect()
    }
}

fn follow_up(request: &Request, mark: &str) -> Reply {
    match request.json()["message"].as_str() {
        Some("word:said") => {
            Reply::json(200, &json!({"messages": [{"message": "echo:said", "payload": {"of": mark}}]}))
        }
        _ => Reply::status(200),
    }
}

/// Every mark that stands anywhere in what was sent.
fn marks(request: &Request) -> BTreeSet<String> {
    fn gather(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if let ("of", Value::String(mark)) = (name.as_str(), field) {
                        into.insert(mark.clone());
                    }
                    gather(field, into);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| gather(value, into)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    gather(&request.json(), &mut found);
    found
}

async fn push(hub: &Hub, token: &str, body: &Value) -> Response {
    call("POST", format!("{}/push/shop", hub.url().await)).bearer(token).json(body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_between_two_hubs_on_one_machine() {
    let mut random = Random::seeded("two hubs on one machine");
    let worlds = [World::new("left").await, World::new("right").await];
    let machine = tempfile::tempdir().unwrap();
    let benches = worlds.each_ref().map(|world| {
        Bench::new(&file(&world.shop, &world.endpoints, "1s"))
            .state_in(&machine.path().join(world.mark))
            .secret("shop-token", &world.token())
    });
    let hubs = [benches[0].start().await, benches[1].start().await];
    let mut off = [false; 2];
    for step in 0..STEPS {
        let which = random.below(2) as usize;
        let (world, bench, hub) = (&worlds[which], &benches[which], &hubs[which]);
        match random.below(8) {
            0..=2 => {
                let answer = push(hub, &world.token(), &world.word(step)).await;
                assert_eq!(answer.status, if off[which] { 403 } else { 202 }, "step {step}: {answer:?}");
            }
            3 | 4 => world.sell(random.below(5), step),
            5 => {
                let theirs = push(hub, &worlds[1 - which].token(), &world.word(step)).await;
                assert_eq!(theirs.status, 401, "step {step}: the other's token: {theirs:?}");
            }
            6 => world.books_answer(*random.pick(&[200, 200, 503])),
            _ if off[which] => {
                bench.run(&["hub", "enable"]).await.ok();
                off[which] = false;
            }
            _ if random.one_in(2) => {
                bench.run(&["hub", "disable"]).await.ok();
                off[which] = true;
            }
            _ => {
                bench.run(&["dlq", "redrive"]).await.ok();
            }
        }
    }
    for (world, bench) in worlds.iter().zip(&benches) {
        bench.run(&["hub", "enable"]).await.ok();
        world.books_answer(200);
        world.sell(99, 1);
    }
    for (world, hub) in worlds.iter().zip(&hubs) {
        for number in 0..LAST_WORDS {
            assert_eq!(push(hub, &world.token(), &world.word(STEPS + number)).await.status, 202);
        }
        let last = push(hub, &world.token(), &json!({"message": "echo:last", "payload": {"of": world.mark}})).await;
        assert_eq!(last.status, 202, "{last:?}");
        let id = last.json()["message_ids"][0].as_str().unwrap().to_owned();
        let enough = || world.arrived().contains(&id) && world.endpoints.seen().len() as u64 > LAST_WORDS;
        until("the last words", || enough().then_some(()), || hub.story()).await;
    }
    for hub in hubs {
        hub.stop().await;
    }
    let mut letters = Vec::new();
    for (place, world) in worlds.iter().enumerate() {
        world.check();
        // Its own store knows each of them, and the other's none.
        let (own, other) = (&benches[place], &benches[1 - place]);
        for id in world.arrived().iter().take(5) {
            own.run(&["show", id]).await.ok();
            assert_eq!(other.run(&["show", id]).await.status.code(), Some(1), "{id} of {}", world.mark);
        }
        let dead = own.run(&["dlq", "list", "--json"]).await.ok().json();
        letters.push(dead.as_array().unwrap().iter().map(ToString::to_string).collect::<BTreeSet<_>>());
    }
    assert!(worlds[0].arrived().is_disjoint(&worlds[1].arrived()), "no two stores make one id");
    assert!(letters[0].is_disjoint(&letters[1]));
}
