//! What `crossdock dev` says when it finds nobody at an endpoint: what it wanted to send, and how to receive it. Once for
//! each endpoint; the deliveries themselves go on as ever, since it is the printer's thread that says it.
//!
//! This is the one place that prints a payload of its own accord ([ADR 0016](../../../docs/adr/0016-hints.md)). It goes to
//! the developer's terminal and nowhere else: where the error output is none, the payload stays out, since what is
//! written to a file or a supervisor is a log. Credentials are left out in any case.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crossdock_core::{
    hub::{Endpoint, Hub, Parameter, Route},
    id::EndpointName,
    port::{EndpointRequest, HeaderValue},
    url::{join, shown as shown_url},
};
use crossdock_local::OnRefused;
use serde_json::Value;
use url::{Position, Url};

use crate::{
    args::LISTENER,
    listen::here,
    out,
    printer::{Feed, Item},
    redact,
};

/// `file` is the hub's.
pub(crate) fn on_refused(hub: Arc<Hub>, file: String, feed: Feed) -> OnRefused {
    let mut routes: HashMap<Url, Vec<usize>> = HashMap::new();
    for (place, route) in hub.routes.iter().enumerate() {
        if let Some(endpoint) = hub.endpoints.get(&route.to) {
            routes.entry(join(&endpoint.url, &route.path)).or_default().push(place);
        }
    }
    let with_body = out::notes_are_on_a_terminal();
    let hints = Arc::new(Hints { hub, routes, file, with_body, feed, told: Mutex::default() });
    Arc::new(move |request| {
        if !hints.has_news_of(&request.url) {
            return None;
        }
        let (hints, request) = (Arc::clone(&hints), request.clone());
        Some(Box::new(move || hints.tell(&request)))
    })
}

struct Hints {
    hub: Arc<Hub>,
    /// By the URLs that they lead to. Endpoints may share one, and a request does not say which of them it is for.
    routes: HashMap<Url, Vec<usize>>,
    file: String,
    with_body: bool,
    feed: Feed,
    told: Mutex<BTreeSet<EndpointName>>,
}

impl Hints {
    fn addressees(&self, url: &Url) -> impl Iterator<Item = (&Endpoint, &Route)> {
        let routes = self.routes.get(url).into_iter().flatten().filter_map(|place| self.hub.routes.get(*place));
        routes.filter_map(|route| Some((self.hub.endpoints.get(&route.to)?, route)))
    }

    fn has_news_of(&self, url: &Url) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.addressees(url).any(|(endpoint, _)| !told.contains(&endpoint.name))
    }

    fn tell(&self, request: &EndpointRequest) {
        let addressees: Vec<_> = self.addressees(&request.url).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Others that were on their way at the same time may have told it.
        let before = told.len();
        told.extend(addressees.iter().map(|(endpoint, _)| endpoint.name.clone()));
        if told.len() > before
            && let Some(text) = hint(&addressees, &self.file, request, self.with_body)
        {
            self.feed.send(Item::Note(text));
        }
    }
}

/// `None` where there is no addressee.
fn hint(addressees: &[(&Endpoint, &Route)], file: &str, request: &EndpointRequest, with_body: bool) -> Option<String> {
    let (endpoint, route) = addressees.first()?;
    let name = &endpoint.name;
    let names: BTreeSet<&str> = addressees.iter().map(|(endpoint, _)| endpoint.name.as_str()).collect();
    let names = match names.len() {
        1 => format!("is the endpoint {name}"),
        _ => format!("is of the endpoints {}", Vec::from_iter(names).join(" and ")),
    };
    let mut text = format!(
        "\nNobody listens at {}, which {names}. What it would have got (told once; it is tried again):\n\n",
        address(&endpoint.url)
    );
    let is_secret = |name: &str| {
        addressees.iter().any(|(_, route)| matches!(route.parameters.get(name), Some(Parameter::Secret(_))))
    };
    text.push_str(&shown(request, is_secret, with_body));
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
    Some(text)
}

