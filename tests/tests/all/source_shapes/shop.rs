//! A shop's list of things, and the ways in which shops of the world give such a list out: what each row of the tables
//! answers with is put together from these.

use std::{io::Write, sync::Mutex};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{Reply, Request, now};

/// Things that are there before the hub comes.
pub(super) const OLD: usize = 7;
/// Things on a page.
pub(super) const SIZE: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) id: String,
    pub(super) n: u32,
    pub(super) created: Timestamp,
    /// When it last changed, in whole milliseconds.
    pub(super) at: Timestamp,
}

/// What stands behind one source.
#[derive(Debug)]
pub(super) struct Shop {
    things: Vec<Thing>,
    /// The ids in the order in which they changed, as a feed of changes tells them.
    log: Vec<String>,
    /// It misbehaves.
    pub(super) broken: bool,
    /// Requests for tokens so far; the last token is the one that is good.
    pub(super) tokens: u32,
    /// Tokens up to this one have been taken back.
    pub(super) revoked: u32,
    /// The URL of a server that nobody has business with.
    pub(super) elsewhere: String,
}

pub(super) type Shared = Mutex<Shop>;

/// The kinds of time that sources write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    Rfc3339,
    Seconds,
    Milliseconds,
    /// `2026-11-21 10:00:00.120`.
    Bare,
    /// `2026-11-21T11:00:00.120+01:00`.
    Offset,
}

impl Clock {
    pub(super) fn write(self, at: Timestamp) -> Value {
        match self {
            Self::Rfc3339 => format!("{at:.3}").into(),
            Self::Seconds => at.as_second().into(),
            Self::Milliseconds => at.as_millisecond().into(),
            Self::Bare => format!("{at:.3}").replace('T', " ").replace('Z', "").into(),
            Self::Offset => {
                let later = at + SignedDuration::from_hours(1);
                format!("{later:.3}").replace('Z', "+01:00").into()
            }
        }
    }
}

impl Shop {
    /// Some of the things share one time, over the edges of pages, and that time ends in a zero.
    pub(super) fn new(elsewhere: &str) -> Self {
        let hour_ago = Timestamp::from_second(now().as_second() - 3_600).unwrap();
        let things: Vec<Thing> = (0..OLD)
            .map(|number| {
                let seconds = if (2..6).contains(&number) { 2 } else { number as i64 };
                let at = hour_ago + SignedDuration::from_secs(seconds) + SignedDuration::from_millis(120);
                Thing { id: format!("T{number}"), n: 0, created: at, at }
            })
            .collect();
        let log = things.iter().map(|thing| thing.id.clone()).collect();
        Self { things, log, broken: false, tokens: 0, revoked: 0, elsewhere: elsewhere.to_owned() }
    }

    /// The things change, or come to be, all at one time that is later than every other.
    pub(super) fn touch(&mut self, ids: &[&str]) {
        let last = self.things.iter().map(|thing| thing.at.as_millisecond()).max().unwrap();
        let at = Timestamp::from_millisecond(now().as_millisecond().max(last + 1)).unwrap();
        for id in ids {
            match self.things.iter_mut().find(|thing| thing.id == *id) {
                Some(thing) => (thing.n, thing.at) = (thing.n + 1, at),
                None => self.things.push(Thing { id: (*id).to_owned(), n: 0, created: at, at }),
            }
            self.log.push((*id).to_owned());
        }
    }

    /// Every change there was; what is told of a thing is how it is now.
    pub(super) fn feed(&self) -> Vec<&Thing> {
        self.log.iter().map(|id| self.things.iter().find(|thing| thing.id == *id).unwrap()).collect()
    }

    /// In the order in which they were made.
    pub(super) fn all(&self) -> Vec<&Thing> {
        self.things.iter().collect()
    }

    /// Oldest change first, from a time on.
    pub(super) fn changed(&self, since: Option<Timestamp>) -> Vec<&Thing> {
        let mut things: Vec<&Thing> =
            self.things.iter().filter(|thing| since.is_none_or(|since| thing.at >= since)).collect();
        things.sort_by_key(|thing| (thing.at, thing.id.clone()));
        things
    }

    /// As [`Shop::changed`], by a source that compares times as the texts they are.
    pub(super) fn changed_by_text(&self, since: Option<&str>, clock: Clock) -> Vec<&Thing> {
        let text = |thing: &Thing| clock.write(thing.at).as_str().unwrap().to_owned();
        let mut things: Vec<&Thing> =
            self.things.iter().filter(|thing| since.is_none_or(|since| text(thing).as_str() >= since)).collect();
        things.sort_by_key(|thing| (text(thing), thing.id.clone()));
        things
    }
}

pub(super) fn shown(things: &[&Thing], clock: Clock) -> Vec<Value> {
    let row = |thing: &&Thing| json!({"id": thing.id, "n": thing.n, "created": clock.write(thing.created), "at": clock.write(thing.at)});
    things.iter().map(row).collect()
}

/// The page of that number, from 1, and how many there are.
pub(super) fn numbered<'a>(things: &[&'a Thing], number: usize) -> (Vec<&'a Thing>, usize) {
    (things.iter().skip((number - 1) * SIZE).take(SIZE).copied().collect(), things.len().div_ceil(SIZE).max(1))
}

/// What follows the thing of that id, and whether more follows that.
pub(super) fn after<'a>(things: &[&'a Thing], id: Option<&str>) -> (Vec<&'a Thing>, bool) {
    let from = id.map_or(0, |id| things.iter().position(|thing| thing.id == id).unwrap() + 1);
    let page: Vec<&Thing> = things.iter().skip(from).take(SIZE).copied().collect();
    let more = from + page.len() < things.len();
    (page, more)
}

/// A time in a query or a body, whichever way it is written.
pub(super) fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Null => None,
        Value::Number(seconds) => Some(Timestamp::from_second(seconds.as_i64().unwrap()).unwrap()),
        text => Some(text.as_str().unwrap().parse().unwrap()),
    }
}

pub(super) fn since(request: &Request) -> Option<Timestamp> {
    request.query("since").map(|text| text.parse().unwrap())
}

pub(super) fn page_number(request: &Request) -> usize {
    request.query("page").map_or(1, |text| text.parse().unwrap())
}

/// `{"items": […]}`, with whatever else the answer says.
pub(super) fn items(things: &[&Thing], mut rest: Value) -> Value {
    rest["items"] = shown(things, Clock::Rfc3339).into();
    rest
}

/// What a well-made shop does: a filter by time, page numbers with a total.
pub(super) fn well_made(shop: &Shop, request: &Request) -> Reply {
    let (page, pages) = numbered(&shop.changed(since(request)), page_number(request));
    Reply::json(200, &items(&page, json!({"pages": pages})))
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn gzipped(body: Vec<u8>) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned()), ("content-encoding", "gzip".to_owned())];
    Reply::Answer { status: 200, headers, body }
}

/// A token for whoever knows the secret; each is good until it is taken back.
pub(super) fn give_token(shop: &mut Shop, expires_in: u32) -> Reply {
    shop.tokens += 1;
    let token = format!("token-{}", shop.tokens);
    Reply::json(200, &json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in}))
}

pub(super) fn has_good_token(shop: &Shop, request: &Request) -> bool {
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer token-"));
    token.and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number > shop.revoked)
}
