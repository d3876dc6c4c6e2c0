//! A hub as CloudFormation.
