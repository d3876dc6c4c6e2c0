//! The hub on AWS, as an emulator plays it (ministack, see `crossdock_testkit::emulator`): `template.yaml` deployed
//! through CloudFormation, the real functions started as processes, sources and endpoints played by the tests.
//!
//! [`cloud`] is one AWS account and what can be asked of it, [`deployed`] the hub in it, [`on_aws`] the cases. Where the
//! emulator is more lenient than AWS, or differs, `docs/aws-parity.md` says so, and names the test that stands in.
//!
//! Deliberately absent: AWS's SDKs. What the tests ask goes over plain HTTP, so that nothing of what the hub is built on
//! is between a test and what it looks at.

mod calls;
pub(crate) mod cloud;
mod deployed;
mod on_aws;
mod packaged;
mod state;
