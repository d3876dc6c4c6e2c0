use super::*;
use crate::golden::{check_message, context, hub, now, orders};

/// What each poll emits, `!` for a failed one.
#[test]
fn a_streak_is_told_once_and_its_end_once() {
    let hub = hub();
    let key = &orders(&hub).key;
    let epoch = context(&hub).epoch;
    let mut state = CollectionState { bookmark: Some("2026-11-21T09:00:00Z".to_owned()), ..CollectionState::default() };
    let mut emitted = Vec::new();
    for (place, poll) in "!!. !!!!. . !!!".chars().filter(|poll| *poll != ' ').enumerate() {
        let message = match poll {
            '!' => failed(&hub, epoch, Way::Poll, key, &mut state, now(), "503 Service Unavailable"),
            _ => recovered(&hub, epoch, Way::Poll, key, &mut state, now()),
        };
        emitted.extend(message.map(|message| (place, message)));
    }
    let told: Vec<(usize, &str)> = emitted.iter().map(|(place, message)| (*place, message.message.as_str())).collect();
    assert_eq!(told, [(5, "notification:error"), (7, "notification:info"), (11, "notification:error")]);
    assert_ne!(emitted[0].1.message_id, emitted[2].1.message_id, "each streak is another fact");
    assert_eq!(state.bookmark.as_deref(), Some("2026-11-21T09:00:00Z"), "a failure leaves it alone");
    let mut emitted = emitted.into_iter().map(|(_, message)| message);
    check_message(&hub, "source-failing", emitted.next().unwrap());
    check_message(&hub, "source-recovered", emitted.next().unwrap());
}
