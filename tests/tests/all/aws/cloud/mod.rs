//! An AWS account for a test, asked over plain HTTP. The emulator tells accounts apart by the access key that a request
//! names, and looks at no signature.

mod bare;
mod bus;
mod compute;
mod formation;
mod logs;
mod metrics;
mod package;
mod permissions;
mod queues;
mod table;

use std::{fmt, time::Duration};

use crossdock_testkit::emulator::Account;
use serde_json::Value;

pub(crate) use self::{
    formation::{Stack, Template},
    package::zipped,
    queues::Depth,
    table::Item,
};
use crate::support::{
    client::{Call, Response, call},
    wait::PATIENCE,
};

/// Between two looks at the account: each is a request to the emulator, which has functions to serve.
const PAUSE: Duration = Duration::from_millis(200);

/// Not the emulator's own default, so that nothing rests on it.
pub(crate) const REGION: &str = "eu-west-1";

#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    account: Account,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self { account: Account::new() }
    }

    pub(crate) fn account(&self) -> &str {
        &self.account.id
    }

    /// Of the emulator.
    pub(crate) fn url(&self) -> &str {
        &self.account.url
    }

    fn request(&self, service: &str, method: &'static str, path: impl fmt::Display) -> Call {
        let scope = format!("{}/20261121/{REGION}/{service}/aws4_request", self.account.id);
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        call(method, format!("{}{path}", self.account.url)).header("authorization", &signature)
    }

    /// A call of the JSON protocols: `target` is the service's prefix and the operation.
    async fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = self.request(service, "POST", "/").header("x-amz-target", target);
        let response = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string()).send().await;
        assert_eq!(response.status, 200, "{target} {body}: {response:?}");
        response.json()
    }

    /// A call of the Query protocol; the answer is XML.
    async fn query(&self, service: &str, parameters: &[(&str, &str)]) -> Response {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        let request = self.request(service, "POST", "/").header("content-type", "application/x-www-form-urlencoded");
        request.body(form.finish()).send().await
    }

    /// For what is deployed. Buckets share one namespace, whoever's they are.
    pub(crate) fn bucket(&self) -> String {
        format!("deployments-{}", self.account.id)
    }

    /// Of a template that was uploaded.
    pub(crate) fn template_url(&self, key: &str) -> String {
        format!("https://s3.amazonaws.com/{}/{key}", self.bucket())
    }

    /// Puts an object where CloudFormation and Lambda find it.
    pub(crate) async fn upload(&self, key: &str, bytes: Vec<u8>) {
        let response = self.request("s3", "PUT", format!("/{}/{key}", self.bucket())).body(bytes).send().await;
        assert_eq!(response.status, 200, "{key}: {response:?}");
    }

    pub(crate) async fn make_bucket(&self) {
        let place = format!(
            r#"<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"#
        );
        let response = self.request("s3", "PUT", format!("/{}", self.bucket())).body(place).send().await;
        assert_eq!(response.status, 200, "{response:?}");
    }

    pub(crate) async fn put_secret(&self, name: &str, value: &str) {
        let body = serde_json::json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.json("ssm", "AmazonSSM.PutParameter", &body).await;
    }
}

/// What `look` finds, as soon as it finds something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    match within(PATIENCE, look).await {
        Some(found) => found,
        None => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

pub(crate) async fn within<T>(limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(limit, looking).await.ok()
}
