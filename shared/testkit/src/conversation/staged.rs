//! All cases in one hub, so that it has to be started (or deployed) once.
//!
//! A case plays in a copy of its hub, whose names begin with the copy's: `c12-books`. Cases that leave nothing behind
//! share one copy of their hub, the others have one of their own. Routes are kept apart by the source of a message,
//! and requests by a mark in its payload and by its trace. What is found is written without the copies' names again.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::data::{Case, Failure, Said};

pub(super) const HUBS: &str = "hubs.json";

/// In the payload or the object that a case pushes: its place.
const MARK: &str = "case";
/// The endpoint to which everything goes, so that it can be seen.
pub const SINK: &str = "sink";
/// The message that shows what is sent with the next one.
pub(super) const PROBE: &str = "probe:next";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hubs {
    #[serde(rename = "about")]
    _about: String,
    limits: Value,
    hubs: BTreeMap<String, Small>,
}

/// A hub as far as cases care. URLs, secrets and what else a hub needs are added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Small {
    #[serde(rename = "about")]
    _about: String,
    /// Its cases share one copy, whatever they do: of a name that is to be the only one there can be but one.
    #[serde(default)]
    one: bool,
    sources: BTreeMap<String, Map<String, Value>>,
    endpoints: BTreeMap<String, Map<String, Value>>,
    routes: Vec<Map<String, Value>>,
}

/// A case with its place in the hub.
#[derive(Debug, Clone)]
pub struct Play {
    pub case: Case,
    pub place: usize,
    copy: String,
    route: String,
    endpoint: String,
    source: String,
}

impl Play {
    /// What is pushed, and to which source, marked.
    pub fn pushed(&self) -> (String, Value) {
        (self.named(&self.source), marked(&self.case.message, self.place))
    }

    /// What is pushed before.
    pub fn known(&self) -> Option<(String, Value)> {
        Some((self.named(&self.source), self.case.known.clone()?))
    }

    /// What shows the parameters.
    pub fn probe(&self) -> (String, Value) {
        (self.named(&self.source), json!({"message": PROBE, "payload": {}}))
    }

    /// The copy's name of a route, an endpoint or a source.
    pub fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.copy)
    }

    pub fn route(&self) -> String {
        self.named(&self.route)
    }

    pub fn endpoint(&self) -> String {
        self.named(&self.endpoint)
    }

    /// `shop/orders/R1` as the copy has it.
    pub fn object(&self, name: &str) -> String {
        self.named(name)
    }

    /// What was found, without the copy's name.
    pub fn unnamed(&self, found: &Value) -> Value {
        serde_json::from_str(&found.to_string().replace(&format!("{}-", self.copy), "")).expect("JSON")
    }

    /// Every answer in order; the last one is the one that counts.
    pub fn said(&self) -> Vec<Said> {
        let all = self.case.earlier.iter().chain([&self.case.answer]);
        all.flat_map(|said| std::iter::repeat_n(said.clone(), said.times.unwrap_or(1))).collect()
    }

    /// Nobody can be asked.
    pub fn refuses(&self) -> bool {
        self.case.answer.failure == Some(Failure::Refused)
    }
}

fn marked(message: &Value, place: usize) -> Value {
    let mut message = message.clone();
    let of = |value: &mut Value| {
        value.as_object_mut().expect("an object").insert(MARK.to_owned(), json!(place));
    };
    let fields = message.as_object_mut().expect("a message is an object");
    if fields.contains_key("message") {
        of(fields.entry("payload").or_insert_with(|| json!({})));
    } else {
        for objects in fields.values_mut() {
            objects.as_array_mut().expect("a list of objects").iter_mut().for_each(of);
        }
    }
    message
}

fn mark(body: &Value) -> Option<usize> {
    let payload = body["payload"].as_object()?;
    let inside = payload.values().filter_map(|value| value["actual"].get(MARK));
    payload.get(MARK).into_iter().chain(inside).find_map(|mark| usize::try_from(mark.as_u64()?).ok())
}

/// The hub of all these cases, as a hub file (JSON is YAML), and each case's part in it. `url` is where an endpoint of
/// this name is; `None`: where nobody listens.
///
/// # Panics
/// `hubs.json` is not what it should be, or a case names what is not there.
pub fn staged(folder: &Path, cases: Vec<Case>, url: &dyn Fn(Option<&str>) -> String) -> (String, Vec<Play>) {
    let text = std::fs::read_to_string(folder.join(HUBS)).expect("hubs.json");
    let hubs: Hubs = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{HUBS}: {error}"));
    let mut hub = json!({"hub": "conversation", "limits": hubs.limits, "sources": {}, "endpoints": {SINK: {"url": url(Some(SINK))}}, "routes": []});
    let mut copies: HashMap<String, ()> = HashMap::new();
    let mut plays = Vec::with_capacity(cases.len());
    for (place, case) in cases.into_iter().enumerate() {
        let small = hubs.hubs.get(&case.hub).unwrap_or_else(|| panic!("{}: no hub {:?}", case.name, case.hub));
        let copy = if small.one || leaves_nothing(&case) { case.hub.clone() } else { format!("c{place}") };
        let route = match &case.route {
            Some(name) => small.routes.iter().find(|route| route["name"] == **name),
            None => small.routes.first(),
        };
        let route = route.unwrap_or_else(|| panic!("{}: no such route", case.name));
        let text = |value: &Value| value.as_str().expect("a name").to_owned();
        let source = small.sources.keys().next().expect("a source").clone();
        let play =
            Play { copy: copy.clone(), route: text(&route["name"]), endpoint: text(&route["to"]), source, place, case };
        if copies.insert(copy, ()).is_none() {
            add(&mut hub, small, &play, url);
        }
        plays.push(play);
    }
    (serde_json::to_string_pretty(&hub).expect("JSON"), plays)
}

