//! Builders, contract suites and fakes for tests.
