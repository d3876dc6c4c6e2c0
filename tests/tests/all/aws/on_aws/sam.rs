//! As `docs/deploying.md` says: `sam build` and `sam deploy`, on the repository's own template, settings, Makefiles, sample
//! hub and renderings. Then one order goes its way through what they have made.
//!
//! The other cases package by themselves (`packaged`), in seconds rather than a minute; this one is what their short cut is
//! measured by. It differs from a real deployment in two things: programs that are there already are packed, for this
//! machine and not for arm64; and the servers of the test, which are on loopback, get their names back after the build.
//!
//! `./test` installs sam (`tests/tools/sam.txt`) into `target/tools/sam`, and skips this module where it could not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{
    aws::{
        cloud::{Cloud, REGION, until},
        deployed::away,
    },
    support::{
        Reply, Server,
        binary::{crossdock, repository},
        now, setting, table,
    },
};

/// What `samconfig.toml` calls it.
const STACK: &str = "my-shop";

/// `build` and `deploy` have this long each. They pack and upload programs that are not small in a debug build.
const LONGEST: Duration = Duration::from_secs(300);

/// What a clone of the repository has of what sam reads.
const FILES: [&str; 7] = [
    "template.yaml",
    "samconfig.toml",
    "infra/functions.mk",
    "infra/hub.yaml",
    "functions/poller/Makefile",
    "functions/dispatcher/Makefile",
    "functions/ingest/Makefile",
];

/// Where the sample hub's environment says its servers are.
const SERVERS: [&str; 6] =
    ["STORE_URL", "EMAIL_URL", "ACCOUNTING_URL", "ANALYTICS_URL", "FULFILMENT_URL", "LOYALTY_URL"];

/// What somebody who deploys works in: a clone of the repository, and an environment.
struct Checkout {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Checkout {
    fn new(cloud: &Cloud, servers: &str) -> Self {
        let folder = TempDir::new().unwrap();
        for file in FILES {
            copy(&repository().join(file), &folder.path().join(file));
        }
        for rendering in fs::read_dir(repository().join("infra/generated")).unwrap() {
            let rendering = rendering.unwrap();
            copy(&rendering.path(), &folder.path().join("infra/generated").join(rendering.file_name()));
        }
        let programs = crossdock().parent().unwrap().to_str().unwrap().to_owned();
        let mut environment = vec![
            ("PATH", setting("PATH").unwrap()),
            ("HOME", folder.path().to_str().unwrap().to_owned()),
            ("CROSSDOCK_BOOTSTRAPS", programs),
            ("SAM_CLI_TELEMETRY", "0".to_owned()),
            ("AWS_ENDPOINT_URL", cloud.url().to_owned()),
            ("AWS_ACCESS_KEY_ID", cloud.account().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ];
        environment.extend(SERVERS.map(|name| (name, away(servers))));
        Self { folder, environment }
    }

    async fn sam(&self, arguments: &[&str]) {
        let mut command = Command::new(sam());
        // It asks nothing where nobody can answer.
        command.args(arguments).current_dir(self.folder.path()).kill_on_drop(true).stdin(Stdio::null());
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        let Ok(output) = tokio::time::timeout(LONGEST, command.output()).await else {
            panic!("sam {arguments:?} did not end within {LONGEST:?}")
        };
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "sam {arguments:?}: {}\n{said}", output.status);
    }

    /// What the build has put beside each function's program.
    fn packaged_hubs(&self) -> [PathBuf; 3] {
        ["Poller", "Dispatcher", "Ingest"]
            .map(|name| self.folder.path().join(".aws-sam/build").join(name).join("hub.json"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

fn sam() -> PathBuf {
    let sam = repository().join("target/tools/sam/bin/sam");
    assert!(sam.is_file(), "there is no {}: run ./test, which installs it", sam.display());
    sam
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sam_builds_and_deploys_brings_an_order_to_its_endpoints() {
    let orders: Arc<Mutex<Vec<Value>>> = Arc::default();
    let asked = Arc::clone(&orders);
    // The store and all of the endpoints.
    let town = Server::start(move |request| match request.path() {
        "/api/orders" => {
            let (orders, pages) = table::select(&asked.lock().unwrap(), 10, request);
            Reply::json(200, &json!({"orders": orders, "pages": pages}))
        }
        "/api/shipments" => Reply::json(200, &json!({"shipments": [], "pages": 1})),
        _ => Reply::status(200),
    })
    .await;
    let cloud = Cloud::new();
    cloud.put_secret(&format!("/{STACK}/store-token"), "the-stores-token").await;

    let checkout = Checkout::new(&cloud, town.url());
    checkout.sam(&["build"]).await;
    for hub in checkout.packaged_hubs() {
        let text = fs::read_to_string(&hub).unwrap();
        assert!(text.contains(&away(town.url())), "{}: not read with the environment of whoever builds", hub.display());
        fs::write(hub, text.replace(&away(town.url()), town.url())).unwrap();
    }
    checkout.sam(&["deploy", "--no-confirm-changeset", "--no-progressbar"]).await;

    let poll = async || {
        let task = json!({"task": "poll", "collection": "my-store/orders"});
        cloud.invoke(&format!("{STACK}-poller"), &task).await;
    };
    poll().await;
    let at = table::stamp(now());
    orders.lock().unwrap().push(json!({
        "number": "R1", "email": "ada@example.com", "total": "199.99", "created_at": at, "updated_at": at, "payments": [],
    }));
    // The schedule polls too, and what comes while it does is left to it.
    let arrived = async || {
        poll().await;
        let at = |path| town.seen_at(path).first().cloned();
        Some((at("/confirm")?, at("/book")?, at("/track")?))
    };
    let (confirmed, booked, tracked) = until("the order at three endpoints", arrived).await;

    let asked = town.seen_at("/api/orders");
    assert_eq!(asked[0].header("authorization"), Some("Bearer the-stores-token"), "the secret of the stack's folder");
    let message = confirmed.json();
    assert_eq!((&message["message"], &message["object"]["id"]), (&json!("order:new"), &json!("R1")));
    let parameters = message["parameters"].as_array().unwrap();
    assert!(parameters.contains(&json!({"name": "template", "value": "order-confirmation"})), "{parameters:?}");
    for other in [booked, tracked] {
        assert_eq!(other.webhook_id(), confirmed.webhook_id(), "{}", other.target);
    }
}
