//! A hub as CloudFormation.

pub mod table;
