//! What goes out, what comes back, and what stands in between.

use crossdock_core::port::HeaderValue;
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    server::{Server, Then, ok, read_request, settle},
    *,
};

#[tokio::test]
async fn what_is_sent() {
    let server = Server::saying(ok(""), Then::NextRequest).await;
    let headers = vec![
        ("content-type".to_owned(), HeaderValue::Plain("application/json".into())),
        ("X-Hub-Token".to_owned(), HeaderValue::Secret("s3cret".into())),
    ];
    client(dev()).post(EndpointRequest { headers, ..delivery(&server.url) }).await.unwrap();
    client(dev()).fetch(page(&server.url)).await.unwrap();
    let body = Some("{\"query\":1}".into());
    client(dev()).fetch(SourceRequest { method: Method::Post, body, ..page(&server.url) }).await.unwrap();

    let [post, get, query] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert!(post.starts_with("POST /hook HTTP/1.1\r\n"), "{post}");
    for expected in
        ["content-type: application/json\r\n", "x-hub-token: s3cret\r\n", "user-agent: crossdock-test/1\r\n"]
    {
        assert!(post.contains(expected), "{expected} in {post}");
    }
    for absent in ["accept-encoding", "cookie", "referer"] {
        assert!(!post.contains(absent), "{absent} in {post}");
    }
    assert!(post.ends_with("\r\n\r\n{\"message\":\"order:new\"}"), "{post}");
    assert!(get.starts_with("GET /hook HTTP/1.1\r\n"), "{get}");
    assert!(get.contains("accept-encoding: gzip\r\n"), "{get}");
    assert!(query.starts_with("POST /hook") && query.ends_with("\r\n\r\n{\"query\":1}"), "{query}");
}

#[tokio::test]
async fn credentials_of_a_url_become_basic_auth_unless_the_hub_says_otherwise() {
    let server = Server::saying(ok(""), Then::NextRequest).await;
    let mut url = server.url.clone();
    url.set_username("user").unwrap();
    url.set_password(Some("pass")).unwrap();
    post(&url).await.unwrap();
    let headers = vec![("authorization".to_owned(), HeaderValue::Secret("Bearer t".into()))];
    client(dev()).fetch(SourceRequest { headers, ..page(&url) }).await.unwrap();

    let [basic, bearer] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert!(basic.contains("authorization: Basic dXNlcjpwYXNz\r\n"), "{basic}");
    assert!(bearer.contains("authorization: Bearer t\r\n") && !bearer.contains("Basic"), "{bearer}");
}

#[tokio::test]
async fn what_comes_back() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nLink: <a>\r\nLink: <b>\r\nX-Odd: \u{e9}\r\ncontent-length: 4\r\n\r\nbusy";
    let server = Server::saying(answer, Then::NextRequest).await;
    let answer = post(&server.url).await.unwrap();
    assert_eq!((answer.status, answer.truncated), (503, false));
    assert_eq!(answer.body, b"busy");
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-odd"), Some("\u{e9}"));
    let links: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "link").map(|(_, value)| value).collect();
    assert_eq!(links, ["<a>", "<b>"]);
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let server =
        Server::saying("HTTP/1.1 200 OK\r\nset-cookie: a=1\r\ncontent-length: 0\r\n\r\n", Then::NextRequest).await;
    let client = client(dev());
    client.post(delivery(&server.url)).await.unwrap();
    client.post(delivery(&server.url)).await.unwrap();
    assert!(!server.requests()[1].contains("cookie"));
}

#[tokio::test]
async fn redirects_are_answers() {
    let elsewhere = Server::saying(ok(""), Then::NextRequest).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
        let server = Server::saying(answer, Then::NextRequest).await;
        assert_eq!(post(&server.url).await.unwrap().status, status);
        assert_eq!(fetch(&server.url).await.unwrap().status, status);
    }
    settle().await;
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::saying(ok("fine"), Then::NextRequest).await;
    let client = client(dev());
    for _ in 0..3 {
        client.clone().post(delivery(&server.url)).await.unwrap();
        settle().await;
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let server = Server::saying(ok("fine"), Then::Close).await;
    let client = client(dev());
    for _ in 0..3 {
        client.post(delivery(&server.url)).await.unwrap();
        settle().await;
    }
    assert_eq!((server.connections(), server.requests().len()), (3, 3));
}

#[tokio::test]
async fn http_1_0_is_understood() {
    for answer in
        ["HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", "HTTP/1.0 200 OK\r\n\r\nfine", "HTTP/1.1 200\r\n\r\nfine"]
    {
        let server = Server::saying(answer, Then::Close).await;
        let found = post(&server.url).await.unwrap();
        assert_eq!((found.status, &found.body[..]), (200, &b"fine"[..]), "{answer:?}");
    }
}

#[tokio::test]
async fn a_refused_connection_says_by_whom() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://user:hunter2@{gone}/hook?token=hunter2").parse().unwrap();
    assert_eq!(post(&url).await, Err(HttpError::Refused(gone.to_string())));
    assert_eq!(fetch(&url).await, Err(HttpError::Refused(gone.to_string())));
}

