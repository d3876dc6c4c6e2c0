//! A panic as a log line like any other. What was said in it is told only where it is a text of the code itself: a text
//! that was put together may have anything in it, a payload too.

use std::panic::{PanicHookInfo, set_hook};

pub(super) fn log() {
    set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let said = panic.payload().downcast_ref::<&'static str>().copied();
    let at = panic.location().map(ToString::to_string);
    tracing::error!(target: "crossdock::panic", at, said, "a panic");
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::lines;

    /// One test, because there is one hook.
    #[test]
    fn a_panic_is_a_line_without_what_it_was_about() {
        let before = std::panic::take_hook();
        super::log();
        let lines = lines(|| {
            let secret = String::from("payload");
            let _ = std::panic::catch_unwind(|| panic!("plain"));
            let _ = std::panic::catch_unwind(|| panic!("of {secret}"));
        });
        std::panic::set_hook(before);
        let ours: Vec<_> = lines.iter().filter(|line| line["target"] == "crossdock::panic").collect();
        assert_eq!(ours.len(), 2, "{lines:?}");
        assert_eq!(ours[0]["said"], "plain");
        assert!(ours[0]["at"].as_str().unwrap().contains("panics.rs:"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.to_string().contains("payload")), "{lines:?}");
    }
}
