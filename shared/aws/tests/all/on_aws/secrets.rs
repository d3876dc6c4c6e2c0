//! Secrets in the parameter store and, through it, in Secrets Manager.

use std::{sync::Arc, time::Duration};

use aws_sdk_ssm::types::ParameterType;
use crossdock_aws::{
    clients::Clients,
    secrets::{KEPT_FOR, SsmSecrets},
};
use crossdock_core::port::Secrets;
use crossdock_testkit::clock::TestClock;
use secrecy::ExposeSecret;

use crate::support::{Account, clients};

async fn put(clients: &Clients, name: &str, value: &str) {
    let put = clients.ssm.put_parameter().name(name).value(value).r#type(ParameterType::SecureString);
    put.overwrite(true).send().await.unwrap();
}

async fn read(secrets: &SsmSecrets, name: &str) -> Result<String, String> {
    let secret = secrets.secret(&name.parse().unwrap()).await;
    secret.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.what)
}

#[tokio::test]
async fn a_secret_rotates_without_a_deploy() {
    let (clients, clock) = (clients(&Account::new()), Arc::new(TestClock::default()));
    let secrets = SsmSecrets::new(clients.ssm.clone(), "/shop", clock.clone());
    put(&clients, "/shop/store-token", "first").await;
    assert_eq!(read(&secrets, "store-token").await.as_deref(), Ok("first"));
    put(&clients, "/shop/store-token", "second").await;
    assert_eq!(read(&secrets, "store-token").await.as_deref(), Ok("first"), "kept for a while");
    clock.advance(KEPT_FOR);
    assert_eq!(read(&secrets, "store-token").await.as_deref(), Ok("second"));
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_asked_for() {
    let (clients, clock) = (clients(&Account::new()), Arc::new(TestClock::default()));
    let secrets = SsmSecrets::new(clients.ssm.clone(), "/shop", clock.clone());
    let error = read(&secrets, "store-token").await.unwrap_err();
    assert_eq!(
        error,
        "secret store-token is not set: there is no parameter /shop/store-token; set it with \
         aws ssm put-parameter --name /shop/store-token --type SecureString --value …"
    );
    put(&clients, "/shop/store-token", "here").await;
    clock.advance(Duration::from_secs(5));
    assert_eq!(read(&secrets, "store-token").await.as_deref(), Ok("here"));
}
