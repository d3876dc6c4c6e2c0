//! A hub that goes on and on: its memory and its state level off, and nothing is lost to the forgetting.
//!
//! Mixed traffic (polled changes, pushed objects and messages, follow-ups, parameters) for endpoints of every temper:
//! quick, slow, sometimes down, always failing, hanging, refusing, and one that asks to be left alone. What is over
//! expires after seconds, so that the hub forgets all the while; what it forgets is kept in the test's own books
//! ([`books`]), from the hub's events and the endpoints' requests, and compared at the end. The hub is measured every
//! now and then ([`measures`]).
//!
//! `CROSSDOCK_SOAK` is for how many seconds; 24 without it, and ten minutes with `CROSSDOCK_LONG=1`. Nothing is asserted
//! of how long anything takes.

mod books;
mod measures;
mod world;

use std::{sync::Arc, time::Duration};

use crossdock_core::event::EventName;

use self::{books::Books, measures::Measures, world::World};
use crate::support::{
    Bench, Hub, Server, hub::database, random::Random, server::Refusing, setting, show::object, until,
};

/// Runs of this length have an endpoint that is paused for a while.
const PAUSABLE: Duration = Duration::from_secs(120);

fn duration() -> Duration {
    let default = if setting("CROSSDOCK_LONG").is_some() { 600 } else { 24 };
    let seconds = setting("CROSSDOCK_SOAK").map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("CROSSDOCK_SOAK: found {text:?}, expected a number of seconds"))
    });
    Duration::from_secs(seconds)
}

fn hub_file(world: &str, refusing: &str) -> String {
    format!(
        r#"
hub: soak
retention: {{deliveries: 4s, dead_letters: 3s, versions: 4s}}
sources:
  shop:
    url: "{world}"
    push: {{secret: push-token}}
    collections:
      items:
        type: item
        request: {{path: /items}}
        items: items
        id: number
        since: {{param: updated_at_gte, field: updated_at, overlap: 1s}}
        pages: {{style: page, param: page, total: pages}}
        every: 200ms
        start: all
        volatile: [updated_at]
        keys: {{rank: {{path: rank, as: number}}}}
      stock: {{type: stock, request: {{path: /stock}}, id: sku, every: 5s, start: all}}
endpoints:
  quick: {{url: "{world}/quick", retries: [500ms, 1s, 2s, 4s, 8s, 16s]}}
  slow: {{url: "{world}/slow", retries: [500ms, 1s, 2s, 4s, 8s, 16s], concurrency: 16}}
  flapping: {{url: "{world}/flapping", retries: [200ms, 400ms, 400ms, 800ms, 800ms, 800ms, 2s, 4s, 8s]}}
  resting: {{url: "{world}/resting", retries: [500ms, 1s, 2s, 4s, 8s, 16s]}}
  failing: {{url: "{world}/failing", retries: [50ms, 100ms]}}
  hanging: {{url: "{world}/hanging", retries: [100ms], timeout: 500ms}}
  refusing: {{url: "{refusing}", retries: [50ms]}}
routes:
  - {{name: all, messages: ["item:*"], to: quick}}
  - {{name: receipts, messages: ["receipt:made"], to: quick, path: /receipts}}
  - {{name: notes, messages: ["note:taken"], to: slow}}
  - {{name: stock, messages: ["stock:*"], to: flapping}}
  - {{name: rest, messages: ["note:taken"], to: resting}}
  - {{name: fail, messages: ["item:*"], to: failing, filters: [{{path: keys.rank, operator: lt, value: 10}}]}}
  - {{name: hang, messages: ["item:*"], to: hanging, filters: [{{path: keys.rank, operator: is, value: 0}}]}}
  - {{name: refuse, messages: ["item:*"], to: refusing, filters: [{{path: keys.rank, operator: between, value: [10, 19]}}]}}
"#
    )
}

struct Run {
    bench: Bench,
    hub: Hub,
    world: Arc<World>,
    books: Books,
    measures: Measures,
}

impl Run {
    /// Reads what the hub says, and measures it.
    fn look(&mut self) {
        self.books.read(self.hub.take_events());
        self.measures.take(&database(&self.bench), self.hub.process_id());
    }

