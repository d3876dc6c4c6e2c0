//! The store on DynamoDB: the contract of every port that keeps state, and what only this home promises.

mod expiring;
mod large;
mod single;
mod taken;
mod unreadable;

mod versions {
    crossdock_testkit::versions_suite!(crate::support::Fixture::new());
}
mod collections {
    crossdock_testkit::collections_suite!(crate::support::Fixture::new());
}
mod jobs {
    crossdock_testkit::jobs_suite!(crate::support::Fixture::new());
}
mod outbox {
    crossdock_testkit::outbox_suite!(crate::support::Fixture::new());
}
mod wants {
    crossdock_testkit::wants_suite!(crate::support::Fixture::new());
}
mod claims {
    crossdock_testkit::claims_suite!(crate::support::Fixture::new());
}
mod lines {
    crossdock_testkit::lines_suite!(crate::support::Fixture::new());
}
mod seen {
    crossdock_testkit::seen_suite!(crate::support::Fixture::new());
}
mod signing {
    crossdock_testkit::signing_suite!(crate::support::Fixture::new());
}
mod switches {
    crossdock_testkit::switches_suite!(crate::support::Fixture::new());
}
mod timers {
    crossdock_testkit::timers_suite!(crate::support::Fixture::new());
}
mod ledger {
    crossdock_testkit::ledger_suite!(crate::support::Fixture::new());
}
