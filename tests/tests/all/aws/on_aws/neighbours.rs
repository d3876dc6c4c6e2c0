//! Two hubs in one account: random traffic through both, and nothing crosses. No role of one may touch what is the other's.

use serde_json::{Value, json};

use super::{
    operated::operator,
    permissions::{allowed, is_of},
};
use crate::{
    aws::{cloud::until, deployed::Deployed},
    support::{
        Bench,
        client::{Response, call},
        random::Random,
    },
    two_hubs::{LAST_WORDS, World, file},
};

const STEPS: u64 = 40;
/// The one begins as the other does.
const STACKS: [&str; 2] = ["twin", "twin-b"];

struct Neighbour {
    world: World,
    hub: Deployed,
    operator: Bench,
    url: String,
}

impl Neighbour {
    async fn new(world: World, hub: Deployed) -> Self {
        let stack = &hub.stack.name;
        hub.cloud.put_secret(&format!("/{stack}/shop-token"), &world.token()).await;
        let url = hub.cloud.function_url(&hub.function("ingest")).await;
        let operator = operator(hub.cloud.url(), hub.cloud.account());
        std::fs::write(operator.path("infra/hub.yaml"), file(&world.shop, &world.endpoints, "24h")).unwrap();
        Self { world, hub, operator, url }
    }

    async fn push(&self, token: &str, body: &Value) -> Response {
        call("POST", format!("{}/push/shop", self.url)).bearer(token).json(body).send().await
    }

    async fn says(&self, arguments: &[&str]) {
        let place = format!("aws:{}", self.hub.stack.name);
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--on", &place]).collect();
        self.operator.run_exactly(&arguments).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_between_two_hubs_in_one_account() {
    let mut random = Random::seeded("two hubs in one account");
    let [left, right] = [World::new("left").await, World::new("right").await];
    let files = [&left, &right].map(|world| file(&world.shop, &world.endpoints, "24h"));
    let one = Deployed::new(STACKS[0], Bench::empty(), &files[0]).await;
    let other = one.beside(STACKS[1], Bench::empty(), &files[1]).await;
    let both = [Neighbour::new(left, one).await, Neighbour::new(right, other).await];

    let mut off = [false; 2];
    for step in 0..STEPS {
        let which = random.below(2) as usize;
        let (this, that) = (&both[which], &both[1 - which]);
        match random.below(8) {
            0..=2 => {
                let answer = this.push(&this.world.token(), &this.world.word(step)).await;
                assert_eq!(answer.status, if off[which] { 403 } else { 202 }, "step {step}: {answer:?}");
            }
            3 | 4 => {
                this.world.sell(random.below(5), step);
                let polled = this.hub.poll("shop/orders").await;
                assert_eq!(polled == json!("disabled"), off[which], "step {step}: {polled}");
            }
            5 => {
                let theirs = this.push(&that.world.token(), &this.world.word(step)).await;
                assert_eq!(theirs.status, 401, "step {step}: the other's token: {theirs:?}");
            }
            6 => this.world.books_answer(*random.pick(&[200, 200, 503])),
            _ if off[which] => {
                this.says(&["hub", "enable"]).await;
                off[which] = false;
            }
            _ if random.one_in(2) => {
                this.says(&["hub", "disable"]).await;
                off[which] = true;
            }
            _ => this.says(&["dlq", "redrive"]).await,
        }
    }
    for this in &both {
        this.says(&["hub", "enable"]).await;
        this.world.books_answer(200);
        for number in 0..LAST_WORDS {
            assert_eq!(this.push(&this.world.token(), &this.world.word(STEPS + number)).await.status, 202);
        }
        let last = json!({"message": "echo:last", "payload": {"of": this.world.mark}});
        let last = this.push(&this.world.token(), &last).await;
        assert_eq!(last.status, 202, "{last:?}");
        let id = last.json()["message_ids"][0].as_str().unwrap().to_owned();
        until("the last word", async || this.world.arrived().contains(&id).then_some(())).await;
    }
    let mut states = Vec::new();
    for this in &both {
        until("empty queues", async || (this.hub.waiting().await == 0).then_some(())).await;
        this.world.check();
        states.push(this.hub.state().await);
    }
    for (place, this) in both.iter().enumerate() {
        let (own, other) = (&states[place].messages, &states[1 - place].messages);
        for id in this.world.arrived() {
            assert!(own.contains_key(&id), "{id} came to {} from elsewhere", this.world.mark);
            assert!(!other.contains_key(&id), "{id} of {} is in the other's table", this.world.mark);
        }
    }

    // What nobody asks of an emulator: whether a role could.
    let queues = both[0].hub.cloud.queues().await;
    let begins = |queue: &str, stack: &str| queue.starts_with(&format!("{stack}-"));
    let of_second = |queue: &String| begins(queue, STACKS[1]);
    let theirs: [Vec<String>; 2] = [
        queues.iter().filter(|queue| of_second(queue)).cloned().collect(),
        queues.iter().filter(|queue| begins(queue, STACKS[0]) && !of_second(queue)).cloned().collect(),
    ];
    for (place, this) in both.iter().enumerate() {
        let stack = STACKS[1 - place];
        assert!(theirs[place].len() >= 4, "{queues:?}");
        let names = [stack.to_owned(), format!("{stack}/index/by"), format!("/{stack}/shop-token")];
        for function in ["poller", "dispatcher", "ingest"] {
            let statements = allowed(&this.hub, function).await;
            assert!(statements.len() > 3, "{function}");
            // X-Ray knows no resources.
            for statement in statements.iter().filter(|statement| statement.sid != "Traces") {
                for pattern in &statement.resources {
                    assert_ne!(pattern, "*", "{function}, {}", statement.sid);
                    let touched = theirs[place].iter().chain(&names).find(|name| is_of(pattern, name));
                    assert_eq!(touched, None, "{function} of {}, {}: {pattern}", STACKS[place], statement.sid);
                }
            }
        }
    }
}
