//! [`Ledger`] on SQLite: deliveries, and what endpoints' answers changed about the endpoint.

use crossdock_core::{
    Timestamp,
    answer::Answer,
    id::{DeliveryKey, EndpointName, MessageId, ObjectKey},
    port::{
        Attempt, Delivery, DeliveryState, EndpointControl, Ledger, Next, Opened, Paused, PortError, Read, Settled,
        Settlement, Timer,
    },
};
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    Database,
    codec::{from_json, micros, name, optional_time, text, time, to_json},
    failure::{Failure, one},
    outbox::{MessageRow, store_message, store_pending},
    signing::read_generations,
    switches::hub_off,
    timers::store_timer,
    versions::read_heads,
};

impl Ledger for Database {
    async fn open(
        &self,
        endpoint: &EndpointName,
        deliveries: &[DeliveryKey],
        objects: &[ObjectKey],
    ) -> Result<Opened, PortError> {
        let (endpoint, deliveries, objects) = (endpoint.clone(), deliveries.to_vec(), objects.to_vec());
        self.read(move |connection| {
            Ok(Opened {
                deliveries: deliveries
                    .iter()
                    .map(|key| one(read_delivery(connection, key)))
                    .collect::<Result<_, _>>()?,
                heads: read_heads(connection, &objects)?,
                control: one(read_control(connection, &endpoint))?,
                hub_off: hub_off(connection)?,
            })
        })
        .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<Settled, PortError> {
        let now = micros(self.clock().now());
        let row = SettlementRow::of(settlement)?;
        // What goes on to others must not be forgotten; an outcome alone is at worst found out once more.
        let settling = |row: SettlementRow| move |connection: &Connection| settle(connection, &row, now);
        match row.has_effects() {
            true => self.writer().write(settling(row)).await,
            false => self.writer().write_relaxed(settling(row)).await,
        }
    }

    async fn tracked(&self, key: &DeliveryKey, answer: &Answer) -> Result<(), PortError> {
        let (key, answer) = (key.clone(), to_json("answer", answer)?);
        self.writer()
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE deliveries SET untracked = 0, answer = ?4
                         WHERE message = ?1 AND route = ?2 AND round = ?3 AND untracked",
                    )?
                    .execute(params![key.message.as_bytes(), key.route.as_str(), key.round, answer])?;
                Ok(())
            })
            .await
    }

    async fn deliveries_of(&self, message: MessageId) -> Result<Vec<Read<Delivery>>, PortError> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached(&format!("{DELIVERIES} WHERE message = ?1 ORDER BY route, round"))?;
            statement.query_and_then([message.as_bytes()], |row| one(delivery(row)))?.collect()
        })
        .await
    }

    async fn deliveries_in(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        if state == DeliveryState::Delivered {
            return Err(PortError::permanent("deliveries that were delivered are not listed"));
        }
        let endpoint = endpoint.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{DELIVERIES} WHERE state = ?1 AND endpoint = ?2 ORDER BY updated_at DESC, seq DESC"
            ))?;
            let of = params![state.as_str(), endpoint.as_str()];
            some(statement.query_and_then(of, |row| one(delivery(row)))?, limit)
        })
        .await
    }

    async fn expect(&self, delivery: Delivery) -> Result<(), PortError> {
        let row = SettlementRow::of(Settlement::alone(delivery))?;
        self.writer().write(move |connection| insert(connection, &row, "DO NOTHING").map(drop)).await
    }

    async fn silent(
        &self,
        endpoint: &EndpointName,
        state: DeliveryState,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Read<Delivery>>, PortError> {
        let endpoint = endpoint.clone();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{DELIVERIES} WHERE state = ?1 AND endpoint = ?2 AND updated_at < ?3 ORDER BY updated_at, seq"
            ))?;
            let of = params![state.as_str(), endpoint.as_str(), micros(since)];
            some(statement.query_and_then(of, |row| one(delivery(row)))?, limit)
        })
        .await
    }

    async fn set_paused(&self, endpoint: &EndpointName, paused: Option<Paused>) -> Result<(), PortError> {
        let endpoint = endpoint.clone();
        self.writer()
            .write(move |connection| match paused {
                Some(paused) => pause(connection, &endpoint, &paused),
                None => {
                    connection
                        .prepare_cached("DELETE FROM paused WHERE endpoint = ?1")?
                        .execute([endpoint.as_str()])?;
                    Ok(())
                }
            })
            .await
    }
}

