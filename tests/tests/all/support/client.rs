//! A client for what the tests ask of others: one request, one answer, over HTTP/1.0, so that an answer ends where the
//! connection does and nothing of the hub's own HTTP code is between a test and what it looks at.

use std::{fmt, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// The first header of that name, in whatever case it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Null where it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// For the whole exchange.
    patience: Duration,
}

pub(crate) fn call(method: &'static str, url: impl fmt::Display) -> Call {
    Call { method, url: url.to_string(), headers: Vec::new(), body: Vec::new(), patience: Duration::from_secs(30) }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// For an answer that may take longer than most.
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) async fn send(self) -> Response {
        match self.clone().attempt().await {
            Ok(response) => response,
            Err(error) => panic!("{} {}: {error}", self.method, self.url),
        }
    }

    /// Why there was no answer, if there was none.
    pub(crate) async fn attempt(self) -> Result<Response, String> {
        let exchange = tokio::time::timeout(self.patience, self.exchange());
        exchange.await.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())
    }

    async fn exchange(self) -> std::io::Result<Response> {
        let url = Url::parse(&self.url).map_err(std::io::Error::other)?;
        let address = (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or_default());
        let mut connection = TcpStream::connect(address).await?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut head = format!("{} {path} HTTP/1.0\r\nhost: {}\r\n", self.method, url.authority());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        connection.write_all(head.as_bytes()).await?;
        // A server may have answered and hung up before it has read everything.
        let sent = connection.write_all(&self.body).await;
        let mut answer = Vec::new();
        let received = connection.read_to_end(&mut answer).await;
        match parse(&answer) {
            Some(response) => Ok(response),
            None => {
                sent?;
                received?;
                Err(std::io::Error::other("the connection ended without an answer"))
            }
        }
    }
}

fn parse(answer: &[u8]) -> Option<Response> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let headers = rest.lines().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Some(Response { status, headers, body: body.to_owned() })
}
