//! Lines: per object how far an endpoint has come with it (`ordered`, contract §5, `docs/adr/0041-ordered.md`).

use std::future::Future;

use serde::{Deserialize, Serialize};

use super::PortError;
use crate::{
    Timestamp,
    id::{EndpointName, MessageId, ObjectKey, RouteName},
};

/// How far one ordered endpoint has come with one object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counts the changes of this record, from 1.
    pub revision: u64,
    /// The newest version of which an attempt was begun: it may have been received. 0: none.
    pub passed: u64,
    /// What was begun of that version; of each message and route the last attempt.
    #[serde(default)]
    pub begun: Vec<Begun>,
    /// Somebody is kept waiting.
    #[serde(default)]
    pub watch: Option<Watch>,
}

/// An attempt that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub message: MessageId,
    pub route: RouteName,
    pub round: u32,
    pub at: Timestamp,
}

/// For how long somebody has been looking whether an older version is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Since then there has been no long while without a look.
    pub since: Timestamp,
    /// The last look, give or take some minutes.
    pub seen: Timestamp,
}

pub trait Lines: Send + Sync {
    /// `None`: nothing of the object was ever begun or kept waiting.
    fn line(
        &self,
        endpoint: &EndpointName,
        object: &ObjectKey,
    ) -> impl Future<Output = Result<Option<Line>, PortError>> + Send;

    /// Puts the line in the place of the one with the revision before it, or of none where it is the first; `false`: somebody
    /// else was faster, and nothing was written. What was answered with `true` is durable: the request that follows
    /// it cannot be taken back.
    fn set_line(
        &self,
        endpoint: &EndpointName,
        object: &ObjectKey,
        line: &Line,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}