    /// While something happens in the world.
    async fn busy(&mut self, lasting: Duration) {
        let pause = (lasting / 60).clamp(Duration::from_millis(400), Duration::from_secs(5));
        let pauses = lasting.as_millis() / pause.as_millis();
        for place in 0..pauses {
            tokio::time::sleep(pause).await;
            self.look();
            // What has waited for a paused endpoint goes on a minute after it: too long for a short run.
            if place == pauses / 10 && lasting >= PAUSABLE {
                self.world.wants_rest();
                let asked = self.hub.event("a pause", |event| event.event == EventName::EndpointPaused);
                assert_eq!(asked.await.endpoint.as_deref(), Some("resting"));
            }
            if place == pauses / 5 && lasting >= PAUSABLE {
                self.bench.run(&["endpoint", "resume", "resting"]).await.ok();
            }
            if place == pauses / 2 {
                // What may go is told and removed beside the hub that does the same.
                let shown = self.bench.run(&["gc", "--json"]).await.ok().json();
                assert_eq!(shown["removed"], false, "{shown}");
                let removed = self.bench.run(&["gc", "--apply", "--json"]).await.ok().json();
                assert_eq!(removed["removed"], true, "{removed}");
            }
        }
    }

    /// Until nothing is on its way, and then until all that may expire is gone.
    async fn quiet(&mut self) {
        let file = database(&self.bench);
        let (books, hub, world) = (&mut self.books, &self.hub, &self.world);
        let settled = || {
            books.read(hub.take_events());
            (world.is_known(books) && measures::look(&file).waiting == 0).then_some(())
        };
        until("everything to be settled", settled, || self.hub.log()).await;
        let forgotten = || {
            let counts = measures::look(&file);
            (counts.messages <= 1 && counts.dead == 0 && counts.versions == counts.objects).then_some(counts)
        };
        let left = until("everything to be forgotten", forgotten, || format!("{:?}", measures::look(&file))).await;
        // What was done a moment ago may not have been said yet.
        let told = || {
            books.read(hub.take_events());
            books.open().is_empty().then_some(())
        };
        until("every delivery's end", told, || hub.log()).await;
        assert_eq!(left.objects, world::OBJECTS, "heads are never forgotten");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_state_level_off_and_nothing_is_lost() {
    let mut random = Random::seeded("soak");
    let world = Arc::new(World::new());
    let asked = Arc::clone(&world);
    let server = Server::forgetful(move |request| asked.answer(request)).await;
    let refusing = Refusing::new();
    let bench = Bench::new(&hub_file(server.url(), &refusing.url)).secret("push-token", world::TOKEN);
    let hub = bench.start().await;
    let url = hub.url().await;

    let mut run = Run { bench, hub, world: Arc::clone(&world), books: Books::default(), measures: Measures::default() };
    let (living, mut mood) = (Arc::clone(&world), random.split());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let life = tokio::spawn(async move { living.live(&url, &mut mood, &stopped).await });
    run.busy(duration()).await;
    stop.send(true).unwrap();
    life.await.unwrap();
    run.quiet().await;

    run.measures.level_off();
    run.books.balance(&world);
    assert_eq!(run.books.paused, u64::from(duration() >= PAUSABLE));
    // Nothing is left to remove, and yet a change is told against what was known.
    let left = run.bench.run(&["gc", "--json"]).await.ok().json();
    for (kind, lot) in left["expired"].as_object().unwrap() {
        assert_eq!(lot["count"], 0, "{kind}: {lot}");
    }
    let (item, known) = (world::number(50), world.revision(50));
    let shown = object(&run.bench, &item).await;
    assert_eq!(shown["versions"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["versions"][0]["body"]["revision"], known, "{shown}");
    let number = shown["versions"][0]["version"].as_u64().unwrap();
    assert_eq!(shown["expired_versions"], number - 1, "{shown}");
    world.change(50);
    let told = || world.told(&item).filter(|message| message["payload"]["item"]["actual"]["revision"] == known + 1);
    let told = until("the change", told, || run.hub.story()).await;
    assert_eq!(told["message"], "item:updated");
    assert_eq!(told["previous"]["revision"], known, "{told}");
    run.hub.stop().await;
}
