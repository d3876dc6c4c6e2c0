//! The hub in an account: rendered by the command, packaged, deployed through CloudFormation; and what can be asked of it.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{
    cloud::{Cloud, Stack, Template},
    packaged::package,
};
use crate::support::{Bench, binary::repository, now};

const FUNCTIONS: [&str; 3] = ["poller", "dispatcher", "ingest"];

pub(crate) struct Deployed {
    pub(crate) cloud: Cloud,
    pub(crate) stack: Stack,
    /// What somebody who deploys has on their machine.
    bench: Bench,
    parameters: BTreeMap<String, String>,
    editions: AtomicUsize,
}

impl Deployed {
    /// In an account of its own. The bench has the environment that `hub` is read with.
    pub(crate) async fn new(name: &str, bench: Bench, hub: &str) -> Self {
        Self::with(name, bench, hub, &[]).await
    }

    /// The same with some of the template's parameters set.
    pub(crate) async fn with(name: &str, bench: Bench, hub: &str, parameters: &[(&str, &str)]) -> Self {
        let cloud = Cloud::new();
        cloud.make_bucket().await;
        Self::create(cloud, name, bench, hub, parameters, 0).await
    }

    /// Another one in the same account.
    pub(crate) async fn beside(&self, name: &str, bench: Bench, hub: &str) -> Self {
        Self::create(self.cloud.clone(), name, bench, hub, &[], 1_000).await
    }

    /// `edition` is the first number of its uploads: no two stacks of an account may have the same.
    async fn create(
        cloud: Cloud,
        name: &str,
        bench: Bench,
        hub: &str,
        parameters: &[(&str, &str)],
        edition: usize,
    ) -> Self {
        let editions = AtomicUsize::new(edition);
        let (template, parameters) = Self::first(&cloud, &bench, hub, parameters, &editions).await;
        let stack = Stack::create(&cloud, name, &template).await;
        Self { cloud, stack, bench, parameters, editions }
    }

    /// A deployment that fails; why.
    pub(crate) async fn refused(name: &str, hub: &str, parameters: &[(&str, &str)]) -> String {
        let cloud = Cloud::new();
        cloud.make_bucket().await;
        let (template, _) = Self::first(&cloud, &Bench::empty(), hub, parameters, &AtomicUsize::new(0)).await;
        Stack::refused(&cloud, name, &template).await
    }

    async fn first(
        cloud: &Cloud,
        bench: &Bench,
        hub: &str,
        parameters: &[(&str, &str)],
        editions: &AtomicUsize,
    ) -> (Template, BTreeMap<String, String>) {
        let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        // The log of calls, of which tests read what functions do.
        let log = ("LogLevel".to_owned(), "debug".to_owned());
        let parameters = BTreeMap::from_iter([log].into_iter().chain(given));
        fs::copy(repository().join("template.yaml"), bench.path("template.yaml")).unwrap();
        fs::create_dir(bench.path("infra")).unwrap();
        (made(cloud, bench, hub, &parameters, editions).await, parameters)
    }

    /// With another hub file.
    pub(crate) async fn update(&self, hub: &str) {
        let template = made(&self.cloud, &self.bench, hub, &self.parameters, &self.editions).await;
        self.stack.update(&template).await;
    }

    pub(crate) fn function(&self, name: &str) -> String {
        assert!(FUNCTIONS.contains(&name), "{name}");
        format!("{}-{name}", self.stack.name)
    }

    pub(crate) fn queue(&self, endpoint: &str) -> String {
        format!("{}-to-{endpoint}", self.stack.name)
    }

    pub(crate) fn dead_letters(&self, endpoint: &str) -> String {
        format!("{}-dead-{endpoint}", self.stack.name)
    }

    /// Messages that are on their way to any endpoint.
    pub(crate) async fn waiting(&self) -> u64 {
        let prefix = self.queue("");
        let mut waiting = 0;
        for queue in self.cloud.queues().await.iter().filter(|queue| queue.starts_with(&prefix)) {
            waiting += self.cloud.depth(queue).await.total();
        }
        waiting
    }

    /// How long what was received for an endpoint is hidden, in seconds. As deployed it is many minutes, and so long would
    /// a test have to wait for what a dead function had.
    pub(crate) async fn set_visibility(&self, seconds: u32) {
        let prefix = self.queue("");
        for queue in self.cloud.queues().await.iter().filter(|queue| queue.starts_with(&prefix)) {
            self.cloud.set_visibility(queue, seconds).await;
        }
    }

    /// A turn of the collection's schedule, which does not come every moment.
    pub(crate) async fn poll(&self, collection: &str) -> Value {
        self.cloud.invoke(&self.function("poller"), &json!({"task": "poll", "collection": collection})).await
    }

