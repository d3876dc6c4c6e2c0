use super::*;

fn hub() -> Hub {
    let text = "hub: my-shop
sources:
  my-store:
    url: http://shop.test
    collections:
      orders: {type: order, request: {path: /orders}, items: orders, id: id, every: 10s}
endpoints:
  mail: {url: http://mail.test}
routes:
  - {name: mail, messages: ['order:*'], to: mail, path: /mail}
";
    crate::hub::load("hub.yaml", text, &|_| None).unwrap_or_else(|faults| panic!("{faults}")).hub
}

/// What each poll of a history says: `x` fails, `.` works.
fn messages(history: &str, state: &mut CollectionState) -> Vec<Option<Message>> {
    let hub = hub();
    let key = hub.sources.values().next().unwrap().collections[0].key.clone();
    let epoch = Epoch([7; 16]);
    let poll = |outcome| match outcome {
        'x' => failed(&hub, epoch, Way::Poll, &key, state, Timestamp::UNIX_EPOCH, "no whole answer within 15s"),
        _ => recovered(&hub, epoch, Way::Poll, &key, state, Timestamp::UNIX_EPOCH),
    };
    history.chars().map(poll).collect()
}

/// `e` an error is emitted, `i` an info, `-` nothing.
fn check(history: &str, expected: &str) {
    let said: String = messages(history, &mut CollectionState::default())
        .iter()
        .map(|message| match message.as_ref().map(|message| message.message.as_str()) {
            None => '-',
            Some("notification:error") => 'e',
            Some("notification:info") => 'i',
            Some(other) => panic!("{other}"),
        })
        .collect();
    assert_eq!(said, expected, "{history}");
}

#[test]
fn three_failures_say_so_once_and_so_does_the_recovery() {
    check("", "");
    check("...", "---");
    check("xx.xx.", "------");
    check("xxx", "--e");
    check("xxxxxxxx", "--e-----");
    check("xxx...", "--ei--");
    check("xxxx.xxxx.", "--e-i--e-i");
}

#[test]
fn no_two_notifications_share_an_id_and_each_is_found_again() {
    let history = "xxx.xxx.";
    let ids = |mut state: CollectionState| {
        let found = messages(history, &mut state);
        found.into_iter().flatten().map(|message| message.message_id).collect::<Vec<_>>()
    };
    let found = ids(CollectionState::default());
    let distinct: std::collections::HashSet<_> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (4, 4));
    assert_eq!(ids(CollectionState::default()), found);
    let moved = CollectionState { bookmark: Some("2026-11-21T10:00:00Z".to_owned()), ..CollectionState::default() };
    assert!(ids(moved).iter().all(|id| !found.contains(id)));
}

#[test]
fn a_notification_names_collection_and_reason() {
    let mut state = CollectionState::default();
    let said: Vec<Message> = messages("xxxx.", &mut state).into_iter().flatten().collect();
    let hub = hub();
    let key = &hub.sources.values().next().unwrap().collections[0].key;
    assert_eq!(said[0].payload["notification"]["subject"], format!("{key} cannot be polled"));
    assert_eq!(said[0].payload["notification"]["description"], "no whole answer within 15s");
    assert_eq!(said[0].payload["notification"]["source"], "my-store");
    assert_eq!(said[1].payload["notification"]["description"], "after 4 failed polls");
    assert_eq!(said[1].payload["notification"]["level"], "info");
    assert_eq!((state.failures, state.notified, state.streak), (0, false, 1));
}
