use std::sync::atomic::{AtomicU8, Ordering};

use crossdock_testkit::clock::TestClock;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::fake::Fake;

const GOOD: u8 = 0;
const AWAY: u8 = 1;
const GONE: u8 = 2;
const CLOSED: u8 = 3;

/// A parameter store in one of these states, and the secrets from it.
struct Scene {
    state: Arc<AtomicU8>,
    fake: Fake,
    clock: Arc<TestClock>,
    secrets: SsmSecrets,
}

impl Scene {
    fn new(folder: &str) -> Self {
        let (state, clock) = (Arc::new(AtomicU8::new(GOOD)), Arc::new(TestClock::default()));
        let seen = state.clone();
        let fake = Fake::new(move |call, request| {
            assert_eq!(request["WithDecryption"], true);
            match seen.load(Ordering::SeqCst) {
                GOOD => (200, json!({"Parameter": {"Name": request["Name"], "Value": format!("value {call}")}})),
                // Not one that the SDK waits for and tries again.
                AWAY => (400, json!({"__type": "SomethingElse"})),
                GONE => (400, json!({"__type": "ParameterNotFound"})),
                _ => (400, json!({"__type": "AccessDeniedException", "message": "not authorized"})),
            }
        });
        let secrets = SsmSecrets::new(fake.clients().ssm, folder, clock.clone());
        Self { state, fake, clock, secrets }
    }

    fn become_(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }

    async fn read(&self) -> Result<String, String> {
        let secret = self.secrets.secret(&"token".parse().unwrap()).await;
        secret.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.what)
    }
}

fn ok(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

#[tokio::test]
async fn a_value_is_kept_for_a_while_and_then_read_again() {
    let scene = Scene::new("/shop");
    assert_eq!((scene.read().await, scene.read().await), (ok("value 0"), ok("value 0")));
    scene.clock.advance(KEPT_FOR - Duration::from_secs(1));
    assert_eq!(scene.read().await, ok("value 0"));
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!((scene.read().await, scene.fake.calls()), (ok("value 1"), 2));
}

#[tokio::test]
async fn whoever_needs_it_at_once_asks_once() {
    let scene = Scene::new("/shop");
    assert_eq!(join_all((0..20).map(|_| scene.read())).await, vec![ok("value 0"); 20]);
    assert_eq!(scene.fake.calls(), 1);
    // Nor does a failure make each of them ask.
    scene.clock.advance(USED_FOR);
    scene.become_(AWAY);
    assert!(join_all((0..20).map(|_| scene.read())).await.iter().all(Result::is_err));
    assert_eq!(scene.fake.calls(), 2);
    scene.become_(GOOD);
    scene.clock.advance(FAILED_FOR);
    assert_eq!(scene.read().await, ok("value 2"));
}

#[tokio::test]
async fn while_the_store_is_away_a_value_serves_longer() {
    let scene = Scene::new("/shop");
    assert_eq!(scene.read().await, ok("value 0"));
    scene.become_(AWAY);
    scene.clock.advance(KEPT_FOR);
    assert_eq!(scene.read().await, ok("value 0"));
    scene.clock.advance(USED_FOR - KEPT_FOR);
    let error = scene.read().await.unwrap_err();
    assert_eq!(error, "secret token: reading the parameter /shop/token: SomethingElse");
}

#[tokio::test]
async fn what_is_gone_is_gone_at_once() {
    for (state, expected) in [(GONE, "is not set"), (CLOSED, "may not be read")] {
        let scene = Scene::new("/shop");
        assert_eq!(scene.read().await, ok("value 0"));
        scene.become_(state);
        scene.clock.advance(KEPT_FOR);
        for _ in 0..2 {
            let error = scene.read().await.unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(scene.fake.calls(), 2);
    }
}

#[tokio::test]
async fn an_error_says_what_to_do() {
    let check = async |folder: &str, state: u8, expected: &[&str]| {
        let scene = Scene::new(folder);
        scene.become_(state);
        let error = scene.read().await.unwrap_err();
        for text in expected {
            assert!(error.contains(text), "{error}");
        }
    };
    let manager = "/aws/reference/secretsmanager/shop";
    check("/shop", GONE, &["no parameter /shop/token", "aws ssm put-parameter --name /shop/token --type SecureString"])
        .await;
    check("/shop", CLOSED, &["parameter /shop/token", "ssm:GetParameter", "kms:Decrypt", "not authorized"]).await;
    check(manager, GONE, &["aws secretsmanager create-secret --name shop/token --secret-string"]).await;
    check(manager, CLOSED, &["ssm:GetParameter", "secretsmanager:GetSecretValue"]).await;
}
