//! Versions of objects. A version is immutable and names its parent; the newest is the head.

use serde_json::Value;

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
    pub hash: ContentHash,
    /// The head is the silent first version of an object that was old when the hub first saw it.
    pub baseline: bool,
    /// The source reported the object as deleted.
    pub deleted: bool,
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
    pub body: Value,
}

impl Version {
    pub fn head(&self) -> Head {
        Head { version: self.number, hash: self.hash, baseline: self.baseline, deleted: self.deleted }
    }
}

/// A new version and the messages it gives rise to, stored in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectCommit {
    /// The version the head must still have; `None`: the object must still be unknown.
    pub expected: Option<u64>,
    pub version: Version,
    /// Stored with their pending mark.
    pub messages: Vec<MessageRecord>,
}

/// Which version of which object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionRef {
    pub key: ObjectKey,
    pub number: u64,
}
