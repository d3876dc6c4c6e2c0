//! A small HTTP client, and the sample in a folder that goes away.

use crossdock_sample::{Options, Sample};
use serde_json::Value;

pub(crate) struct Web {
    http: reqwest::Client,
    token: Option<String>,
}

impl Web {
    pub(crate) fn new(token: Option<&str>) -> Self {
        // A second installation is refused, and the first one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), token: token.map(str::to_owned) }
    }

    /// Status and body; null where the body is no JSON.
    pub(crate) async fn get(&self, url: &str) -> (u16, Value) {
        self.send(self.http.get(url)).await
    }

    pub(crate) async fn post(&self, url: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let request = self.http.post(url).body(body.to_owned());
        self.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    pub(crate) async fn patch(&self, url: &str, body: &Value) -> (u16, Value) {
        self.send(self.http.patch(url).body(body.to_string())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

/// Without a scene.
pub(crate) async fn quiet(folder: &tempfile::TempDir) -> Sample {
    Sample::start(Options { play: false, ..Options::new(folder.path()) }).await.unwrap()
}

pub(crate) fn token(sample: &Sample) -> String {
    sample.secrets()["store-token"].clone()
}

pub(crate) fn url(sample: &Sample, variable: &str, path: &str) -> String {
    format!("{}{path}", sample.environment()[variable])
}
