//! A hub as CloudFormation.

pub mod names;
pub mod table;
