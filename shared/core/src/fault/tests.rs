use std::sync::{Arc, Mutex};

use futures_util::FutureExt;

use super::*;
use crate::id::MessageId;

#[test]
fn plans_are_read() {
    for (text, fault, of, at, every) in [
        ("stop@137", Fault::Stop, None, 137, false),
        ("fail@20", Fault::Fail, None, 20, false),
        ("fail@every:50", Fault::Fail, None, 50, true),
        ("delay:200@1", Fault::Delay(Duration::from_millis(200)), None, 1, false),
        ("delay:0@every:10", Fault::Delay(Duration::ZERO), None, 10, true),
        ("stop@after:endpoint.post", Fault::Stop, Some((Side::After, "endpoint.post")), 1, false),
        ("fail@before:versions.commit#3", Fault::Fail, Some((Side::Before, "versions.commit")), 3, false),
        ("fail@before:ledger.settle#every:2", Fault::Fail, Some((Side::Before, "ledger.settle")), 2, true),
    ] {
        assert_eq!(text.parse::<FaultPlan>(), Ok(FaultPlan { fault, of, at, every }), "{text}");
    }
    for text in [
        "",
        "stop",
        "@",
        "stop@",
        "stop@0",
        "stop@-1",
        "stop@1.5",
        "stop@every:0",
        "stop@every:",
        "stop@every",
        "stop@at:ledger.settle",
        "stop@after:ledger.settle#0",
        "stop@after:ledger.settle#",
        "stop@before:ledger.settle#x",
        "stop@before:ledger.settle#every:0",
        "fail@x",
        "crash@1",
        "stop:5@1",
        "delay@1",
        "delay:@1",
        "delay:x@1",
        "delay:5ms@1",
        " stop@1",
        "stop@1 ",
        "stop@1@2",
    ] {
        let expected = format!(
            "{text:?} is no fault plan: expected stop@WHERE, fail@WHERE or delay:MS@WHERE, where WHERE is N, every:N, \
             or one of these behind before:CALL# or after:CALL#"
        );
        assert_eq!(text.parse::<FaultPlan>(), Err(expected));
    }
}

#[test]
fn a_plan_for_a_call_that_there_is_not_is_refused() {
    for text in ["stop@after:ledger.setle", "stop@before:settle", "stop@before:"] {
        let error = text.parse::<FaultPlan>().unwrap_err();
        assert!(error.starts_with(&format!("{text:?}: no port has a call ")), "{error}");
        assert!(error.contains("ledger.settle, "), "{error}");
    }
}

/// The list that plans are held against is the one of the calls that are guarded.
#[test]
fn every_guarded_call_can_be_named() {
    let source = include_str!("../fault.rs");
    let guarded: Vec<&str> = ["guard(\"", "guard_each(\""]
        .iter()
        .flat_map(|start| source.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let in_order = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    assert_eq!(in_order(guarded), in_order(plan::CALLS.to_vec()));
}

/// Notes what reaches it: the number of items of each call.
#[derive(Default)]
struct Noted(Mutex<Vec<usize>>);

impl Bus for Noted {
    async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        self.0.lock().unwrap().push(messages.len());
        messages.iter().map(|_| Ok(())).collect()
    }
}

impl Secrets for Noted {
    async fn secret(&self, _: &SecretName) -> Result<SecretString, PortError> {
        self.0.lock().unwrap().push(1);
        Ok("hush".to_owned().into())
    }
}

fn faults(plan: &str, slept: &Arc<Mutex<Vec<Duration>>>) -> Faults {
    let slept = Arc::clone(slept);
    let sleep = Arc::new(move |wait| {
        slept.lock().unwrap().push(wait);
        async {}.boxed()
    });
    Faults::planned(plan.parse().unwrap(), sleep)
}

/// Which of four calls fail, how many reached the port, and what was slept.
fn check(plan: &str, failures: [Option<&str>; 4], reached: usize, slept: usize) {
    let sleeps = Arc::default();
    let faults = faults(plan, &sleeps);
    let port = Guarded::new(Noted::default(), faults.clone());
    let name = SecretName::new("token").unwrap();
    let mut passed = 0;
    for failure in failures {
        let found = port.secret(&name).now_or_never().unwrap().map(|_| ());
        let expected = failure.map_or(Ok(()), |what| Err(PortError::transient(what)));
        assert_eq!(found, expected, "{plan}");
        // A call that fails before it is made passes one point only.
        assert!((1..=2).contains(&(faults.passed() - passed)));
        passed = faults.passed();
    }
    assert_eq!(port.inner().0.lock().unwrap().len(), reached, "{plan}");
    assert_eq!(sleeps.lock().unwrap().len(), slept, "{plan}");
}

