//! A server that answers as it is told to, and writes down what it was asked. It plays endpoints and sources, and has
//! every bad manner an HTTP server can have, which is why it writes its answers byte by byte instead of leaving that to
//! a library that would not let it.

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};
use url::Url;

use super::wait::until;

/// One request, whole.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: jiff::Timestamp,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let url = Url::parse("http://server").and_then(|base| base.join(&self.target)).unwrap();
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn webhook_id(&self) -> &str {
        self.header("webhook-id").unwrap_or_default()
    }

    /// The message; null where the body is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.target, self.webhook_id())
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// A whole answer, a piece at a time.
    Slow {
        bytes: Vec<u8>,
        pause: Duration,
    },
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// The head of an answer, and a body that never ends.
    Endless,
    /// After a while.
    Late(Duration, Box<Reply>),
    /// Nothing, for as long as the other side waits.
    Silence,
    /// The connection is reset.
    Reset,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn text(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self::Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }

    /// In twenty pieces, with a pause before each.
    pub(crate) fn slowly(self, pause: Duration) -> Self {
        match self {
            Self::Answer { status, headers, body } => Self::Slow { bytes: written(status, &headers, &body), pause },
            other => other,
        }
    }
}

fn written(status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // RFC 9110 §8.6: no length with a 204.
    if status != 204 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

/// Listens until it is dropped.
pub(crate) struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// Each request is written down before `script` is asked what to answer.
    pub(crate) async fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(0, script).await
    }

    /// On a port that somebody else had, or will have.
    pub(crate) async fn start_at(port: u16, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let book = Arc::clone(&seen);
        let writing_down = move |request: &Request| {
            book.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            script(request)
        };
        let mut server = Self::listen(port, writing_down).await;
        server.seen = seen;
        server
    }

    /// Writes nothing down.
    pub(crate) async fn forgetful(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(0, script).await
    }

    async fn listen(port: u16, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = tokio::spawn(accept(listener, Arc::new(script)));
        Self { url, seen: Arc::default(), accepting }
    }

    /// The port is free when this returns.
    pub(crate) async fn close(mut self) {
        self.accepting.abort();
        let ended = (&mut self.accepting).await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "{} listened until now", self.url);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those to this path.
    pub(crate) fn seen_at(&self, path: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|request| request.path() == path).collect()
    }

    /// Waits for what `found` finds among the requests.
    pub(crate) async fn until<T>(&self, what: &str, mut found: impl FnMut(&[Request]) -> Option<T>) -> T {
        until(what, || found(&self.seen()), || format!("seen: {:#?}", self.seen())).await
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    // Whatever the other side does to one connection is the end of that connection only.
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, Arc::clone(&script)));
    }
}

async fn serve(stream: TcpStream, script: Arc<Script>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await? {
        let mut reply = script(&request);
        while let Reply::Late(wait, late) = reply {
            tokio::time::sleep(wait).await;
            reply = *late;
        }
        match reply {
            Reply::Answer { status, headers, body } => stream.write_all(&written(status, &headers, &body)).await?,
            Reply::Slow { bytes, pause } => {
                for piece in bytes.chunks(bytes.len().div_ceil(20)) {
                    tokio::time::sleep(pause).await;
                    stream.write_all(piece).await?;
                }
            }
            Reply::Bytes(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                let chunk = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).await?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            Reply::Late(..) => {}
            Reply::Silence => {
                // Until the other side hangs up.
                return stream.read_to_end(&mut Vec::new()).await.map(|_| ());
            }
            Reply::Reset => return stream.get_ref().set_zero_linger(),
        }
    }
    Ok(())
}

/// `None` at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
    let length: usize = length.transpose().map_err(io::Error::other)?.unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Request { method, target, headers, body, at: super::now() }))
}

/// A port that is taken and on which nobody listens: connections are refused for as long as it is held.
pub(crate) struct Refusing {
    _socket: TcpSocket,
    pub(crate) url: String,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        Self { _socket: socket, url }
    }
}
