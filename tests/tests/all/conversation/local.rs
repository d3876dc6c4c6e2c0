//! On the local hub.

use crossdock_testkit::conversation::Runner;

use super::{Home, TOKEN, Theatre};
use crate::support::{Bench, hub::Done, show::dead_letters};

struct Local {
    bench: Bench,
    url: String,
}

impl Home for Local {
    fn url(&self) -> String {
        self.url.clone()
    }

    async fn run(&self, arguments: &[&str]) -> Done {
        self.bench.run(arguments).await
    }

    async fn dead_letters(&self) -> Vec<(String, String, String)> {
        let letters = dead_letters(&self.bench).await;
        letters.into_iter().map(|letter| (letter.endpoint, letter.message_id, letter.reason)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case() {
    let theatre = Theatre::new(Runner::Local).await;
    let bench = Bench::new(&theatre.hub).secret("push", TOKEN);
    let hub = bench.start().await;
    let url = hub.url().await;
    theatre.play(&Local { bench, url }).await;
    hub.stop().await;
}