#[test]
fn a_point_fails_before_a_call_or_after_it() {
    let failed = |number| Some(["", "fault point 1 (secrets.secret)", "fault point 2 (secrets.secret)"][number]);
    check("fail@1", [failed(1), None, None, None], 3, 0);
    check("fail@2", [failed(2), None, None, None], 4, 0);
    check("fail@4", [None, Some("fault point 4 (secrets.secret)"), None, None], 4, 0);
    check("fail@100", [None; 4], 4, 0);
    let every = [3, 6, 9].map(|number| format!("fault point {number} (secrets.secret)"));
    // Points 1 2, 3, 4 5, 6.
    check("fail@every:3", [None, Some(&every[0]), None, Some(&every[1])], 2, 0);
    check("delay:5@every:2", [None; 4], 4, 4);
    check("delay:5@3", [None; 4], 4, 1);
}

#[test]
fn a_point_can_be_named_by_its_call() {
    check("fail@before:secrets.secret", [Some("fault point 1 (secrets.secret)"), None, None, None], 3, 0);
    check("fail@after:secrets.secret", [Some("fault point 2 (secrets.secret)"), None, None, None], 4, 0);
    check("fail@before:secrets.secret#3", [None, None, Some("fault point 5 (secrets.secret)"), None], 3, 0);
    check("fail@after:secrets.secret#4", [None, None, None, Some("fault point 8 (secrets.secret)")], 4, 0);
    let every = [2, 4, 6, 8].map(|number| format!("fault point {number} (secrets.secret)"));
    check("fail@after:secrets.secret#every:1", every.each_ref().map(|what| Some(what.as_str())), 4, 0);
    check("fail@after:bus.publish", [None; 4], 4, 0);
}

fn message() -> Message {
    serde_json::from_value(serde_json::json!({
        "message_id": MessageId::from_bytes([0x5f; 16]), "message": "order:new", "hub": "my-shop",
        "source": "my-store", "created_at": "2026-11-21T10:00:00Z", "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_id": null, "hops": 0, "object": null, "keys": {}, "payload": {}, "routes": [],
    }))
    .unwrap()
}

#[test]
fn of_a_batch_every_item_fails() {
    for (plan, reached) in [("fail@1", 0), ("fail@2", 1)] {
        let port = Guarded::new(Noted::default(), faults(plan, &Arc::default()));
        let messages = vec![message(); 3];
        let answers = port.publish(&messages).now_or_never().unwrap();
        assert_eq!(answers.len(), 3);
        let failed =
            |answer: &Result<(), PublishError>| matches!(answer, Err(PublishError::Port(error)) if error.transient);
        assert!(answers.iter().all(failed), "{answers:?}");
        assert_eq!(port.inner().0.lock().unwrap().len(), reached, "{plan}");
        assert_eq!(port.publish(&messages).now_or_never().unwrap(), vec![Ok(()); 3]);
        assert!(port.publish(&[]).now_or_never().unwrap().is_empty());
    }
}

#[test]
fn ports_share_one_count() {
    let faults = faults("fail@3", &Arc::default());
    let (one, two) = (Guarded::new(Noted::default(), faults.clone()), Guarded::new(Noted::default(), faults.clone()));
    let name = SecretName::new("token").unwrap();
    assert!(one.secret(&name).now_or_never().unwrap().is_ok());
    assert!(two.secret(&name).now_or_never().unwrap().is_err());
    assert_eq!(faults.passed(), 3);
}

#[test]
fn without_a_plan_nothing_happens_and_nothing_is_counted() {
    let port = Guarded::new(Noted::default(), Faults::default());
    assert!(port.secret(&SecretName::new("token").unwrap()).now_or_never().unwrap().is_ok());
    assert_eq!((Faults::default().passed(), format!("{:?}", Faults::default())), (0, "no faults".to_owned()));
}
