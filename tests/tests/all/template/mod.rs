//! `template.yaml` and the stacks rendered beside it, read as CloudFormation reads them: what must be true of every hub on
//! AWS, whoever changes a template next.
//!
//! Linters know what AWS accepts, not what Crossdock relies on: that a queue keeps its messages for as long as it can, that
//! a role may do nothing but what its statement says, that no setting is one that no function reads. Deliberately absent:
//! anything that has to be deployed to be seen.

mod alarms;
pub(crate) mod document;
mod functions;
mod policies;
mod state;
