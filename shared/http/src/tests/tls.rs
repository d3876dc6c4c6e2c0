//! TLS against a server with a certificate of the test's own making.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use super::{server::ok, *};

/// Greets every connection with an HTTP answer, whatever it asks.
async fn server() -> (u16, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["shop.test".to_owned()]).unwrap();
    let certificate = cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(ok("fine").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (port, certificate)
}

fn trusting(roots: RootCertStore, connect_timeout: Duration) -> HttpClient {
    let names = FakeNames::default().with("shop.test", &[&["127.0.0.1"]]).with("other.test", &[&["127.0.0.1"]]);
    let parts = Parts { lookup: Arc::new(names), tls: config(roots).unwrap(), connect_timeout };
    HttpClient::assemble(dev(), "test", &parts).unwrap()
}

#[tokio::test]
async fn certificates_are_checked() {
    let (port, certificate) = server().await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let url = |host: &str| -> Url { format!("https://{host}:{port}/hook?token=hunter2").parse().unwrap() };

    let answer = trusting(roots.clone(), PATIENT).fetch(page(&url("shop.test"))).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"fine"[..]));

    let check = async |roots: RootCertStore, host: &str, expected: &str| {
        let error = trusting(roots, PATIENT).post(delivery(&url(host))).await.unwrap_err();
        let HttpError::Tls { host: named, why } = &error else { panic!("{error:?}") };
        assert_eq!(*named, format!("{host}:{port}"));
        assert!(why.contains(expected), "{why}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    };
    check(mozilla_roots(), "shop.test", "UnknownIssuer").await;
    check(roots.clone(), "other.test", "not valid for name").await;
    check(roots, "127.0.0.1", "not valid for name").await;
}

#[tokio::test]
async fn a_server_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let url = format!("https://shop.test:{port}/").parse().unwrap();
    let error = trusting(mozilla_roots(), PATIENT).post(delivery(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error:?}");
}

/// Time to connect has a limit of its own, so that a dead address leaves some for the next.
#[tokio::test]
async fn a_handshake_that_never_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://shop.test:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    let posted = trusting(mozilla_roots(), SHORT).post(delivery(&url)).await;
    assert_eq!(posted, Err(HttpError::Timeout(SHORT)));
}
