//! From an offer to entries of a hub file. Whatever a stranger wrote becomes a quoted text or a comment on one line.

use std::{collections::BTreeSet, fmt};

use crossdock_core::{
    hub::{
        Hub,
        edit::Entry,
        offer::{Kind, Offer, Offered, Service},
    },
    id::{EndpointName, RouteName, SecretName},
};
use serde_json::{Value, json};
use url::Url;

use crate::yaml::{comment, literal, scalar, value};

/// Characters of a name.
const LONGEST_NAME: usize = 40;

#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) endpoint: Entry,
    pub(super) routes: Vec<Entry>,
    /// What is left to whoever adds it.
    pub(super) to_do: Vec<String>,
}

/// For a file that it could not be put into.
impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines =
            |f: &mut fmt::Formatter<'_>, entry: &Entry| entry.block.iter().try_for_each(|line| writeln!(f, "  {line}"));
        writeln!(f, "endpoints:")?;
        lines(f, &self.endpoint)?;
        writeln!(f, "routes:")?;
        self.routes.iter().try_for_each(|route| lines(f, route))
    }
}

impl Proposal {
    pub(super) fn of(offer: &Offer, name: &EndpointName, url: &Url, hub: &Hub) -> Self {
        let url = scalar(&literal(url.as_str().trim_end_matches('/')));
        let flow = format!("{name}: {{url: {url}}}");
        let about = offer.description.iter().map(|text| comment(text));
        let endpoint = Entry { block: about.chain([flow.clone()]).collect(), flow };
        let mut taken: BTreeSet<RouteName> = hub.routes.iter().map(|route| route.name.clone()).collect();
        let (mut routes, mut to_do) = (Vec::new(), Vec::new());
        for service in &offer.services {
            let route = free(&service.name, name, &taken);
            taken.insert(route.clone());
            let parameters: Vec<Parameter> = service.parameters.iter().map(|one| Parameter::of(one, name)).collect();
            for parameter in &parameters {
                if let Some(what) = &parameter.to_do {
                    let line = what.replace("ROUTE", route.as_str());
                    if !to_do.contains(&line) {
                        to_do.push(line);
                    }
                }
            }
            routes.push(entry(service, &route, name, &parameters));
        }
        Self { endpoint, routes, to_do }
    }
}

/// The service's own name, or that with the endpoint's before it, or with a number behind it.
fn free(service: &RouteName, endpoint: &EndpointName, taken: &BTreeSet<RouteName>) -> RouteName {
    let cut = |text: String, room: usize| text.chars().take(room).collect::<String>();
    let long = cut(format!("{endpoint}-{service}"), LONGEST_NAME);
    let numbered = (2..).map(|number: u32| {
        let end = format!("-{number}");
        format!("{}{end}", cut(long.clone(), LONGEST_NAME - end.len()))
    });
    let candidates = [service.to_string(), long.clone()].into_iter().chain(numbered);
    candidates
        .filter_map(|name| RouteName::new(&name).ok())
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| service.clone())
}

/// A line of a route's parameters.
struct Parameter {
    name: String,
    /// As the file has it; `None`: it is left to the reader.
    value: Option<String>,
    /// What the endpoint says of it.
    about: String,
    /// `ROUTE` stands for the route's name.
    to_do: Option<String>,
}

impl Parameter {
    fn of(offered: &Offered, endpoint: &EndpointName) -> Self {
        let name = scalar(&offered.name);
        let need = if offered.required { "required" } else { "optional" };
        let mut about = format!("{}, {need}", offered.kind.as_str());
        if !offered.values.is_empty() {
            about.push_str(&format!(", one of {}", value(&json!(offered.values))));
        }
        if let Some(text) = &offered.description {
            about.push_str(&format!(": {text}"));
        }
        let (written, to_do) = match (&offered.default, offered.kind) {
            (Some(default), _) => (Some(parameter(default)), None),
            (None, Kind::Secret) if offered.required => {
                let secret = secret(endpoint, &offered.name);
                let to_do = format!("the secret {secret} is to be set: CROSSDOCK_SECRET_{}", variable(&secret));
                (Some(format!("{{secret: {secret}}}")), Some(to_do))
            }
            (None, _) if offered.required => {
                (None, Some(format!("the route ROUTE needs a value for the parameter {name}, where its comment is")))
            }
            (None, _) => (None, None),
        };
        Self { name, value: written, about, to_do }
    }