/// A settlement with its JSON written, ready for the writer.
struct SettlementRow {
    delivery: Delivery,
    attempts: String,
    answer: Option<String>,
    parameters: Vec<(String, String)>,
    pause: Option<Paused>,
    messages: Vec<MessageRow>,
    next: Option<(Timer, Option<MessageRow>)>,
}

impl SettlementRow {
    fn of(settlement: Settlement) -> Result<Self, PortError> {
        let mut delivery = settlement.delivery;
        let attempts: Vec<AttemptRow> = delivery.attempts.iter().map(AttemptRow::of).collect();
        Ok(Self {
            attempts: to_json("attempts", &attempts)?,
            // Freed here, not by the writer.
            answer: delivery.answer.take().map(|answer| to_json("answer", &answer)).transpose()?,
            parameters: settlement
                .parameters
                .into_iter()
                .map(|(name, value)| Ok((name, to_json("parameter", &value)?)))
                .collect::<Result<_, PortError>>()?,
            pause: settlement.pause,
            messages: settlement.messages.iter().map(MessageRow::of).collect::<Result<_, _>>()?,
            next: match settlement.next {
                Some(Next { timer, message }) => Some((timer, message.as_ref().map(MessageRow::of).transpose()?)),
                None => None,
            },
            delivery,
        })
    }

    fn has_effects(&self) -> bool {
        self.delivery.untracked
            || !self.messages.is_empty()
            || !self.parameters.is_empty()
            || self.pause.is_some()
            || self.next.is_some()
    }
}

fn settle(connection: &Connection, row: &SettlementRow, now: i64) -> Result<Settled, Failure> {
    let delivery = &row.delivery;
    if !record(connection, row)? {
        let ended = read_delivery(connection, &delivery.key)?;
        let ended = ended.ok_or_else(|| Failure::unreadable("delivery"))?;
        return Ok(Settled::AlreadyEnded(Box::new(ended)));
    }
    for (name, value) in &row.parameters {
        connection
            .prepare_cached(
                "INSERT INTO parameters (endpoint, name, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (endpoint, name) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![delivery.endpoint.as_str(), name, value])?;
    }
    if let Some(paused) = &row.pause {
        pause(connection, &delivery.endpoint, paused)?;
    }
    let new = row.messages.iter().map(|message| store_pending(connection, message, now)).collect::<Result<_, _>>()?;
    if let Some((timer, message)) = &row.next {
        put_off(connection, timer, message.as_ref(), now)?;
    }
    Ok(Settled::Recorded { new })
}

fn put_off(connection: &Connection, timer: &Timer, message: Option<&MessageRow>, now: i64) -> Result<(), Failure> {
    let (key, state) = (&timer.key, DeliveryState::Waiting.as_str());
    let recorded = connection
        .prepare_cached(
            "INSERT INTO deliveries (message, route, round, endpoint, state, receives, updated_at, next_attempt_at,
                next_round, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, 0, '[]') ON CONFLICT (message, route, round) DO NOTHING",
        )?
        .execute(params![
            key.message.as_bytes(),
            key.route.as_str(),
            key.round,
            timer.endpoint.as_str(),
            state,
            now,
            micros(timer.due)
        ])?;
    if recorded == 0 {
        return Ok(());
    }
    if let Some(message) = message {
        store_message(connection, message, now)?;
    }
    store_timer(connection, timer)
}

/// As many as can be read, and behind them those that cannot, as far as they were met.
fn some(
    rows: impl Iterator<Item = Result<Read<Delivery>, Failure>>,
    limit: usize,
) -> Result<Vec<Read<Delivery>>, Failure> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for delivery in rows {
        if found.len() == limit {
            break;
        }
        match delivery? {
            Ok(delivery) => found.push(Ok(delivery)),
            Err(error) => unreadable.push(Err(error)),
        }
    }
    found.append(&mut unreadable);
    Ok(found)
}

/// `false`: the round has ended; nothing was written.
fn record(connection: &Connection, row: &SettlementRow) -> Result<bool, Failure> {
    let unless_ended = "DO UPDATE
         SET endpoint = excluded.endpoint, state = excluded.state, receives = excluded.receives,
            updated_at = excluded.updated_at, next_attempt_at = excluded.next_attempt_at,
            next_round = excluded.next_round, reason = excluded.reason, attempts = excluded.attempts,
            answer = excluded.answer, untracked = excluded.untracked
         WHERE deliveries.state IN ('waiting', 'retrying')";
    insert(connection, row, unless_ended)
}

