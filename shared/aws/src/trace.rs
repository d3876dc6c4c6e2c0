//! A change's trace in AWS's own form, so that X-Ray shows the way of a message through bus, queue and function as one.
//!
//! Whether it is sampled was decided before the function ran, and what the function sends is to be sampled with it or not
//! at all: [`Sampling`] carries that decision from the invocation to what is sent. Where there is none, none is written,
//! and whoever receives the message decides.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

/// What was decided for the invocation that runs. A function runs one at a time.
#[derive(Debug, Clone, Default)]
pub struct Sampling(Arc<AtomicU8>);

const UNDECIDED: u8 = 0;
const LEFT_OUT: u8 = 1;
const SAMPLED: u8 = 2;

impl Sampling {
    /// Heeds the trace header that an invocation came with: `Root=1-…;Parent=…;Sampled=1`.
    pub fn heed(&self, header: Option<&str>) {
        let decision = header.into_iter().flat_map(|header| header.split(';')).find_map(|part| match part.trim() {
            "Sampled=0" => Some(LEFT_OUT),
            "Sampled=1" => Some(SAMPLED),
            _ => None,
        });
        self.0.store(decision.unwrap_or(UNDECIDED), Ordering::Relaxed);
    }

    /// `AWSTraceHeader` of a W3C trace id, which X-Ray reads as its own once it is cut in three (X-Ray developer guide,
    /// "Sending trace data", trace ids). `None` for what is not 32 hex digits.
    pub(crate) fn header(&self, trace_id: &str) -> Option<String> {
        let good = trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (time, unique) = trace_id.split_at_checked(8).filter(|_| good)?;
        let decision = match self.0.load(Ordering::Relaxed) {
            SAMPLED => ";Sampled=1",
            LEFT_OUT => ";Sampled=0",
            _ => "",
        };
        Some(format!("Root=1-{time}-{unique}{decision}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_cut_in_three_and_the_decision_is_kept() {
        let sampling = Sampling::default();
        let check = |heeded: Option<&str>, expected: &str| {
            sampling.heed(heeded);
            let header = sampling.header("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
            assert_eq!(header, format!("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736{expected}"), "{heeded:?}");
        };
        check(None, "");
        check(Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"), ";Sampled=1");
        check(
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=a:0"),
            ";Sampled=0",
        );
        check(Some("Root=1-5759e988-bd862e3fe1be46a994272793"), "");
        check(Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?"), "");
        for bad in ["", "4bf92f35", "4bf92f3577b34da6a3ce929d0e0e473x", &"é".repeat(16)] {
            assert_eq!(sampling.header(bad), None, "{bad}");
        }
    }
}