    fn line(&self) -> String {
        match &self.value {
            Some(value) => format!("{}: {value} {}", self.name, comment(&self.about)),
            None => comment(&format!("{}:   ({})", self.name, self.about)),
        }
    }
}

/// A default is data, whatever it looks like.
fn parameter(default: &Value) -> String {
    let is_literal = default.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("literal"));
    match is_literal || has_secret(default) {
        true => format!("{{literal: {}}}", value(default)),
        false => value(default),
    }
}

fn has_secret(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            (fields.len() == 1 && fields.contains_key("secret")) || fields.values().any(has_secret)
        }
        Value::Array(items) => items.iter().any(has_secret),
        _ => false,
    }
}

/// `<endpoint>-<parameter>`, in the characters of a name.
fn secret(endpoint: &EndpointName, parameter: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = format!("{endpoint}-{parameter}").chars().map(plain).take(LONGEST_NAME).collect();
    match SecretName::new(&name) {
        Ok(name) => name.to_string(),
        Err(_) => endpoint.to_string(),
    }
}

fn variable(secret: &str) -> String {
    secret.to_ascii_uppercase().replace('-', "_")
}

fn entry(service: &Service, route: &RouteName, endpoint: &EndpointName, parameters: &[Parameter]) -> Entry {
    let messages = value(&json!(service.messages));
    let mut lines = vec![format!("- name: {route}")];
    let mut flow = vec![format!("name: {route}"), format!("messages: {messages}"), format!("to: {endpoint}")];
    lines.extend(service.description.iter().map(|text| format!("  {}", comment(text))));
    lines.extend(flow[1..].iter().map(|field| format!("  {field}")));
    if !service.path.is_empty() {
        let path = format!("path: {}", scalar(&literal(&service.path)));
        lines.push(format!("  {path}"));
        flow.push(path);
    }
    if !service.filters.is_empty() {
        lines.push("  filters:".to_owned());
        lines.extend(service.filters.iter().map(|filter| format!("    - {}", value(filter))));
        flow.push(format!("filters: {}", value(&json!(service.filters))));
        if service.any {
            lines.push("  match: any".to_owned());
            flow.push("match: any".to_owned());
        }
    }
    let written: Vec<String> =
        parameters.iter().filter_map(|one| Some(format!("{}: {}", one.name, one.value.as_ref()?))).collect();
    if !parameters.is_empty() {
        // A key with nothing but comments below it would be a fault.
        lines.push(if written.is_empty() { "  # parameters:".to_owned() } else { "  parameters:".to_owned() });
        lines.extend(parameters.iter().map(|parameter| format!("    {}", parameter.line())));
    }
    if !written.is_empty() {
        flow.push(format!("parameters: {{{}}}", written.join(", ")));
    }
    Entry { block: lines, flow: format!("{{{}}}", flow.join(", ")) }
}

#[cfg(test)]
mod tests {
    use crossdock_core::hub::{self, edit, offer};
    use expect_test::expect;

    use super::*;

    fn hub_of(text: &str) -> Hub {
        let environment = |name: &str| panic!("{name} was asked for");
        hub::load("hub.yaml", text, &environment).unwrap_or_else(|faults| panic!("{faults}\n{text}")).hub
    }

    fn proposal(offer: &Value, hub: &Hub) -> Proposal {
        let offer = offer::read(offer).unwrap_or_else(|faults| panic!("{faults:?}"));
        Proposal::of(&offer, &offer.name, &"https://mail.example/v1/".parse().unwrap(), hub)
    }

