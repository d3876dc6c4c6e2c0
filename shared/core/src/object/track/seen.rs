//! What a set of records shows: parents and children in one line, each with all that is compared and stored of it.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use crate::{
    Timestamp,
    hub::{Collection, ObjectRules},
    id::{ContentHash, ObjectKey, ObjectType},
    json::content_hash,
    object::{Decision, Record, decide::Shown},
    version::{Head, Order, Raise, Version},
};

/// How far a source's clock may be ahead of the hub's. A time beyond that tells nothing: one row that is dated years ahead
/// would make late whatever comes after it.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Each parent before its children.
pub(super) struct Seen<'a>(pub(super) Vec<One<'a>>);

pub(super) struct One<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) object_type: &'a ObjectType,
    body: &'a Value,
    hash: ContentHash,
    pub(super) deleted: bool,
    /// Of a child `None`: it is as old as its parent, which is looked at before it.
    pub(super) order: Option<Order>,
    pub(super) rules: &'a ObjectRules,
    pub(super) record: &'a Record,
    /// Place of the record among the records.
    pub(super) place: usize,
    /// Of a child: place of its parent in this line.
    pub(super) parent: Option<usize>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(collection: &'a Collection, records: &'a [Record], now: Timestamp) -> Self {
        let mut line: Vec<One<'a>> = Vec::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            let parent = line.len();
            line.push(One {
                key: &record.key,
                object_type: &collection.object_type,
                body: &record.body,
                hash: content_hash(&record.body, &collection.rules.volatile),
                deleted: record.deleted,
                order: record.order.filter(|order| !is_ahead(*order, now)),
                rules: &collection.rules,
                record,
                place,
                parent: None,
            });
            let mut keys: HashSet<&ObjectKey> = HashSet::new();
            // The same child twice in one parent is one object; what stands last is what it is.
            let children = record.children.iter().rev().filter(|child| keys.insert(&child.key));
            let children: Vec<_> = children.collect();
            for child in children.into_iter().rev() {
                let rule = &collection.children[child.rule];
                line.push(One {
                    key: &child.key,
                    object_type: &rule.object_type,
                    body: &child.body,
                    hash: content_hash(&child.body, &rule.rules.volatile),
                    deleted: false,
                    order: None,
                    rules: &rule.rules,
                    record,
                    place,
                    parent: Some(parent),
                });
            }
        }
        Self(line)
    }
}

fn is_ahead(order: Order, now: Timestamp) -> bool {
    match order {
        Order::Number(_) => false,
        Order::Time(time) => now.checked_add(AHEAD).is_ok_and(|latest| time > latest),
    }
}

impl One<'_> {
    pub(super) fn shown(&self, by_source: bool) -> Shown {
        Shown { hash: self.hash, deleted: self.deleted, order: self.order, by_source }
    }

    /// Where the head stays: the source has gone on nevertheless.
    pub(super) fn raise(&self, head: &Head) -> Option<Raise> {
        let order = Order::newest(head.order, self.order).filter(|order| head.order != Some(*order))?;
        Some(Raise { key: self.key.clone(), expected: head.clone(), order })
    }

    /// It is what that version is.
    pub(super) fn is(&self, version: &Version) -> bool {
        (version.hash, version.deleted) == (self.hash, self.deleted)
    }

    pub(super) fn version(&self, head: Option<&Head>, decision: Decision, now: Timestamp) -> Version {
        let late = decision == Decision::Late;
        Version {
            key: self.key.clone(),
            object_type: self.object_type.clone(),
            number: head.map_or(0, |head| head.last) + 1,
            parent: head.filter(|_| !late).map(|head| head.version),
            hash: self.hash,
            stored_at: now,
            baseline: decision == Decision::Baseline,
            deleted: self.deleted,
            order: self.order,
            late,
            body: self.body.clone(),
        }
    }
}
