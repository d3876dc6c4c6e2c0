//! What the command line tells of deliveries and dead letters, as JSON.

use serde_json::Value;

use super::hub::{Bench, Done, database};

#[derive(Debug)]
pub(crate) struct Attempt {
    /// `None` where no answer came.
    pub(crate) status: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) route: String,
    pub(crate) round: u64,
    pub(crate) state: String,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) reason: Option<String>,
    /// What the hub keeps of the last answer.
    pub(crate) answer: Value,
}

#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) message_id: String,
    pub(crate) route: String,
    pub(crate) reason: String,
    pub(crate) status: Option<u64>,
    pub(crate) attempts: Option<u64>,
}
pub(crate) fn dead_letters(_: &Done) -> Vec<DeadLetter> { todo!() }
pub(crate) fn tmp_deliveries(bench: &Bench, id: &str) -> Vec<Delivery> {
    let c = rusqlite::Connection::open(database(bench)).unwrap();
    let mut s = c.prepare("select route, round, state, attempts, reason, answer from deliveries where lower(hex(message)) = ?").unwrap();
    s.query_map([id.replace('-', "")], |r| {
        let at: Value = serde_json::from_str(&r.get::<_, String>(3)?).unwrap();
        Ok(Delivery { route: r.get(0)?, round: r.get::<_, u32>(1)?.into(), state: r.get(2)?, reason: r.get(4)?,
          answer: r.get::<_, Option<String>>(5)?.map_or(Value::Null, |t| serde_json::from_str(&t).unwrap()),
          attempts: at.as_array().unwrap().iter().map(|a| Attempt { status: a["status"].as_u64() }).collect() })
    }).unwrap().map(Result::unwrap).collect()
}
pub(crate) fn tmp_dead(bench: &Bench) -> Vec<DeadLetter> {
    let c = rusqlite::Connection::open(database(bench)).unwrap();
    let mut s = c.prepare("select attributes, coalesce(route, json_extract(body, '$.route')) from entries where queue like '%/dead'").unwrap();
    s.query_map([], |r| {
        let a: Value = serde_json::from_str(&r.get::<_, String>(0)?).unwrap();
        let t = |n: &str| a[n].as_str().map(str::to_owned);
        Ok(DeadLetter { message_id: t("message_id").unwrap(), route: r.get(1)?, reason: t("reason").unwrap(), status: t("status").map(|x| x.parse().unwrap()), attempts: t("attempts").map(|x| x.parse().unwrap()) })
    }).unwrap().map(Result::unwrap).collect()
}