    #[test]
    fn the_example_becomes_routes() {
        let example = serde_json::from_str(include_str!("../../../../infra/examples/endpoint.json")).unwrap();
        let before = "hub: shop\nendpoints: {old: {url: http://old.test}}\nroutes:\n  - {name: order-shipped, messages: ['*'], to: old}\n";
        let proposal = proposal(&example, &hub_of(before));
        expect![[r#"
            endpoints:
              # Sends mails to customers
              mailer: {url: "https://mail.example/v1"}
            routes:
              - name: order-confirmation
                # Tells customers that their order has arrived
                messages: ["order:new"]
                to: mailer
                path: /order_confirmation
                filters:
                  - {operator: is, path: payload.order.actual.state, value: complete}
                parameters:
                  # from: (string, required: The sender's address)
                  api_key: {secret: mailer-api-key} # secret, required: Key of the mail service
                  language: en # string, optional, one of [de, en, fr]
              - name: mailer-order-shipped
                # Tells customers that a parcel is on its way
                messages: ["shipment:new", "shipment:shipped"]
                to: mailer
                path: /order_shipped
                parameters:
                  # from: (string, required: The sender's address)
                  api_key: {secret: mailer-api-key} # secret, required: Key of the mail service
                  carriers: [{carrier: post, url: "https://post.example.com/track/"}] # list, optional: Where customers can follow their parcels
        "#]].assert_eq(&proposal.to_string());
        expect![[r#"
            the route order-confirmation needs a value for the parameter from, where its comment is
            the secret mailer-api-key is to be set: CROSSDOCK_SECRET_MAILER_API_KEY
            the route mailer-order-shipped needs a value for the parameter from, where its comment is"#]]
        .assert_eq(&proposal.to_do.join("\n"));
        // Both ways of writing it are one hub.
        let block = hub_of(&edit::add(before, &proposal.endpoint, &proposal.routes).unwrap());
        let brackets = before.replace("\n  - {", " [{").replace("old}\n", "old}]\n");
        let brackets = hub_of(&edit::add(&brackets, &proposal.endpoint, &proposal.routes).unwrap());
        assert_eq!(format!("{:?}", block.routes), format!("{:?}", brackets.routes));
        assert_eq!(block.routes.len(), 3);
    }

    /// A text becomes that text and nothing else, wherever it stands.
    #[test]
    fn what_a_stranger_wrote_is_data() {
        let traps = [
            "${HOME}",
            "$${HOME}",
            "x\n  evil: {url: http://evil.test}",
            "# x",
            "a: b",
            "{secret: x}",
            "\u{9b}2J",
            "'",
            "\"",
        ];
        for trap in traps {
            let offer = json!({"name": "new", "description": trap, "services": [{
                "name": "s", "description": trap, "messages": ["*"],
                "filters": [{"path": "payload.order.actual.state", "operator": "is", "value": trap.replace('\n', " ")}],
                "parameters": [
                    {"name": "a", "default": trap, "description": trap},
                    {"name": "b", "type": "list", "default": [{"secret": trap}, trap]},
                    {"name": trap.replace("${", "").replace(['\n', '\u{9b}'], ""), "default": "x", "values": ["x", trap]},
                    {"name": "c", "required": true, "description": trap},
                ],
            }]});
            let before = "hub: shop\n";
            let proposal = proposal(&offer, &hub_of(before));
            let after = edit::add(before, &proposal.endpoint, &proposal.routes).unwrap();
            assert!(!after.contains(|c: char| c.is_control() && c != '\n'), "{after}");
            let hub = hub_of(&after);
            assert_eq!(hub.endpoints.keys().map(EndpointName::as_str).collect::<Vec<_>>(), ["new"], "{after}");
            let parameters = &hub.routes[0].parameters;
            assert_eq!(parameters["a"], hub::Parameter::Value(json!(trap)), "{after}");
            assert_eq!(parameters["b"], hub::Parameter::Value(json!([{"secret": trap}, trap])), "{after}");
            assert_eq!(parameters.len(), 3, "{after}");
        }
    }

    #[test]
    fn names_are_free() {
        let endpoint: EndpointName = "mailer".parse().unwrap();
        let check = |service: &str, taken: &[&str], expected: &str| {
            let taken = taken.iter().map(|name| name.parse().unwrap()).collect();
            assert_eq!(free(&service.parse().unwrap(), &endpoint, &taken).as_str(), expected);
        };
        check("book", &[], "book");
        check("book", &["book"], "mailer-book");
        check("book", &["book", "mailer-book"], "mailer-book-2");
        check("book", &["book", "mailer-book", "mailer-book-2"], "mailer-book-3");
        let long = "x".repeat(40);
        check(&long, &[&long], &format!("mailer-{}", "x".repeat(33)));
        check(&long, &[&long, &format!("mailer-{}", "x".repeat(33))], &format!("mailer-{}-2", "x".repeat(31)));
    }
}