#[tokio::test]
async fn answers_that_are_none() {
    let check = async |answer: &str| {
        let server = Server::saying(answer, Then::Close).await;
        let mut url = server.url.clone();
        url.set_query(Some("token=hunter2"));
        url.set_username("hunter2").unwrap();
        for error in [post(&url).await.unwrap_err(), fetch(&url).await.unwrap_err()] {
            assert!(matches!(error, HttpError::Broken(_)), "{answer:?}: {error:?}");
            assert!(!error.to_string().contains("hunter2"), "{answer:?}: {error}");
        }
        // A request that may have been acted upon is not sent again by the client: two calls, two requests.
        assert_eq!(server.requests().len(), 2, "{answer:?}");
    };
    check("").await;
    check("hunter2 is what I say\r\n\r\n").await;
    check("HTTP/1.1 abc OK\r\n\r\n").await;
    check("HTTP/9.9 200 OK\r\n\r\n").await;
    check("HTTP/1.1 200 OK\r\nhunter2\r\n\r\n").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: hunter2\r\n\r\n").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n").await;
    check("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhunter2").await;
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\nhunter2\r\n").await;
    check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhunter2\r\n").await;
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    for answer in ["", "HTTP/1.1 200 OK\r\nx-a", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf"] {
        let server = Server::saying(answer, Then::Silence).await;
        let posted = client(dev()).post(EndpointRequest { timeout: SHORT, ..delivery(&server.url) }).await;
        assert_eq!(posted, Err(HttpError::Timeout(SHORT)), "{answer:?}");
        let fetched = client(dev()).fetch(SourceRequest { timeout: SHORT, ..page(&server.url) }).await;
        assert_eq!(fetched, Err(HttpError::Timeout(SHORT)), "{answer:?}");
    }
}

/// Every byte comes soon after the one before, but there is one deadline, and it is for the whole.
#[tokio::test]
async fn a_dripping_body_ends_at_the_deadline() {
    let server = Server::new(|mut stream, _| async move {
        read_request(&mut stream).await;
        let mut next = &b"HTTP/1.1 200 OK\r\n\r\n"[..];
        while stream.write_all(next).await.is_ok() {
            next = b".";
            tokio::time::sleep(SHORT / 20).await;
        }
    })
    .await;
    let posted =
        client(dev()).post(EndpointRequest { timeout: SHORT, max_body: usize::MAX, ..delivery(&server.url) }).await;
    assert_eq!(posted, Err(HttpError::Timeout(SHORT)));
    let fetched =
        client(dev()).fetch(SourceRequest { timeout: SHORT, max_body: usize::MAX, ..page(&server.url) }).await;
    assert_eq!(fetched, Err(HttpError::Timeout(SHORT)));
}

/// A name service that never answers is part of the deadline too.
#[tokio::test]
async fn a_look_up_ends_at_the_deadline() {
    struct Silent;
    impl Lookup for Silent {
        fn lookup(&self, _: String) -> LookingUp {
            Box::pin(std::future::pending())
        }
    }
    let parts = Parts { lookup: Arc::new(Silent), tls: config(mozilla_roots()).unwrap(), connect_timeout: PATIENT };
    let client = HttpClient::assemble(closed(), "test", &parts).unwrap();
    let url = "http://shop.test/".parse().unwrap();
    let posted = client.post(EndpointRequest { timeout: SHORT, ..delivery(&url) }).await;
    assert_eq!(posted, Err(HttpError::Timeout(SHORT)));
}

#[tokio::test]
async fn headers_that_cannot_be_sent() {
    let server = Server::saying(ok(""), Then::NextRequest).await;
    let check = async |name: &str, value: HeaderValue, expected: &str| {
        let headers = vec![(name.to_owned(), value)];
        let error = client(dev()).post(EndpointRequest { headers, ..delivery(&server.url) }).await.unwrap_err();
        let HttpError::Invalid(text) = &error else { panic!("{name:?}: {error:?}") };
        assert!(text.contains(expected) && !text.contains("hunter2"), "{name:?}: {text}");
    };
    check("", HeaderValue::Plain("1".into()), "\"\" is no header name").await;
    check("x y", HeaderValue::Plain("1".into()), "\"x y\" is no header name").await;
    check("x\r\ny", HeaderValue::Plain("1".into()), "is no header name").await;
    check("x-ü", HeaderValue::Plain("1".into()), "is no header name").await;
    check("x-a", HeaderValue::Plain("1\r\nhost: other".into()), "value of the header x-a").await;
    check("Authorization", HeaderValue::Secret("hunter2\n".into()), "value of the header authorization").await;
    check("Content-Length", HeaderValue::Plain("5".into()), "content-length is written by the client itself").await;
    check("transfer-encoding", HeaderValue::Plain("chunked".into()), "transfer-encoding").await;
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_user_agent_must_fit_into_a_header() {
    let error = HttpClient::new(closed(), "crossdock\n").unwrap_err();
    assert_eq!(error.to_string(), "\"crossdock\\n\" cannot be a user-agent header");
    assert!(HttpClient::new(closed(), "crossdock/0.1").is_ok());
}
