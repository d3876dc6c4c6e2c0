//! The functions as Lambda starts them: their real binaries, asked through a Runtime API that the tests play, with an
//! emulated account behind them and the tests' own source and endpoints around them.
//!
//! [`on_aws`] feeds them `events/*.json` and compares what they answer with the `.expected.json` beside each. What
//! cannot be known beforehand is `"<any>"` there.

mod names;
mod on_aws;
mod runtime;
mod starting;
