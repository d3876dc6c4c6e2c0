//! The conversation as data (`tests/conversation`), played by the use cases of the core in one process, each case in a hub
//! of its own, with a clock that says when a wait is over.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crossdock_core::{
    id::{CollectionKey, EndpointName, MessageId, ObjectKey},
    ingest::Ingest,
    port::{
        Clock, Delivery, DeliveryState, EndpointRequest, EndpointResponse, HeaderValue, Home, HttpError, Ledger,
        VersionStore, whole,
    },
    publish::publish,
    redrive, timer,
};
use crossdock_testkit::conversation::{Case, Failure, Found, Play, Runner, SINK, Said, Script, check, load, staged};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::stage::Stage;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conversation")
}

/// The host where nobody listens.
const NOBODY: &str = "nobody";

/// How often time is let pass for an answer that does not come: the longest wait of a retry is half a day.
const STEPS: usize = 200;

struct Theatre {
    stage: Stage,
    play: Play,
    script: Arc<Script>,
}

impl Theatre {
    async fn of(case: Case) -> Self {
        let url = |name: Option<&str>| format!("http://{}.test", name.unwrap_or(NOBODY));
        let (hub, mut plays) = staged(&folder(), vec![case], &url);
        let stage = Stage::with_hub(&hub).await;
        let play = plays.remove(0);
        let script = Arc::new(Script::new(vec![play.clone()]));
        let says = script.clone();
        stage.world.endpoint.lock().unwrap().role = Some(Arc::new(move |request| reply(&says, request)));
        Self { stage, play, script }
    }

    async fn push(&self, source: &str, body: &Value) -> Vec<MessageId> {
        let stage = &self.stage;
        let source = &stage.hub.sources[source];
        let ingest = Ingest::new(&*stage.home, &stage.hub, &stage.router);
        let (receipt, records) = ingest.push(source, body.to_string().as_bytes(), None).await.unwrap();
        assert_eq!(receipt.errors, [], "{body}");
        publish(&*stage.home, &stage.router, &records).await.unwrap();
        receipt.message_ids
    }

    /// Whatever is due now, and whatever that sets off.
    async fn dispatch(&self) {
        loop {
            let mut handled = timer::fire(&*self.stage.home, &self.stage.hub).await.unwrap();
            for name in self.stage.hub.endpoints.keys() {
                handled += self.stage.dispatch_for(name).await;
            }
            if handled == 0 {
                return;
            }
        }
    }

    async fn run(&self) -> Result<(), String> {
        if let Some((source, known)) = self.play.known() {
            self.push(&source, &known).await;
            self.dispatch().await;
            self.stage.clock.advance(Duration::from_secs(1));
        }
        let (source, message) = self.play.pushed();
        let id = self.push(&source, &message).await.remove(0);
        for _ in 0..STEPS {
            self.dispatch().await;
            if self.script.is_answered(&self.play) {
                return check(&self.play, &self.found(id).await);
            }
            self.wait().await;
        }
        Err("the answer was never asked for".to_owned())
    }

    /// Until the next attempt and no longer: when the one after it is due is looked at.
    async fn wait(&self) {
        let mut due = None;
        for state in [DeliveryState::Retrying, DeliveryState::Waiting] {
            let waiting =
                self.stage.home.store().deliveries_in(&self.endpoint(), state, 10).await.and_then(whole).unwrap();
            due = due.into_iter().chain(waiting.iter().filter_map(|delivery| delivery.next_attempt_at)).min();
        }
        let wait = due.map(|due| Duration::try_from(due.duration_since(self.stage.clock.now())).unwrap_or_default());
        self.stage.clock.advance(wait.unwrap_or(Duration::from_secs(1)));
    }

    fn endpoint(&self) -> EndpointName {
        self.play.endpoint().parse().unwrap()
    }

