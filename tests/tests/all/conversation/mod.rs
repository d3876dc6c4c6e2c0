//! The conversation as data (`tests/conversation`), played by a hub as its users have it: the cases of all files in one
//! hub file, an endpoint that says what they say, and what the command line tells of it.
//!
//! [`local`] is the local hub; `aws::on_aws::conversation` is the same on an emulated AWS.

mod local;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use crossdock_testkit::conversation::{Failure, Found, Play, Runner, SINK, Said, Script, check, load, staged};
use serde_json::{Value, json};

use crate::support::{Reply, Request, Server, binary::repository, client::call, hub::Done, say, server::Refusing};

pub(crate) const TOKEN: &str = "the-pushers-token";
/// For all cases: the longest of them is tried nine times, a second apart.
const LONGEST: Duration = Duration::from_secs(300);

/// The cases that a runner can play, with whom they play with.
pub(crate) struct Theatre {
    pub(crate) hub: String,
    plays: Vec<Play>,
    script: Arc<OnceLock<Script>>,
    /// They serve, and refuse, for as long as they are held.
    _server: Server,
    _refusing: Refusing,
}

/// A hub that plays.
pub(crate) trait Home {
    /// Where it takes pushes.
    fn url(&self) -> String;
    /// A command that only looks at it.
    async fn run(&self, arguments: &[&str]) -> Done;
    /// Endpoint, message and reason of each dead letter.
    async fn dead_letters(&self) -> Vec<(String, String, String)>;
}

impl Theatre {
    pub(crate) async fn new(runner: Runner) -> Self {
        let folder = repository().join("tests/conversation");
        let (cases, left_out): (Vec<_>, Vec<_>) =
            load(&folder).into_iter().partition(|case| !case.not_on.contains_key(&runner));
        say(&format!("{} cases, {} left out", cases.len(), left_out.len()));
        let script: Arc<OnceLock<Script>> = Arc::default();
        let says = Arc::clone(&script);
        let server = Server::start(move |request| answer(says.get().unwrap(), request)).await;
        let refusing = Refusing::new();
        let url = |name: Option<&str>| match name {
            Some(name) => format!("{}/{name}", server.url()),
            None => refusing.url.clone(),
        };
        let (hub, plays) = staged(&folder, cases, &url);
        assert!(script.set(Script::new(plays.clone())).is_ok());
        Self { hub, plays, script, _server: server, _refusing: refusing }
    }

    /// Pushes every case's message, and looks until all is as the cases say.
    pub(crate) async fn play(&self, home: &impl Home) {
        let mut left: Vec<(&Play, String)> = Vec::new();
        for play in &self.plays {
            if let Some((source, known)) = play.known() {
                push(home, &source, &known).await;
            }
        }
        for play in &self.plays {
            let (source, message) = play.pushed();
            left.push((play, push(home, &source, &message).await.remove(0)));
        }
        let all = std::mem::take(&mut left);
        let mut unlike = self.unlike(home, &all).await;
        let patience = tokio::time::sleep(LONGEST);
        tokio::pin!(patience);
        while !unlike.is_empty() && !patience.is_elapsed() {
            tokio::select! {
                () = &mut patience => {}
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
            left = all.iter().filter(|(play, _)| unlike.contains_key(&play.place)).cloned().collect();
            unlike = self.unlike(home, &left).await;
        }
        // What was as it should be then must not have become anything else.
        if unlike.is_empty() {
            unlike = self.unlike(home, &all).await;
        }
        let told: Vec<String> = unlike.values().cloned().collect();
        assert!(told.is_empty(), "{} of {} cases:\n{}", told.len(), all.len(), told.join("\n"));
    }

    /// By case, what is not as it says.
    async fn unlike(&self, home: &impl Home, plays: &[(&Play, String)]) -> BTreeMap<usize, String> {
        let dead = home.dead_letters().await;
        let endpoints = home.run(&["endpoint", "list"]).await.ok().stdout;
        let mut unlike = BTreeMap::new();
        for (play, id) in plays {
            let looked = match self.look(home, play, id, &dead, &endpoints).await {
                Ok(found) => check(play, &found),
                Err(why) => Err(why),
            };
            if let Err(why) = looked {
                unlike.insert(play.place, format!("{}: {why}", play.case.name));
            }
        }
        unlike
    }

    async fn look(
        &self,
        home: &impl Home,
        play: &Play,
        id: &str,
        dead: &[(String, String, String)],
        endpoints: &str,
    ) -> Result<Found, String> {
        let script = self.script.get().unwrap();
        if !play.refuses() && !script.is_answered(play) {
            return Err("the answer was never asked for".to_owned());
        }
        let shown = home.run(&["show", &format!("{id}/{}", play.route()), "--json"]).await;
        if !shown.status.success() {
            return Err(shown.to_string());
        }
        let deliveries = shown.json()["deliveries"].as_array().unwrap().clone();
        let mut objects = BTreeMap::new();
        for name in play.case.effects.objects.keys() {
            let shown = home.run(&["show", &play.object(name), "--json"]).await;
            // One that is not there is an error.
            let versions = match shown.status.success() {
                true => shown.json()["objects"][0]["versions"].as_array().unwrap().clone(),
                false => Vec::new(),
            };
            objects.insert(name.clone(), versions.into_iter().map(|mut version| version["body"].take()).collect());
        }
        if play.case.effects.parameters.is_some() {
            // Seen the next time.
            let (source, probe) = play.probe();
            push(home, &source, &probe).await;
        }
        let letters = dead
            .iter()
            .filter(|(endpoint, message, reason)| endpoint != SINK && (message == id || reason.contains(id)));
        let endpoint = play.endpoint();
        let of_it = |line: &&str| line.split_whitespace().next() == Some(&*endpoint);
        Ok(Found {
            request: script.request(play),
            deliveries,
            messages: script.followed(play),
            objects,
            parameters: script.parameters(play),
            paused: endpoints.lines().find(of_it).is_some_and(|line| line.contains("paused since")),
            dead_letters: letters.map(|(_, _, reason)| reason.clone()).collect(),
            exact: false,
        })
    }
}

async fn push(home: &impl Home, source: &str, body: &Value) -> Vec<String> {
    let answer = call("POST", format!("{}/push/{source}", home.url())).bearer(TOKEN).json(body).send().await;
    assert_eq!(answer.status, 202, "{source} {body}: {answer:?}");
    serde_json::from_value(answer.json()["message_ids"].clone()).unwrap()
}

fn answer(script: &Script, request: &Request) -> Reply {
    let endpoint = request.path().split('/').nth(1).unwrap_or_default();
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let Said { status, headers, body, text, failure, .. } =
        script.answer(endpoint, json!({"headers": headers, "body": request.json()}));
    match failure {
        // Nobody gets here: nobody listens.
        Some(Failure::Refused) => Reply::Reset,
        Some(Failure::Timeout) => Reply::Silence,
        Some(Failure::Broken) => Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n{\"summary".to_vec()),
        None => {
            let body = body.map(|body| body.to_string()).or(text).unwrap_or_default();
            let headers = headers.into_iter().map(|(name, value)| (&*name.leak(), value));
            Reply::Answer { status: status.unwrap_or(200), headers: headers.collect(), body: body.into_bytes() }
        }
    }
}
