//! The ids' bytes are a promise: a store that was written by one version of the hub is read by the next. The vectors
//! were computed apart from this crate (SHA-256 over the fields, each after its length as eight bytes, big-endian;
//! numbers as eight bytes; then version 8 and the RFC 9562 variant put over the first 16 bytes).

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const EPOCH: Epoch = Epoch([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);

fn object(collection: &str, id: &str) -> ObjectKey {
    ObjectKey { collection: collection_key(collection), id: id.to_owned() }
}

fn collection_key(collection: &str) -> CollectionKey {
    CollectionKey { source: "my-store".parse().unwrap(), collection: collection.parse().unwrap() }
}

fn message_type(text: &str) -> MessageType {
    text.parse().unwrap()
}

/// Of an order at version 4, for a message with this type and rule.
fn versioned(message: &str, rule: &str) -> MessageId {
    let content = ContentHash::of(br#"{"total":2499e-2}"#);
    MessageId::of_version(EPOCH, &object("orders", "R1"), 4, &content, &message_type(message), rule)
}

fn follow_up(round: u32, place: u32) -> MessageId {
    let parent = versioned("order:updated", "");
    MessageId::of_follow_up(EPOCH, parent, &"book".parse().unwrap(), round, place, &message_type("shipment:ready"))
}

fn asked(round: u32, poll: u32) -> MessageId {
    MessageId::of_remote_poll(EPOCH, versioned("order:updated", ""), &"book".parse().unwrap(), round, poll)
}

fn pushed(key: &[u8], place: u32) -> MessageId {
    MessageId::of_push(EPOCH, &"my-store".parse().unwrap(), key, place)
}

fn about_source(bookmark: Option<&str>, streak: u64, message: &str) -> MessageId {
    MessageId::of_source_notification(EPOCH, &collection_key("orders"), bookmark, streak, &message_type(message))
}

fn told(place: u64, known: &str) -> MessageId {
    let said = ContentHash::of(br#"{"total":2499e-2}"#);
    MessageId::of_told(EPOCH, &collection_key("orders"), known, place, &message_type("stock:low"), &said)
}

#[test]
fn message_ids() {
    let content = ContentHash::of(br#"{"total":2499e-2}"#);
    let child =
        MessageId::of_version(EPOCH, &object("orders.payments", "R1/7"), 1, &content, &message_type("payment:new"), "");
    let vectors = [
        (versioned("order:updated", ""), "add05262-0cab-87ea-87a4-4363829baa11"),
        (versioned("order:canceled", "derive.0"), "291998b2-f32a-8341-aaf0-216b3f967bef"),
        (child, "80bc0b13-19a7-8cbf-9868-bc8fb5854994"),
        (follow_up(1, 0), "6ea3955c-d478-8423-9acc-098f4b07cdb6"),
        (follow_up(2, 0), "c65681cc-b43e-81f3-a43d-3c1edd2054bd"),
        (asked(1, 1), "d710ab9b-cdb4-8b89-80b4-7e505b62d49f"),
        (asked(1, 2), "0ebd62f0-1414-80b1-8c0a-df657910a2f8"),
        (asked(2, 1), "77738e01-c9cc-8707-81f6-e573c91df61b"),
        (pushed(b"key:abc", 0), "8aa765cb-8a2f-8496-a665-49735b2a7142"),
        (pushed(b"key:abc", 1), "139c9ad8-6bb7-8702-bd85-7241a8f5baaa"),
        (about_source(Some("2026-11-21T10:00:00Z"), 1, "notification:error"), "21255aeb-b345-8549-a380-57a0659c2c21"),
        (about_source(None, 1, "notification:info"), "7f4d88d1-ca4e-8e3b-9c69-2a6731bca61f"),
        (MessageId::of_refusal(EPOCH, versioned("order:updated", "")), "b6d0ebf8-5241-824f-8eec-d1a91ecad569"),
        (MessageId::of_poll(EPOCH, &collection_key("orders"), &[1; 16]), "374c138b-67b0-8dff-bbe7-b0547cf62e14"),
        (told(0, "{}"), "52ae9bb6-cc2f-8130-9f34-b6c6d71ddbee"),
        (told(1, "{}"), "f53a69c1-6e79-89bd-95cc-eb89697ac8d4"),
        (told(0, r#"{"since":1}"#), "9d4fd4c4-7cdc-86cb-827a-a11d97064a25"),
    ];
    for (id, expected) in vectors {
        assert_eq!(id.to_string(), expected);
        assert_eq!(expected.parse::<MessageId>().unwrap(), id);
        assert_eq!(MessageId::from_bytes(*id.as_bytes()), id);
        assert_eq!(id.trace_id(), expected.replace('-', ""));
    }
}

#[test]
fn a_store_begun_again_never_repeats_an_id() {
    let source: SourceName = "my-store".parse().unwrap();
    assert_ne!(MessageId::of_push(EPOCH, &source, b"k", 0), MessageId::of_push(Epoch([9; 16]), &source, b"k", 0));
}

#[test]
fn groups() {
    assert_eq!(object("orders", "R123123123").group(), "6dfd03a54c8aff19542641d1f9366168");
    assert_eq!(object("orders", "Größe/1").group(), "23608c3cc49d336782426750ad90af48");
    // Same letters, cut elsewhere.
    assert_ne!(object("orders", "a").group(), object("order", "sa").group());
}

#[test]
fn each_round_has_its_webhook_id() {
    let message = versioned("order:updated", "");
    for (round, expected) in [
        (1, "add05262-0cab-87ea-87a4-4363829baa11"),
        (2, "add05262-0cab-87ea-87a4-4363829baa11.2"),
        (17, "add05262-0cab-87ea-87a4-4363829baa11.17"),
    ] {
        let key = DeliveryKey { message, route: "book".parse().unwrap(), round };
        assert_eq!(key.webhook_id(), expected);
        assert_eq!(key.to_string(), format!("{message}/book/{round}"));
    }
}

#[test]
fn an_object_says_where_it_is() {
    assert_eq!(object("orders.payments", "R1/7").to_string(), "my-store/orders.payments/R1/7");
}

/// Each name is taken, from text and from JSON, and comes back as it was; or refused by both.
fn names<T>(good: &[&str], bad: &[&str])
where
    T: FromStr<Err = InvalidName> + fmt::Display + Serialize + for<'de> Deserialize<'de>,
{
    for text in good {
        let name: T = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(name.to_string(), *text);
        assert_eq!(serde_json::to_value(&name).unwrap(), *text);
        assert!(serde_json::from_value::<T>((*text).into()).is_ok(), "{text:?}");
    }
    for text in bad {
        let error = text.parse::<T>().err().unwrap_or_else(|| panic!("{text:?} was taken"));
        assert_eq!(error.found, *text);
        let error = serde_json::from_value::<T>((*text).into()).err().unwrap_or_else(|| panic!("{text:?} was taken"));
        assert!(error.to_string().starts_with(&format!("{text:?} is not a")), "{error}");
    }
}

/// Exactly as long as a slug may be.
const LONGEST: &str = "a234567890123456789012345678901234567890";

#[test]
fn slugs() {
    let too_long = format!("{LONGEST}1");
    let good = ["a", "my-shop", "my_shop", "shop2", LONGEST, "a-", "a--b"];
    let bad = ["", "1shop", "-a", "_a", "Shop", "my shop", "my.shop", "a/b", "größe", "a\n", " a", &too_long];
    names::<HubName>(&good, &bad);
    names::<SourceName>(&good, &bad);
    names::<EndpointName>(&good, &bad);
    names::<RouteName>(&good, &bad);
    names::<SecretName>(&good, &bad);
}

#[test]
fn collection_names() {
    let both = format!("{LONGEST}.{LONGEST}");
    let too_long = format!("a.{LONGEST}1");
    names::<CollectionName>(
        &["orders", "orders.payments", "a.b", &both],
        &["", ".", "orders.", ".payments", "a..b", "a.b.c", "a.B", "a.1", "orders/payments", &too_long],
    );
}

#[test]
fn object_types() {
    let longest = "a".repeat(60);
    let too_long = "a".repeat(61);
    names::<ObjectType>(
        &["order", "stock_item", "line-item", "v2", &longest],
        &["", "Order", "2nd", "order:new", "an order", "a.b", "a~b", &too_long],
    );
}

#[test]
fn message_types() {
    let longest = format!("{}:{}", "a".repeat(59), "b".repeat(60));
    let too_long = format!("{}:{}:b", "a".repeat(59), "b".repeat(60));
    names::<MessageType>(
        &["order:new", "notification:error", "remote:poll", "order:line_item:added", "a:b-c", &longest],
        &["", "order", ":", "order:", ":new", "order::new", "Order:new", "order:*", "order: new", "order:1", &too_long],
    );
}

#[test]
fn types_made_of_words_are_types() {
    let order = ObjectType::new(&"o".repeat(60)).unwrap();
    for event in [Event::New, Event::Updated, Event::Deleted] {
        let made = MessageType::of(&order, event);
        assert_eq!(made.as_str().parse::<MessageType>().unwrap(), made);
    }
    for (level, expected) in [
        (NotificationLevel::Info, "notification:info"),
        (NotificationLevel::Warn, "notification:warn"),
        (NotificationLevel::Error, "notification:error"),
    ] {
        assert_eq!(MessageType::notification(level), message_type(expected));
        assert_eq!(format!("notification:{}", serde_json::to_value(level).unwrap().as_str().unwrap()), expected);
    }
}

/// What an id is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Version { epoch: u8, collection: String, id: String, version: u64, content: u8, message: String, rule: String },
    FollowUp { epoch: u8, parent: [u8; 2], route: String, round: u32, place: u32, message: String },
    Push { epoch: u8, source: String, key: Vec<u8>, place: u32 },
    Source { epoch: u8, collection: String, bookmark: String, streak: u64, message: String },
}

impl Fact {
    fn id(&self) -> MessageId {
        let epoch = |epoch: &u8| Epoch([*epoch; 16]);
        match self {
            Self::Version { epoch: age, collection, id, version, content, message, rule } => MessageId::of_version(
                epoch(age),
                &object(collection, id),
                *version,
                &ContentHash([*content; 32]),
                &message_type(message),
                rule,
            ),
            Self::FollowUp { epoch: age, parent, route, round, place, message } => {
                let mut bytes = [0; 16];
                bytes[..2].copy_from_slice(parent);
                let parent = MessageId::from_bytes(bytes);
                let route = route.parse().unwrap();
                MessageId::of_follow_up(epoch(age), parent, &route, *round, *place, &message_type(message))
            }
            Self::Push { epoch: age, source, key, place } => {
                MessageId::of_push(epoch(age), &source.parse().unwrap(), key, *place)
            }
            Self::Source { epoch: age, collection, bookmark, streak, message } => MessageId::of_source_notification(
                epoch(age),
                &collection_key(collection),
                Some(bookmark),
                *streak,
                &message_type(message),
            ),
        }
    }
}

/// Few letters and short texts, so that many facts are nearly the same.
fn fact() -> impl Strategy<Value = Fact> {
    let name = || "[ab]{1,2}";
    let message = || "[ab]{1,2}:[ab]{1,2}";
    let small = || 0..3_u32;
    prop_oneof![
        (0..2_u8, name(), "[ab]{0,2}", 1..3_u64, 0..2_u8, message(), "[ab]{0,2}").prop_map(
            |(epoch, collection, id, version, content, message, rule)| Fact::Version {
                epoch,
                collection,
                id,
                version,
                content,
                message,
                rule
            }
        ),
        (0..2_u8, any::<[u8; 2]>(), name(), small(), small(), message()).prop_map(
            |(epoch, parent, route, round, place, message)| Fact::FollowUp {
                epoch,
                parent,
                route,
                round,
                place,
                message
            }
        ),
        (0..2_u8, name(), prop::collection::vec(97..99_u8, 0..3), small())
            .prop_map(|(epoch, source, key, place)| Fact::Push { epoch, source, key, place }),
        (0..2_u8, name(), "[ab]{0,2}", 0..3_u64, message()).prop_map(
            |(epoch, collection, bookmark, streak, message)| Fact::Source {
                epoch,
                collection,
                bookmark,
                streak,
                message
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_facts_have_other_ids(facts in prop::collection::btree_set(fact(), 2..60)) {
        let mut seen: BTreeMap<MessageId, Fact> = BTreeMap::new();
        for fact in facts {
            let id = fact.id();
            prop_assert_eq!(id, fact.id());
            prop_assert_eq!(id.as_bytes()[6] >> 4, 8, "the version of RFC 9562");
            prop_assert_eq!(id.as_bytes()[8] >> 6, 0b10, "the variant of RFC 9562");
            if let Some(other) = seen.insert(id, fact.clone()) {
                prop_assert!(false, "{:?} and {:?} are both {}", other, fact, id);
            }
        }
    }
}
