//! What `crossdock dev` says when it finds nobody at an endpoint: what it wanted to send, and how to receive it. Once for
//! each endpoint; the deliveries themselves go on as ever.
//!
//! This is the one place that prints a payload of its own accord ([ADR 0016](../../../docs/adr/0016-hints.md)). It goes to
//! the developer's terminal and nowhere else: where the error output is none, the payload stays out, since what is
//! written to a file or a supervisor is a log. Credentials are left out in any case.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crossdock_core::{
    hub::{Endpoint, Hub, Route},
    id::EndpointName,
    port::{EndpointRequest, HeaderValue},
    url::join,
};
use crossdock_local::OnRefused;
use serde_json::Value;
use url::{Position, Url};

use crate::{args::LISTENER, listen::here, out, redact};

/// `file` is the hub's.
pub(crate) fn on_refused(hub: Arc<Hub>, file: String) -> OnRefused {
    let told: Mutex<BTreeSet<EndpointName>> = Mutex::default();
    Arc::new(move |request| {
        let Some((endpoint, route)) = addressee(&hub, &request.url) else { return };
        if told.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.name.clone()) {
            out::note(&hint(endpoint, route, &file, request, out::notes_are_on_a_terminal()));
        }
    })
}

fn addressee<'a>(hub: &'a Hub, url: &Url) -> Option<(&'a Endpoint, &'a Route)> {
    let of = |route: &'a Route| Some((hub.endpoints.get(&route.to)?, route));
    hub.routes.iter().filter_map(of).find(|(endpoint, route)| join(&endpoint.url, &route.path) == *url)
}

fn hint(endpoint: &Endpoint, route: &Route, file: &str, request: &EndpointRequest, with_body: bool) -> String {
    let name = &endpoint.name;
    let mut text = format!(
        "\nNobody listens at {}, which is the endpoint {name}. What it would have got (told once; it is tried again):\n\n",
        address(&endpoint.url)
    );
    text.push_str(&shown(request, with_body));
    match here(&endpoint.url) {
        Some(here) => text.push_str(&format!(
            "\nTo see what arrives, run this in another terminal:\n\n  crossdock listen --route {} --hub {file}\n\n\
             Or this, a whole endpoint to go on from:\n\n{}",
            route.name,
            program(here)
        )),
        None => text.push_str(&format!(
            "\nTo see what arrives here, let the url of {name} be http://{LISTENER} and run this in another terminal:\n\n  \
             crossdock listen\n"
        )),
    }
    text
}

/// As it goes over the wire, but for credentials and the layout of the body.
fn shown(request: &EndpointRequest, with_body: bool) -> String {
    let mut text = format!("POST {}\n", address(&request.url));
    for (name, value) in &request.headers {
        let value = match value {
            HeaderValue::Secret(_) => redact::REDACTED,
            HeaderValue::Plain(value) => redact::header(name, value),
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    let body = match serde_json::from_str::<Value>(&request.body) {
        Ok(mut body) if with_body => {
            redact::parameters(&mut body);
            format!("{body:#}")
        }
        _ => format!("({} bytes; the body is shown only where the error output is a terminal)", request.body.len()),
    };
    format!("{text}\n{body}\n")
}

/// Without the credentials that its query may hold.
fn address(url: &Url) -> String {
    redact::target(&url[..Position::AfterQuery])
}

/// For a shell, as it stands.
fn program(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        r#"node - <<'END'
require("http").createServer((request, response) => {{
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part) => {{ body += part; }});
  request.on("end", () => {{
    const {{ message, object, changes }} = JSON.parse(body);
    console.log(message, object?.id, changes ?? "");
    response.end();
  }});
}}).listen({port}, "{ip}");
END
"#
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossdock_core::{hub, port::UrlOrigin};
    use expect_test::{Expect, expect};

    use super::*;

    fn hub() -> Hub {
        let text = "hub: h\nendpoints:\n  ear: {url: \"http://127.0.0.1:9100/in?key=s3cr3t\"}\n  far: {url: \"https://far.example\"}\n\
                    routes:\n  - {name: one, messages: [\"*\"], to: far, path: /a}\n  - {name: two, messages: [\"*\"], to: ear, path: /b}\n";
        hub::load("hub.yaml", text, &|_| None).unwrap().hub
    }

    fn request(url: &str) -> EndpointRequest {
        let plain = |name: &str, value: &str| (name.to_owned(), HeaderValue::Plain(value.to_owned()));
        EndpointRequest {
            url: url.parse().unwrap(),
            headers: vec![
                plain("webhook-id", "5f0c"),
                plain("x-api-key", "s3cr3t"),
                ("x-hub-token".to_owned(), HeaderValue::Secret("s3cr3t".to_owned().into())),
            ],
            body: r#"{"message":"order:new","parameters":[{"name":"token","value":"s3cr3t"}]}"#.to_owned(),
            timeout: Duration::from_secs(1),
            max_body: 1,
            origin: UrlOrigin::HubFile,
        }
    }

    #[test]
    fn what_was_to_be_sent_and_how_to_receive_it() {
        fn check(url: &str, with_body: bool, expected: &Expect) {
            let (hub, request) = (hub(), request(url));
            let (endpoint, route) = addressee(&hub, &request.url).unwrap();
            expected.assert_eq(&hint(endpoint, route, "my.yaml", &request, with_body));
        }
        check(
            "http://127.0.0.1:9100/in/b?key=s3cr3t",
            true,
            &expect![[r#"

                Nobody listens at http://127.0.0.1:9100/in?key=(redacted), which is the endpoint ear. What it would have got (told once; it is tried again):

                POST http://127.0.0.1:9100/in/b?key=(redacted)
                webhook-id: 5f0c
                x-api-key: (redacted)
                x-hub-token: (redacted)

                {
                  "message": "order:new",
                  "parameters": [
                    {
                      "name": "token",
                      "value": "(redacted)"
                    }
                  ]
                }

                To see what arrives, run this in another terminal:

                  crossdock listen --route two --hub my.yaml

                Or this, a whole endpoint to go on from:

                node - <<'END'
                require("http").createServer((request, response) => {
                  let body = "";
                  request.setEncoding("utf8");
                  request.on("data", (part) => { body += part; });
                  request.on("end", () => {
                    const { message, object, changes } = JSON.parse(body);
                    console.log(message, object?.id, changes ?? "");
                    response.end();
                  });
                }).listen(9100, "127.0.0.1");
                END
            "#]],
        );
        check(
            "https://far.example/a",
            false,
            &expect![[r#"

            Nobody listens at https://far.example/, which is the endpoint far. What it would have got (told once; it is tried again):

            POST https://far.example/a
            webhook-id: 5f0c
            x-api-key: (redacted)
            x-hub-token: (redacted)

            (72 bytes; the body is shown only where the error output is a terminal)

            To see what arrives here, let the url of far be http://127.0.0.1:7421 and run this in another terminal:

              crossdock listen
        "#]],
        );
    }

    #[test]
    fn what_is_no_routes_is_nobodys() {
        assert!(addressee(&hub(), &"http://127.0.0.1:9100/in/c?key=s3cr3t".parse().unwrap()).is_none());
    }
}
