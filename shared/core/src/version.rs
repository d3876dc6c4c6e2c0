//! Versions of objects. A version is immutable and names its parent; the newest is the head.
//!
//! A change that turns up after a newer one is a version too, so that nothing a source said is lost: it is numbered like
//! the others and is *late*. It hangs beside the chain, without a parent, and is never the head.

mod order;

use serde_json::Value;

pub use order::{NoOrder, Order};

use crate::{
    Timestamp,
    id::{ContentHash, ObjectKey, ObjectType},
    message::MessageRecord,
};

/// All that is needed to tell whether an object changed, so that an unchanged page costs one batch read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Counted from 1.
    pub version: u64,
    /// The highest number of the object's versions; more than `version` where late ones came after it.
    pub last: u64,
    pub hash: ContentHash,
    /// The head is the silent first version of an object that was old when the hub first saw it.
    pub baseline: bool,
    /// The source reported the object as deleted.
    pub deleted: bool,
    /// The newest that the source is known to have had; what is older is late. `None`: nothing tells.
    pub order: Option<Order>,
}

/// One immutable snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub key: ObjectKey,
    pub object_type: ObjectType,
    /// Counted from 1.
    pub number: u64,
    pub parent: Option<u64>,
    pub hash: ContentHash,
    pub stored_at: Timestamp,
    pub baseline: bool,
    /// A tombstone: the source reported the object as deleted.
    pub deleted: bool,
    /// What the source said of its place among the object's changes.
    pub order: Option<Order>,
    /// It came after a newer one: it never was the head, has no parent, and nobody was told of it.
    pub late: bool,
    pub body: Value,
}

impl Version {
    /// The head that it is, before anything else is known of the object.
    pub fn head(&self) -> Head {
        Head {
            version: self.number,
            last: self.number,
            hash: self.hash,
            baseline: self.baseline,
            deleted: self.deleted,
            order: self.order,
        }
    }
}

/// A new version and the messages it gives rise to, stored in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectCommit {
    /// What the head must still be; `None`: the object must still be unknown. Two heads of one object that have the same
    /// `version`, `last` and `order` are the same.
    pub expected: Option<Head>,
    pub version: Version,
    /// Stored with their pending mark.
    pub messages: Vec<MessageRecord>,
}

impl ObjectCommit {
    /// The head from then on.
    pub fn head(&self) -> Head {
        match &self.expected {
            Some(before) if self.version.late => Head { last: self.version.number, ..before.clone() },
            before => {
                let order = before.as_ref().and_then(|before| before.order);
                Head { order: Order::newest(order, self.version.order), ..self.version.head() }
            }
        }
    }
}

/// The source has changed an object in nothing that counts: the head stays, and what is older than `order` is late from
/// then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Raise {
    pub key: ObjectKey,
    /// What the head must still be.
    pub expected: Head,
    pub order: Order,
}

/// Which version of which object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionRef {
    pub key: ObjectKey,
    pub number: u64,
}
