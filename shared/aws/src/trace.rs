//! A change's trace in AWS's own form, so that X-Ray shows the way of a message through bus, queue and function as one.

/// `AWSTraceHeader` of a W3C trace id, which X-Ray reads as its own once it is cut in three (X-Ray developer guide,
/// "Sending trace data", trace ids). `None` for what is not 32 hex digits.
pub(crate) fn header(trace_id: &str) -> Option<String> {
    let good = trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (time, unique) = trace_id.split_at_checked(8).filter(|_| good)?;
    Some(format!("Root=1-{time}-{unique};Sampled=1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_cut_in_three() {
        assert_eq!(
            header("4bf92f3577b34da6a3ce929d0e0e4736").as_deref(),
            Some("Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Sampled=1")
        );
        for bad in ["", "4bf92f35", "4bf92f3577b34da6a3ce929d0e0e473x", &"é".repeat(16)] {
            assert_eq!(header(bad), None, "{bad}");
        }
    }
}
