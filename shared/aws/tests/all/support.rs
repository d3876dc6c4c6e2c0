//! Clients of an emulated account, and the table in it.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use crossdock_aws::store::DynamoStore;
use crossdock_core::hub::Retention;
use crossdock_stack::table;
use crossdock_testkit::{
    clock::{SeededRandom, TestClock},
    emulator::Account,
    suite::StoreFixture,
};
use serde_json::Value;

pub(crate) const TABLE: &str = "my-shop";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a hub file that says nothing of it gives.
pub(crate) const USUAL: Retention =
    Retention { deliveries: Some(DAY.saturating_mul(30)), dead_letters: DAY.saturating_mul(14), versions: None };

pub(crate) fn dynamodb(account: &Account) -> Client {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&account.url)
        .credentials_provider(Credentials::from_keys(&account.id, "secret", None))
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// The table as [`table::properties`] describes it. Expiry is left to the tests: the emulator would delete by its own clock.
pub(crate) async fn make_table(client: &Client) {
    let properties = table::properties();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = |of: &Value| -> Vec<KeySchemaElement> {
        let keys = of["KeySchema"].as_array().unwrap().iter().map(|key| {
            let kind = KeyType::from(key["KeyType"].as_str().unwrap());
            KeySchemaElement::builder().attribute_name(text(&key["AttributeName"])).key_type(kind).build().unwrap()
        });
        keys.collect()
    };
    let mut create = client.create_table().table_name(TABLE).set_key_schema(Some(keys(&properties)));
    create = create.billing_mode(BillingMode::from(properties["BillingMode"].as_str().unwrap()));
    for definition in properties["AttributeDefinitions"].as_array().unwrap() {
        let kind = ScalarAttributeType::from(definition["AttributeType"].as_str().unwrap());
        let definition = AttributeDefinition::builder().attribute_name(text(&definition["AttributeName"]));
        create = create.attribute_definitions(definition.attribute_type(kind).build().unwrap());
    }
    for index in properties["GlobalSecondaryIndexes"].as_array().unwrap() {
        let projected = ProjectionType::from(index["Projection"]["ProjectionType"].as_str().unwrap());
        let index = GlobalSecondaryIndex::builder()
            .index_name(text(&index["IndexName"]))
            .set_key_schema(Some(keys(index)))
            .projection(Projection::builder().projection_type(projected).build());
        create = create.global_secondary_indexes(index.build().unwrap());
    }
    create.send().await.unwrap();
}

/// A store in an account of its own.
pub(crate) struct Fixture {
    pub(crate) client: Client,
    pub(crate) store: DynamoStore,
    pub(crate) clock: Arc<TestClock>,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::keeping(USUAL).await
    }

    pub(crate) async fn keeping(retention: Retention) -> Self {
        let client = dynamodb(&Account::new());
        make_table(&client).await;
        let clock = Arc::new(TestClock::default());
        let store = DynamoStore::new(client.clone(), TABLE, clock.clone(), Arc::new(SeededRandom::new(1)), retention);
        Self { client, store, clock }
    }
}

impl StoreFixture for Fixture {
    type Store = DynamoStore;

    fn store(&self) -> &DynamoStore {
        &self.store
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }
}
