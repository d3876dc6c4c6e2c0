use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);

fn oauth2(client_auth: ClientAuth) -> OAuth2 {
    OAuth2 {
        token_url: "https://login.test/token?tenant=7".parse().unwrap(),
        client_id: "hub:é".to_owned(),
        secret: "client".parse().unwrap(),
        scope: Some("orders:read stock".to_owned()),
        audience: None,
        client_auth,
    }
}

fn asked(oauth2: &OAuth2) -> (String, Option<String>) {
    let request = request(oauth2, &"hush&hush".to_owned().into(), TIMEOUT);
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "https://login.test/token?tenant=7"));
    let printed = format!("{request:?}");
    assert!(!printed.contains("hush"), "{printed}");
    let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let Some(HeaderValue::Plain(content_type)) = header("content-type") else { panic!("{printed}") };
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    let authorization = header("authorization").map(|value| match value {
        HeaderValue::Secret(secret) => secret.expose_secret().to_owned(),
        HeaderValue::Plain(_) => panic!("{printed}"),
    });
    (request.body.unwrap().expose_secret().to_owned(), authorization)
}

#[test]
fn a_client_says_who_it_is_in_a_header_or_in_the_body() {
    let (body, header) = asked(&oauth2(ClientAuth::Basic));
    assert_eq!(body, "grant_type=client_credentials&scope=orders%3Aread+stock");
    // RFC 6749 §2.3.1: base64 of hub%3A%C3%A9:hush%26hush.
    assert_eq!(header.as_deref(), Some("Basic aHViJTNBJUMzJUE5Omh1c2glMjZodXNo"));
    let with_audience =
        OAuth2 { audience: Some("https://shop.test".to_owned()), scope: None, ..oauth2(ClientAuth::Body) };
    let (body, header) = asked(&with_audience);
    let expected = "grant_type=client_credentials&audience=https%3A%2F%2Fshop.test\
                    &client_id=hub%3A%C3%A9&client_secret=hush%26hush";
    assert_eq!((body.as_str(), header), (expected, None));
}

/// The token and its seconds, or the error.
fn check(status: u16, body: &str, expected: Result<(&str, Option<u64>), &str>) {
    let found = read(&SourceResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() });
    let found = found.map(|(token, lasts)| (token.expose_secret().to_owned(), lasts.map(|lasts| lasts.as_secs())));
    assert_eq!(found, expected.map(|(token, lasts)| (token.to_owned(), lasts)).map_err(str::to_owned), "{body}");
}

#[test]
fn a_token_is_read() {
    check(200, r#"{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}"#, Ok(("t", Some(3600))));
    check(200, r#"{"access_token": "t", "token_type": "bearer", "expires_in": "60"}"#, Ok(("t", Some(60))));
    check(200, r#"{"access_token": "a.b-c_d~e+f/g="}"#, Ok(("a.b-c_d~e+f/g=", None)));
    for strange in ["-1", "null", "\"soon\"", "1e300", "{}"] {
        check(200, &format!(r#"{{"access_token": "t", "expires_in": {strange}}}"#), Ok(("t", None)));
    }
}

#[test]
fn what_is_no_token_says_so_and_no_more() {
    for none in ["", "<h1>hush</h1>", "[]", "{}", r#"{"access_token": ""}"#, r#"{"access_token": "a\r\nb"}"#] {
        check(200, none, Err("its answer has no usable access_token"));
    }
    let mac = r#"{"access_token": "hush", "token_type": "mac"}"#;
    check(200, mac, Err("its answer has another token_type than bearer"));
    let refused = r#"{"error": "invalid_client", "error_description": "hush"}"#;
    check(401, refused, Err("it answered 401 (invalid_client)"));
    check(400, r#"{"error": "The secret hush is wrong"}"#, Err("it answered 400"));
    check(503, "<h1>hush</h1>", Err("it answered 503"));
    check(302, r#"{"access_token": "t"}"#, Err("it answered 302"));
}
