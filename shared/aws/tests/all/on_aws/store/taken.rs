//! Functions from before late versions, beside newer ones or after a rollback: they drop from a head what they do not know,
//! its highest number among it. No version is overwritten for that.

use aws_sdk_dynamodb::types::AttributeValue;
use crossdock_core::{
    port::{CommitError, VersionStore, whole},
    version::{ObjectCommit, Version, VersionRef},
};
use crossdock_testkit::build::{order, version};
use serde_json::json;

use crate::support::{Fixture, TABLE};

/// As an older function writes a head.
async fn forget_the_highest(fixture: &Fixture, id: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let pk = format!("o#my-store/orders/{id}");
    let update = fixture.client.update_item().table_name(TABLE).key("pk", text(&pk)).key("sk", text("head"));
    let update = update.update_expression("REMOVE #last").condition_expression("attribute_exists(#last)");
    update.expression_attribute_names("#last", "last").send().await.unwrap();
}

#[tokio::test]
async fn a_number_that_is_taken_is_passed_over() {
    let fixture = Fixture::new().await;
    let key = order("R1");
    let store = &fixture.store;
    let head = async || store.heads(std::slice::from_ref(&key)).await.and_then(whole).unwrap().remove(0);
    let commit = async |version: Version| {
        let commit = ObjectCommit { expected: head().await, version, messages: Vec::new() };
        store.commit(vec![commit]).await.remove(0)
    };
    let late = |number: u64| Version { late: true, parent: None, ..version(&key, number, json!({ "late": number })) };
    let next = |number: u64| Version { parent: Some(1), ..version(&key, number, json!({ "next": number })) };
    assert_eq!(commit(version(&key, 1, json!({}))).await, Ok(()));
    for number in [2, 3] {
        assert_eq!(commit(late(number)).await, Ok(()));
    }
    forget_the_highest(&fixture, "R1").await;

    let known = head().await.unwrap();
    assert_eq!((known.version, known.last), (1, 1));
    for taken in [2, 3] {
        assert_eq!(commit(next(taken)).await, Err(CommitError::Conflict), "decide again");
        let mended = head().await.unwrap();
        assert_eq!((mended.version, mended.last), (1, taken), "what is known of it now");
    }
    assert_eq!(commit(next(4)).await, Ok(()));
    let refs = [2, 3, 4].map(|number| VersionRef { key: key.clone(), number });
    let found = store.versions(&refs).await.and_then(whole).unwrap();
    assert_eq!(found, [Some(late(2)), Some(late(3)), Some(next(4))]);
    let known = head().await.unwrap();
    assert_eq!((known.version, known.last), (4, 4));
}
