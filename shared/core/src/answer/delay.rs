//! `delay` and `update_url`: an endpoint that has accepted something and needs more time for it (contract §5).
//!
//! What cannot be read asks for nothing: the delivery is then a plain one, and the fault says why nothing followed.

use serde_json::{Map, Value};

use super::{Answer, unexpected};

/// 1 second to 7 days.
const SHORTEST: f64 = 1.0;
const LONGEST: f64 = 7.0 * 24.0 * 3600.0;
const EXPECTED: &str = "seconds from 1 to 604800 (7 days), or a text such as 30s, 15m, 2h or 7d";

/// Characters of an `update_url`: it travels in queues and is kept in the ledger.
const LONGEST_URL: usize = 2_048;

pub(super) fn read(body: &Map<String, Value>, success: bool, answer: &mut Answer) {
    let field = |name: &str| body.get(name).filter(|value| !value.is_null());
    let (delay, update_url) = (field("delay"), field("update_url"));
    if !success {
        let asked = [("delay", delay), ("update_url", update_url)].into_iter().filter(|(_, value)| value.is_some());
        answer.faults.extend(asked.map(|(name, _)| format!("{name}: taken from a 2xx answer only")));
        return;
    }
    let read = match (delay.map(seconds), update_url.map(url)) {
        (None, None) => return,
        (None, Some(_)) => Err("update_url: found no delay beside it, expected when to ask there".to_owned()),
        (Some(delay), url) => delay.and_then(|delay| Ok((delay, url.transpose()?))),
    };
    match read {
        Ok((delay, url)) => (answer.delay, answer.update_url) = (Some(delay), url),
        Err(fault) => answer.faults.push(fault),
    }
}

/// Parts of a second are rounded up: nothing comes early.
fn seconds(value: &Value) -> Result<u32, String> {
    let found = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => spelled(text.trim()),
        other => return Err(unexpected("delay", other, EXPECTED)),
    };
    // A number that is within has at most 604800 as its whole.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 1 and 604800")]
    let whole = found.filter(|seconds| (SHORTEST..=LONGEST).contains(seconds)).map(|seconds| seconds.ceil() as u32);
    let shown: String = value.to_string().chars().take(40).collect();
    whole.ok_or_else(|| format!("delay: found {shown}, expected {EXPECTED}"))
}

/// As durations are written in the hub file; a bare number is seconds.
fn spelled(text: &str) -> Option<f64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}

/// Whether it leads anywhere is seen from the endpoint's URL, which the hub file may change before it is asked.
fn url(value: &Value) -> Result<String, String> {
    const EXPECTED: &str = "a URL, absolute or relative to the endpoint's, of at most 2,048 characters";
    match value {
        Value::String(text) if text.trim().is_empty() => Err(format!("update_url: found \"\", expected {EXPECTED}")),
        Value::String(text) if text.chars().count() > LONGEST_URL => {
            Err(format!("update_url: found {} characters, expected {EXPECTED}", text.chars().count()))
        }
        Value::String(text) => Ok(text.trim().to_owned()),
        other => Err(unexpected("update_url", other, EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(body: &Value, expected: Result<(Option<u32>, Option<&str>), &str>) {
        let mut answer = Answer::default();
        read(body.as_object().unwrap(), true, &mut answer);
        let found = match &answer.faults[..] {
            [] => Ok((answer.delay, answer.update_url.as_deref())),
            [fault] => Err(fault.as_str()),
            faults => panic!("{faults:?}"),
        };
        assert_eq!(found, expected, "{body}");
        assert!(answer.faults.is_empty() || answer == Answer { faults: answer.faults.clone(), ..Answer::default() });
    }

    #[test]
    fn a_delay_is_a_second_to_a_week() {
        for (delay, expected) in [
            (json!(1), 1),
            (json!(604_800), 604_800),
            (json!(1.0), 1),
            (json!(1.2), 2),
            (json!(6e5), 600_000),
            (json!("30"), 30),
            (json!(" 30s "), 30),
            (json!("1500ms"), 2),
            (json!("15m"), 900),
            (json!("2h"), 7_200),
            (json!("7d"), 604_800),
        ] {
            check(&json!({"delay": delay}), Ok((Some(expected), None)));
        }
        for (delay, found) in [
            (json!(0), "0"),
            (json!(-5), "-5"),
            (json!(0.5), "0.5"),
            (json!(604_800.5), "604800.5"),
            (json!(691_200), "691200"),
            (json!(1e300), "1e+300"),
            (json!("8d"), "\"8d\""),
            (json!("0s"), "\"0s\""),
            (json!("-1s"), "\"-1s\""),
            (json!("1.5h"), "\"1.5h\""),
            (json!("soon"), "\"soon\""),
            (json!(""), "\"\""),
            (json!(true), "a boolean"),
            (json!([30]), "a list"),
            (json!({"seconds": 30}), "an object"),
        ] {
            check(&json!({"delay": delay}), Err(&format!("delay: found {found}, expected {EXPECTED}")));
        }
        check(&json!({"delay": null, "update_url": null}), Ok((None, None)));
        let long = "9".repeat(100_000);
        let huge: Value = serde_json::from_str(&format!("{{\"delay\": {long}}}")).unwrap();
        check(&huge, Err(&format!("delay: found {}, expected {EXPECTED}", &long[..40])));
    }

    #[test]
    fn an_update_url_goes_with_a_delay() {
        let asked = |url: Value| json!({"delay": 5, "update_url": url});
        check(&asked(json!(" /jobs/7 ")), Ok((Some(5), Some("/jobs/7"))));
        check(&asked(json!("https://jobs.test/7?a=b")), Ok((Some(5), Some("https://jobs.test/7?a=b"))));
        check(&asked(Value::Null), Ok((Some(5), None)));
        let expected = "a URL, absolute or relative to the endpoint's, of at most 2,048 characters";
        check(&asked(json!("")), Err(&format!("update_url: found \"\", expected {expected}")));
        check(&asked(json!(7)), Err(&format!("update_url: found a number, expected {expected}")));
        let long = "x".repeat(2_049);
        check(&asked(json!(long)), Err(&format!("update_url: found 2049 characters, expected {expected}")));
        check(&asked(json!(long[1..])), Ok((Some(5), Some(&long[1..]))));
        check(
            &json!({"update_url": "/jobs/7"}),
            Err("update_url: found no delay beside it, expected when to ask there"),
        );
    }

    #[test]
    fn a_failure_asks_for_a_delay_with_retry_after() {
        let mut answer = Answer::default();
        read(json!({"delay": 5, "update_url": "/x"}).as_object().unwrap(), false, &mut answer);
        assert_eq!((answer.delay, answer.update_url), (None, None));
        let expected = ["delay: taken from a 2xx answer only", "update_url: taken from a 2xx answer only"];
        assert_eq!(answer.faults, expected);
    }
}
