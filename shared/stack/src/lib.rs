//! A hub as CloudFormation.

pub mod limits;
pub mod names;
