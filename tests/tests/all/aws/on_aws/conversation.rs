//! The conversation as data, on a deployed hub: one stack for all cases.

use crossdock_testkit::conversation::Runner;

use super::operated::operator;
use crate::{
    aws::deployed::Deployed,
    conversation::{Home, TOKEN, Theatre},
    support::{Bench, hub::Done},
};

const STACK: &str = "conversation";

struct Aws {
    hub: Deployed,
    operator: Bench,
    url: String,
}

impl Home for Aws {
    fn url(&self) -> String {
        self.url.clone()
    }

    async fn run(&self, arguments: &[&str]) -> Done {
        let place = format!("aws:{STACK}");
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--on", &place]).collect();
        self.operator.run_exactly(&arguments).await
    }

    async fn dead_letters(&self) -> Vec<(String, String, String)> {
        let mut letters = Vec::new();
        for queue in self.hub.cloud.queues().await {
            let Some(endpoint) = queue.strip_prefix(&self.hub.dead_letters("")) else { continue };
            for letter in self.hub.cloud.peek(&queue).await {
                let word = |name: &str| letter["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_default();
                letters.push((endpoint.to_owned(), word("message_id").to_owned(), word("reason").to_owned()));
            }
        }
        letters
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case() {
    let theatre = Theatre::new(Runner::Aws).await;
    let hub = Deployed::new(STACK, Bench::empty(), &theatre.hub).await;
    hub.cloud.put_secret(&format!("/{STACK}/push"), TOKEN).await;
    let url = hub.cloud.function_url(&hub.function("ingest")).await;
    let operator = operator(hub.cloud.url(), hub.cloud.account());
    std::fs::write(operator.path("infra/hub.yaml"), &theatre.hub).unwrap();
    theatre.play(&Aws { hub, operator, url }).await;
}