/// As it goes over the wire, but for credentials and the layout of the body.
fn shown(request: &EndpointRequest, is_secret: impl Fn(&str) -> bool, with_body: bool) -> String {
    let mut text = format!("POST {}\n", address(&request.url));
    for (name, value) in &request.headers {
        let value = match value {
            HeaderValue::Secret(_) => redact::REDACTED,
            HeaderValue::Plain(value) => redact::header(name, value),
        };
        text.push_str(&format!("{name}: {value}\n"));
    }
    let body = match serde_json::from_str::<Value>(&redact::parameters(&request.body, &is_secret)) {
        Ok(body) if with_body => format!("{body:#}"),
        _ => format!("({} bytes; the body is shown only where the error output is a terminal)", request.body.len()),
    };
    format!("{text}\n{body}\n")
}

/// Without the credentials that its query may hold.
fn address(url: &Url) -> String {
    redact::target(&format!("{}{}", shown_url(url), &url[Position::AfterPath..Position::AfterQuery]))
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
    use crate::printer;

    fn hub() -> Hub {
        let text = "hub: h\nendpoints:\n  ear: {url: \"http://127.0.0.1:9100/in?key=s3cr3t\"}\n  far: {url: \"https://far.example\"}\n\
                    routes:\n  - {name: one, messages: [\"*\"], to: far, path: /a}\n  - {name: two, messages: [\"*\"], to: ear, path: /b, parameters: {pin: {secret: pin}}}\n";
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
            body: r#"{"message":"order:new","parameters":[{"name":"token","value":"s3cr3t"},{"name":"pin","value":"s3cr3t"}]}"#.to_owned(),
            timeout: Duration::from_secs(1),
            max_body: 1,
            origin: UrlOrigin::HubFile,
        }
    }

    #[test]
    fn what_was_to_be_sent_and_how_to_receive_it() {
        fn check(url: &str, with_body: bool, expected: &Expect) {
            let (hub, request) = (hub(), request(url));
            let is_it = |route: &&Route| join(&hub.endpoints[&route.to].url, &route.path) == request.url;
            let route = hub.routes.iter().find(is_it).unwrap();
            let addressees = [(&hub.endpoints[&route.to], route)];
            expected.assert_eq(&hint(&addressees, "my.yaml", &request, with_body).unwrap());
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
                    },
                    {
                      "name": "pin",
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

                (104 bytes; the body is shown only where the error output is a terminal)

                To see what arrives here, let the url of far be http://127.0.0.1:7421 and run this in another terminal:

                  crossdock listen
            "#]],
        );
    }

    #[tokio::test]
    async fn each_endpoint_is_told_of_once_and_no_request_is_kept_after() {
        let text = "hub: h\nendpoints:\n  a: {url: \"http://127.0.0.1:1\"}\n  b: {url: \"http://127.0.0.1:1\"}\n\
                    routes:\n  - {name: one, messages: [\"*\"], to: a, path: /a}\n  - {name: two, messages: [\"*\"], to: a, path: /b}\n  \
                    - {name: three, messages: [\"*\"], to: b, path: /b}\n";
        let hub = Arc::new(hub::load("hub.yaml", text, &|_| None).unwrap().hub);
        let printed: Arc<Mutex<Vec<Item>>> = Arc::default();
        let printer = Arc::clone(&printed);
        let (feed, ended) = printer::start(move |items| {
            printer.lock().unwrap().extend(items);
            Ok(())
        })
        .unwrap();
        let on_refused = on_refused(hub, "my.yaml".to_owned(), feed.clone());
        let (first, same) =
            (on_refused(&request("http://127.0.0.1:1/a")), on_refused(&request("http://127.0.0.1:1/a")));
        first.unwrap()();
        same.unwrap()();
        assert!(on_refused(&request("http://127.0.0.1:1/a")).is_none());
        // It may be for b, of which nobody has been told.
        on_refused(&request("http://127.0.0.1:1/b")).unwrap()();
        for told in ["a", "b", "nobodys"] {
            assert!(on_refused(&request(&format!("http://127.0.0.1:1/{told}"))).is_none(), "{told}");
        }
        feed.send(Item::End);
        ended.await.unwrap().unwrap();
        let notes: Vec<String> =
            printed
                .lock()
                .unwrap()
                .iter()
                .map(|item| {
                    if let Item::Note(text) = item {
                        text.lines().nth(1).unwrap().to_owned()
                    } else {
                        panic!("{item:?}")
                    }
                })
                .collect();
        let said = |whose: &str| {
            format!(
                "Nobody listens at http://127.0.0.1:1/, which is {whose}. What it would have got (told once; it is tried again):"
            )
        };
        assert_eq!(notes, [said("the endpoint a"), said("of the endpoints a and b")]);
    }
}