/// Neither on an endpoint nor among the objects.
fn leaves_nothing(case: &Case) -> bool {
    let said = || case.earlier.iter().chain([&case.answer]);
    let says = |name: &str| said().any(|said| said.body.as_ref().is_some_and(|body| body.get(name).is_some()));
    case.known.is_none()
        && case.effects.objects.is_empty()
        && case.effects.parameters.is_none()
        && !case.effects.paused
        && !says("parameters")
        && said().all(|said| said.failure != Some(Failure::Refused))
        && case.message.get("message").is_some()
}

fn add(hub: &mut Value, small: &Small, play: &Play, url: &dyn Fn(Option<&str>) -> String) {
    for (name, source) in &small.sources {
        let mut source = source.clone();
        source.insert("url".to_owned(), json!("http://127.0.0.1:9"));
        source.insert("push".to_owned(), json!({"secret": "push"}));
        if let Some(Value::Object(collections)) = source.get_mut("collections") {
            for collection in collections.values_mut() {
                collection["request"] = json!({"path": "/none"});
                collection["every"] = json!("24h");
            }
        }
        hub["sources"][play.named(name)] = Value::Object(source);
    }
    for (name, endpoint) in &small.endpoints {
        let mut endpoint = endpoint.clone();
        let name = play.named(name);
        endpoint.insert("url".to_owned(), json!(url((!play.refuses()).then_some(&name))));
        hub["endpoints"][name] = Value::Object(endpoint);
    }
    let routes = hub["routes"].as_array_mut().expect("routes");
    let sources = small.sources.keys().map(|name| play.named(name)).collect::<Vec<_>>();
    let of_copy = json!({"path": "source", "operator": "in", "value": sources});
    for route in &small.routes {
        let mut route = route.clone();
        route["name"] = json!(play.named(route["name"].as_str().expect("a name")));
        route["to"] = json!(play.named(route["to"].as_str().expect("an endpoint")));
        route["messages"].as_array_mut().expect("types of messages").push(json!(PROBE));
        let filters = route.entry("filters").or_insert_with(|| json!([]));
        filters.as_array_mut().expect("filters").push(of_copy.clone());
        routes.push(Value::Object(route));
    }
    routes.push(json!({"name": play.named(SINK), "messages": ["*"], "to": SINK, "filters": [of_copy]}));
}

/// Who says what to which request.
#[derive(Debug, Default)]
pub struct Script {
    plays: Vec<Play>,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// The case of each trace.
    traces: HashMap<String, usize>,
    /// By case: what its endpoint was asked about its own message.
    asked: HashMap<usize, Vec<Value>>,
    /// By case: what came of it, by message id.
    followed: HashMap<usize, BTreeMap<String, Value>>,
    /// By endpoint: the last probe that it got.
    probes: HashMap<String, Value>,
}

impl Script {
    pub fn new(plays: Vec<Play>) -> Self {
        Self { plays, heard: Mutex::default() }
    }

    /// What the endpoint of this name says. `request` is written down: `{"headers", "body"}`.
    pub fn answer(&self, endpoint: &str, request: Value) -> Said {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let fine = Said { status: Some(200), ..Said::default() };
        let body = request["body"].clone();
        if body["message"] == PROBE {
            heard.probes.insert(endpoint.to_owned(), body);
            return fine;
        }
        let (Some(trace), Some(id)) = (body["trace_id"].as_str(), body["message_id"].as_str()) else { return fine };
        let own = mark(&body).filter(|_| body["hops"] == 0);
        let Some(place) = own.or_else(|| heard.traces.get(trace).copied()) else { return fine };
        heard.traces.insert(trace.to_owned(), place);
        let play = &self.plays[place];
        if body["hops"] != 0 {
            heard.followed.entry(place).or_default().insert(id.to_owned(), body.clone());
        }
        let said = match endpoint {
            SINK => return fine,
            _ if body["hops"] == 0 && endpoint == play.endpoint() => {
                let asked = heard.asked.entry(place).or_default();
                asked.push(request);
                play.said().into_iter().nth(asked.len() - 1)
            }
            _ => None,
        };
        let mut said = said.or_else(|| play.case.afterwards.clone()).unwrap_or(fine);
        let hops = body["hops"].to_string();
        if let Some(body) = &mut said.body {
            *body = serde_json::from_str(&body.to_string().replace("{id}", id).replace("{hops}", &hops)).expect("JSON");
        }
        said
    }

    /// The endpoint of the case whose endpoint does not listen.
    pub fn refusing(&self) -> String {
        self.plays.iter().find(|play| play.refuses()).map(Play::endpoint).unwrap_or_default()
    }

    /// Whether the answer that counts was given.
    pub fn is_answered(&self, play: &Play) -> bool {
        self.request(play).is_some()
    }

    /// The request that was answered so.
    pub fn request(&self, play: &Play) -> Option<Value> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.asked.get(&play.place)?.get(play.said().len() - 1).cloned()
    }

    pub fn followed(&self, play: &Play) -> Vec<Value> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.followed.get(&play.place).map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// The parameters that the last probe was sent with, as a map.
    pub fn parameters(&self, play: &Play) -> Option<Value> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let list = heard.probes.get(&play.endpoint())?["parameters"].as_array()?.clone();
        Some(
            list.into_iter()
                .map(|mut one| (one["name"].as_str().unwrap_or_default().to_owned(), one["value"].take()))
                .collect(),
        )
    }
}