/// Whether it was written.
fn insert(connection: &Connection, row: &SettlementRow, on_conflict: &str) -> Result<bool, Failure> {
    let delivery = &row.delivery;
    let recorded = connection
        .prepare_cached(&format!(
            "INSERT INTO deliveries (message, route, round, endpoint, state, receives, updated_at, next_attempt_at,
                next_round, reason, attempts, answer, untracked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (message, route, round) {on_conflict}"
        ))?
        .execute(params![
            delivery.key.message.as_bytes(),
            delivery.key.route.as_str(),
            delivery.key.round,
            delivery.endpoint.as_str(),
            delivery.state.as_str(),
            delivery.receives,
            micros(delivery.updated_at),
            delivery.next_attempt_at.map(micros),
            delivery.next_round,
            delivery.reason,
            row.attempts,
            row.answer,
            delivery.untracked,
        ])?;
    Ok(recorded == 1)
}

fn pause(connection: &Connection, endpoint: &EndpointName, paused: &Paused) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO paused (endpoint, since, reason) VALUES (?1, ?2, ?3)
             ON CONFLICT (endpoint) DO UPDATE SET since = excluded.since, reason = excluded.reason",
        )?
        .execute(params![endpoint.as_str(), micros(paused.since), paused.reason])?;
    Ok(())
}

fn read_control(connection: &Connection, endpoint: &EndpointName) -> Result<EndpointControl, Failure> {
    let parameters = connection
        .prepare_cached("SELECT name, value FROM parameters WHERE endpoint = ?1")?
        .query_and_then([endpoint.as_str()], |row| {
            Ok::<_, Failure>((row.get(0)?, from_json("parameter", text(row, 1)?)?))
        })?
        .collect::<Result<_, _>>()?;
    let paused = connection
        .prepare_cached("SELECT since, reason FROM paused WHERE endpoint = ?1")?
        .query_and_then([endpoint.as_str()], |row| {
            Ok::<_, Failure>(Paused { since: time(row.get(0)?)?, reason: row.get(1)? })
        })?
        .next()
        .transpose()?;
    Ok(EndpointControl { parameters, paused, signing: read_generations(connection, endpoint)? })
}

const DELIVERIES: &str = "SELECT message, route, round, endpoint, state, receives, updated_at, next_attempt_at,
        next_round, reason, attempts, answer, untracked
    FROM deliveries";

fn read_delivery(connection: &Connection, key: &DeliveryKey) -> Result<Option<Delivery>, Failure> {
    connection
        .prepare_cached(&format!("{DELIVERIES} WHERE message = ?1 AND route = ?2 AND round = ?3"))?
        .query_and_then(params![key.message.as_bytes(), key.route.as_str(), key.round], delivery)?
        .next()
        .transpose()
}

fn delivery(row: &Row<'_>) -> Result<Delivery, Failure> {
    let attempts: Vec<AttemptRow> = from_json("list of attempts", text(row, 10)?)?;
    let answer: Option<String> = row.get(11)?;
    Ok(Delivery {
        key: DeliveryKey { message: MessageId::from_bytes(row.get(0)?), route: name(row, 1)?, round: row.get(2)? },
        endpoint: name(row, 3)?,
        state: state(text(row, 4)?)?,
        receives: row.get(5)?,
        updated_at: time(row.get(6)?)?,
        next_attempt_at: optional_time(row.get(7)?)?,
        next_round: row.get(8)?,
        reason: row.get(9)?,
        attempts: attempts.into_iter().map(AttemptRow::attempt).collect::<Result<_, _>>()?,
        answer: answer.map(|text| from_json("answer", &text)).transpose()?,
        untracked: row.get(12)?,
    })
}

fn state(text: &str) -> Result<DeliveryState, Failure> {
    DeliveryState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| Failure::unreadable("state of a delivery"))
}

/// An attempt as it stands in the `attempts` column.
#[derive(Serialize, Deserialize)]
struct AttemptRow {
    /// Microseconds since 1970.
    at: i64,
    took_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

impl AttemptRow {
    fn of(attempt: &Attempt) -> Self {
        Self {
            at: micros(attempt.at),
            took_ms: attempt.took_ms,
            status: attempt.status,
            failure: attempt.failure.clone(),
        }
    }

    fn attempt(self) -> Result<Attempt, Failure> {
        Ok(Attempt { at: time(self.at)?, took_ms: self.took_ms, status: self.status, failure: self.failure })
    }
}