    /// Completes thin events.
    pub(crate) async fn fetch(&self, collection: &str) -> Value {
        let task = json!({"task": "poll", "collection": collection, "way": "fetch"});
        self.cloud.invoke(&self.function("poller"), &task).await
    }

    pub(crate) async fn publish(&self) -> Value {
        self.cloud.invoke(&self.function("poller"), &json!({"task": "publish"})).await
    }

    pub(crate) async fn sweep(&self) -> Value {
        self.cloud.invoke(&self.function("poller"), &json!({"task": "sweep"})).await
    }

    /// As if whoever polled it had been gone for so long that another may.
    pub(crate) async fn expire_lease(&self, collection: &str) {
        let past = "2000-01-01T00:00:00.000000Z".to_owned();
        let key = [&format!("c#{collection}"), "state"];
        self.cloud.set_texts(&self.stack.name, key, &[("lease_until", past)]).await;
    }

    /// As if the message had been stored three hours ago, and a delivery of it had gone, record and all.
    pub(crate) async fn forget(&self, message: &str, route: &str) {
        let partition = format!("m#{message}");
        self.cloud.delete_item(&self.stack.name, [&partition, &format!("d#{route}#0000000001")]).await;
        let items = self.cloud.items(&self.stack.name).await;
        let item =
            items.iter().find(|item| (item.text("pk"), item.text("sk")) == (Some(&partition), Some("m"))).unwrap();
        let shard = item.text("by").and_then(|by| by.rsplit('#').next()).unwrap();
        let then = format!("{:.6}", now() - jiff::SignedDuration::from_hours(3));
        let place = [
            ("at", then.clone()),
            ("by", format!("s#{}#{shard}", &then[..13])),
            ("by_sk", format!("{then}#{message}")),
        ];
        self.cloud.set_texts(&self.stack.name, [&partition, "m"], &place).await;
    }

    /// As if the hub had been at work for days, and nothing had been heard of a delivery for weeks, which had no outcome then.
    pub(crate) async fn silence(&self, message: &str, route: &str) {
        let (partition, sort) = (format!("m#{message}"), format!("d#{route}#0000000001"));
        let items = self.cloud.items(&self.stack.name).await;
        let at = |sk: &str| {
            items.iter().find(|item| (item.text("pk"), item.text("sk")) == (Some(&*partition), Some(sk))).unwrap()
        };
        let shard = at("m").text("by").and_then(|by| by.rsplit('#').next()).unwrap();
        let endpoint = at(&sort).text("endpoint").unwrap();
        let before = |days: i64| now() - jiff::SignedDuration::from_hours(24 * days);
        let then = format!("{:.6}", before(20));
        let silent = [
            ("state", "retrying".to_owned()),
            ("at", then.clone()),
            ("by", format!("d#{endpoint}#retrying#{shard}")),
            ("by_sk", then),
        ];
        self.cloud.set_texts(&self.stack.name, [&partition, &sort], &silent).await;
        let mark = json!({"looks": [], "at_work": {"since": before(3), "until": now()}});
        self.cloud.set_texts(&self.stack.name, ["hub", "job#sweep"], &[("mark", mark.to_string())]).await;
    }

    /// Of all functions, each line with the name of its own.
    pub(crate) async fn lines(&self) -> Vec<(&'static str, Value)> {
        let mut lines = Vec::new();
        for name in FUNCTIONS {
            lines.extend(self.cloud.lines(&self.function(name)).await.into_iter().map(|line| (name, line)));
        }
        lines
    }
}

/// Loopback is nothing that a hub on AWS may reach, and `crossdock render` refuses it. Here the functions run where the
/// tests' servers do: one that is called this is put back on this machine when the package is written.
const AWAY: &str = "servers.test";
const HERE: &str = "127.0.0.1";

/// As a bench on which something is rendered must have it.
pub(crate) fn away(url: &str) -> String {
    url.replace(HERE, AWAY)
}

async fn made(
    cloud: &Cloud,
    bench: &Bench,
    hub: &str,
    parameters: &BTreeMap<String, String>,
    editions: &AtomicUsize,
) -> Template {
    fs::write(bench.path("infra/hub.yaml"), away(hub)).unwrap();
    bench.run_exactly(&["render", "--hub", "infra/hub.yaml"]).await.ok();
    bench.run_exactly(&["render", "--hub", "infra/hub.yaml", "--package", "hub.json"]).await.ok();
    let compiled = fs::read_to_string(bench.path("hub.json")).unwrap().replace(AWAY, HERE);
    let packaged =
        package(cloud, &bench.path("template.yaml"), compiled.as_bytes(), editions.fetch_add(1, Ordering::Relaxed));
    for (key, bytes) in packaged.uploads {
        cloud.upload(&key, bytes).await;
    }
    Template { text: packaged.template, parameters: parameters.clone() }
}
