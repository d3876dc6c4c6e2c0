use proptest::prelude::*;

use super::*;

fn millis(wait: Option<Duration>) -> Option<u128> {
    wait.map(|wait| wait.as_millis())
}

#[test]
fn the_default_schedule_is_that_of_the_contract() {
    let policy = RetryPolicy::default();
    let seconds = [5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800];
    for (failed, expected) in (1..).zip(seconds) {
        assert_eq!(policy.wait_after(failed, 0.5, None), Some(Duration::from_secs(expected)), "failure {failed}");
        assert_eq!(millis(policy.wait_after(failed, 0.0, None)), Some(u128::from(expected) * 800));
        assert_eq!(millis(policy.wait_after(failed, 1.0, None)), Some(u128::from(expected) * 1200));
    }
    assert_eq!(policy.wait_after(10, 0.5, None), None);
}

#[test]
fn no_retries_end_at_the_first_failure_whatever_is_asked() {
    for failed in [0, 1, 2, u32::MAX] {
        assert_eq!(RetryPolicy::none().wait_after(failed, 0.5, Some(Duration::from_secs(60))), None);
    }
    // Failures are counted from 1.
    assert_eq!(RetryPolicy::default().wait_after(0, 0.5, None), None);
}

proptest! {
    #[test]
    fn a_wait_is_within_its_jitter_and_retry_after_only_delays(
        waits in proptest::collection::vec(0_u64..36_000, 0..12),
        failed in 0_u32..15,
        fraction in -0.5_f64..1.5,
        asked in proptest::option::of(0_u64..10_000_000),
    ) {
        let policy = RetryPolicy::new(waits.iter().copied().map(Duration::from_secs).collect());
        let wait = policy.wait_after(failed, fraction, None);
        let planned = failed.checked_sub(1).and_then(|place| waits.get(place as usize));
        prop_assert_eq!(wait.is_some(), planned.is_some());
        let (Some(wait), Some(planned)) = (wait, planned) else { return Ok(()) };
        let planned = Duration::from_secs(*planned);
        let slack = Duration::from_micros(1);
        prop_assert!(wait + slack >= planned * 4 / 5 && wait <= planned * 6 / 5 + slack);
        prop_assert!(wait <= Duration::from_secs(12 * 3600), "longer than a queue can hide an entry");

        let asked = asked.map(Duration::from_secs);
        let delayed = policy.wait_after(failed, fraction, asked);
        let capped = asked.unwrap_or_default().min(RetryPolicy::RETRY_AFTER_CAP);
        prop_assert_eq!(delayed, Some(wait.max(capped)));
    }
}