    async fn found(&self, id: MessageId) -> Found {
        let (store, play) = (self.stage.home.store(), &self.play);
        let request = self.script.request(play).unwrap();
        let route = play.route();
        let deliveries = store.deliveries_of(id).await.and_then(whole).unwrap();
        let mut objects = BTreeMap::new();
        for name in play.case.effects.objects.keys() {
            let named = play.object(name);
            let mut words = named.splitn(3, '/');
            let collection = CollectionKey {
                source: words.next().unwrap().parse().unwrap(),
                collection: words.next().unwrap().parse().unwrap(),
            };
            let key = ObjectKey { collection, id: words.next().unwrap().to_owned() };
            let history = store.history(&key).await.unwrap();
            objects.insert(name.clone(), history.into_iter().map(|version| version.unwrap().body).collect());
        }
        let mut dead_letters = Vec::new();
        // What goes round goes to the sink too, and ends there as it does here.
        for name in self.stage.hub.endpoints.keys().filter(|name| name.as_str() != SINK) {
            let letters = redrive::list(&*self.stage.home, name).await.unwrap();
            dead_letters.extend(letters.into_iter().map(|letter| letter.reason));
        }
        let paused = store.open(&self.endpoint(), &[], &[]).await.unwrap().control.unwrap().paused.is_some();
        let messages = self.script.followed(play);
        if play.case.effects.parameters.is_some() {
            let (source, probe) = play.probe();
            self.push(&source, &probe).await;
            self.dispatch().await;
        }
        Found {
            request: Some(request),
            deliveries: deliveries.iter().filter(|one| one.key.route.as_str() == route).map(shown).collect(),
            messages,
            objects,
            parameters: self.script.parameters(play),
            paused,
            dead_letters,
            exact: true,
        }
    }
}

/// As `crossdock show --json` writes it.
fn shown(delivery: &Delivery) -> Value {
    let attempts = delivery.attempts.iter().map(|attempt| {
        json!({"at": attempt.at, "took_ms": attempt.took_ms, "status": attempt.status, "failure": attempt.failure})
    });
    json!({
        "round": delivery.key.round,
        "webhook_id": delivery.key.webhook_id(),
        "state": delivery.state.as_str(),
        "reason": delivery.reason,
        "next_attempt_at": delivery.next_attempt_at,
        "attempts": attempts.collect::<Vec<_>>(),
        "answer": delivery.answer,
    })
}

fn reply(script: &Script, request: &EndpointRequest) -> Result<EndpointResponse, HttpError> {
    let headers = request.headers.iter().map(|(name, value)| match value {
        HeaderValue::Plain(value) => (name.clone(), json!(value)),
        HeaderValue::Secret(value) => (name.clone(), json!(value.expose_secret())),
    });
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let endpoint = request.url.host_str().unwrap_or_default().trim_end_matches(".test");
    // Where nobody is, only a case's own endpoint can be meant.
    let endpoint = if endpoint == NOBODY { script.refusing() } else { endpoint.to_owned() };
    let Said { status, headers: said, body, text, failure, .. } =
        script.answer(&endpoint, json!({"headers": headers.collect::<serde_json::Map<_, _>>(), "body": body}));
    match failure {
        Some(Failure::Refused) => Err(HttpError::Refused(NOBODY.to_owned())),
        Some(Failure::Timeout) => Err(HttpError::Timeout(request.timeout)),
        Some(Failure::Broken) => Err(HttpError::Broken("connection closed before message completed".to_owned())),
        None => Ok(EndpointResponse {
            status: status.unwrap_or(200),
            headers: said.into_iter().collect(),
            body: body.map(|body| body.to_string()).or(text).unwrap_or_default().into_bytes(),
            truncated: false,
        }),
    }
}

#[tokio::test]
async fn every_case() {
    let (mut played, mut failed, mut left_out) = (0, Vec::new(), 0);
    for case in load(&folder()) {
        if case.not_on.contains_key(&Runner::Core) {
            left_out += 1;
            continue;
        }
        let name = case.name.clone();
        if let Err(why) = Theatre::of(case).await.run().await {
            failed.push(format!("{name}: {why}"));
        }
        played += 1;
    }
    assert!(failed.is_empty(), "{} of {played} cases ({left_out} left out):\n{}", failed.len(), failed.join("\n"));
}
