//! Clients of an emulated account, and the table in it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        orchestrator::Metadata,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::{SdkConfig, region::Region};
use crossdock_aws::{clients::Clients, store::DynamoStore};
use crossdock_core::hub::Retention;
use crossdock_stack::{names::Names, table};
pub(crate) use crossdock_testkit::emulator::Account;
use crossdock_testkit::{
    clock::{SeededRandom, TestClock},
    suite::StoreFixture,
};
use serde_json::Value;

pub(crate) const TABLE: &str = "my-shop";

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a hub file that says nothing of it gives.
pub(crate) const USUAL: Retention =
    Retention { deliveries: Some(DAY.saturating_mul(30)), dead_letters: DAY.saturating_mul(14), versions: None };

/// Operations that were called, in the order of their ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    /// Those since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "Calls"
    }

    fn read_after_execution(
        &self,
        _: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().unwrap().name().to_owned();
        self.0.lock().unwrap().push(operation);
        Ok(())
    }
}

pub(crate) fn clients(account: &Account) -> Clients {
    let credentials = Credentials::from_keys(&account.id, "secret", None);
    let config = SdkConfig::builder()
        .region(Region::new("us-east-1"))
        .endpoint_url(&account.url)
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    Clients::new(&config.build())
}

pub(crate) fn dynamodb(account: &Account, calls: Calls) -> Client {
    Client::from_conf(clients(account).dynamodb.config().to_builder().interceptor(calls).build())
}

/// For waits between tries.
pub(crate) fn random() -> Arc<SeededRandom> {
    Arc::new(SeededRandom::new(1))
}

/// Of the queues and the bus.
pub(crate) fn names() -> Names {
    Names::new("shop").unwrap()
}

/// What the URLs of an account's queues begin with.
pub(crate) fn queue_urls(account: &Account) -> String {
    format!("{}/{}/", account.url, account.id)
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
    pub(crate) calls: Calls,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::keeping(USUAL).await
    }

    pub(crate) async fn keeping(retention: Retention) -> Self {
        let calls = Calls::default();
        let client = dynamodb(&Account::new(), calls.clone());
        make_table(&client).await;
        calls.take();
        let clock = Arc::new(TestClock::default());
        let store = DynamoStore::new(client.clone(), TABLE, clock.clone(), Arc::new(SeededRandom::new(1)), retention);
        Self { client, store, clock, calls }
    }

    /// Another process on the same table.
    pub(crate) fn beside(&self, seed: u64) -> DynamoStore {
        let random = Arc::new(SeededRandom::new(seed));
        DynamoStore::new(self.client.clone(), TABLE, self.clock.clone(), random, USUAL)
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
