//! A hub as CloudFormation.

pub mod names;
