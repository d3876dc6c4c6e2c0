use expect_test::{Expect, expect, expect_file};
use serde_json::json;

use super::*;

const EXAMPLE: &str = include_str!("../../../../../infra/examples/endpoint.json");

fn example() -> Value {
    serde_json::from_str(EXAMPLE).unwrap()
}

#[test]
fn the_committed_schema_is_fresh() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap();
    assert!(!schema.contains(r"\\$\\{"), "no variables");
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/endpoint.schema.json")]
        .assert_eq(&format!("{schema}\n"));
}

#[test]
fn the_example_is_an_offer() {
    let offer = read(&example()).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(offer.name.as_str(), "mailer");
    let [confirmation, shipped] = &offer.services[..] else { panic!("{offer:?}") };
    assert_eq!((confirmation.name.as_str(), confirmation.path.as_str()), ("order-confirmation", "/order_confirmation"));
    assert_eq!(confirmation.messages, ["order:new"]);
    assert_eq!(
        confirmation.filters,
        [json!({"path": "payload.order.actual.state", "operator": "is", "value": "complete"})]
    );
    let kinds: Vec<_> = shipped.parameters.iter().map(|one| (one.name.as_str(), one.kind, one.required)).collect();
    assert_eq!(kinds, [("from", Kind::String, true), ("api_key", Kind::Secret, true), ("carriers", Kind::List, false)]);
}

#[test]
fn what_is_left_out_has_a_default() {
    let offer =
        read(&json!({"name": "a", "services": [{"name": "b", "messages": ["*"], "parameters": [{"name": "p"}]}]}));
    let expected = Service {
        name: "b".parse().unwrap(),
        path: String::new(),
        description: None,
        messages: vec!["*".to_owned()],
        filters: Vec::new(),
        any: false,
        parameters: vec![Offered {
            name: "p".to_owned(),
            description: None,
            kind: Kind::String,
            required: false,
            default: None,
            values: Vec::new(),
        }],
    };
    assert_eq!(offer.unwrap().services, [expected]);
}

#[expect(clippy::needless_pass_by_value, reason = "as json! and expect! give them")]
fn check(description: Value, expected: Expect) {
    let faults = read(&description).expect_err("faults");
    expected.assert_eq(&faults.iter().map(|fault| format!("{fault}\n")).collect::<String>());
}

#[test]
fn every_fault_has_its_path() {
    check(json!([1]), expect![["expected a mapping, found a list\n"]]);
    check(
        json!({"name": "Mail Er", "servces": []}),
        expect![[r#"
            the key "services" is missing
            name: expected the name of an endpoint (a lower-case letter, then lower-case letters, digits, '-' or '_', at most 40), found the text "Mail Er"; did you mean "mail-er"?
            servces: unknown key "servces"; expected $schema, name, description or services; did you mean "services"?
        "#]],
    );
    check(
        json!({"name": "a", "services": [
            {"name": "s", "path": 5, "messages": [], "filters": [{"path": "x"}], "match": "some"},
            {"name": "s", "messages": ["Order:New"], "parameters": [
                {"name": ""}, {"name": "p", "type": "text"}, {"name": "p", "default": 5},
                {"name": "q", "type": "number", "default": "5", "values": [1, "2"]},
                {"name": "r", "default": "c", "values": ["a", "b"]},
                {"name": "k", "type": "secret", "default": "x"}, {"name": "${HOME}"}, {"name": "l", "required": "yes"},
            ]},
        ]}),
        expect![[r#"
            services[0].filters[0]: the key "operator" is missing
            services[0].match: expected how the filters are combined: all or any, found the text "some"
            services[0].messages: expected at least one, found an empty list
            services[0].path: expected a path such as /book, without a query, found the number 5; did you mean "/5"?
            services[1]: two services are called s
            services[1].messages[0]: expected a message type such as order:new, or the beginning of one and *, such as order:*, found the text "Order:New"; did you mean "order:new"?
            services[1].parameters[0].name: expected a parameter's name of 1 to 60 characters, found ""
            services[1].parameters[1].type: expected a type: string, number, boolean, list or secret, found the text "text"
            services[1].parameters[2]: expected a string in default, found the number 5
            services[1].parameters[2].name: two parameters are called "p"
            services[1].parameters[3]: expected a number in default, found the text "5"
            services[1].parameters[3]: expected a number in values, found the text "2"
            services[1].parameters[3]: the default is none of the values
            services[1].parameters[4]: the default is none of the values
            services[1].parameters[5]: a secret has no default and no values: the hub's own secrets hold it
            services[1].parameters[6].name: expected a name without ${, found "${HOME}"
            services[1].parameters[7].required: expected true or false, found the text "yes"; write true, without quotes
        "#]],
    );
}

/// Whoever could have a variable expanded would read the environment of whoever adds the endpoint.
#[test]
fn variables_are_text() {
    let offer = read(&json!({"name": "a", "description": "${HOME}", "services": [{
        "name": "b", "path": "/${HOME}", "messages": ["*"],
        "parameters": [{"name": "p", "default": "${HOME}"}],
    }]}));
    let offer = offer.unwrap();
    assert_eq!(offer.services[0].path, "/${HOME}");
    assert_eq!(offer.services[0].parameters[0].default, Some(json!("${HOME}")));
    let nested = json!({"name": "a", "services": [{"name": "b", "messages": ["*"], "parameters": [
        {"name": "p", "type": "list", "default": [{"${HOME}": 1}]},
    ]}]});
    check(
        nested,
        expect![[r#"
        services[0].parameters[0].default[0].${HOME}: variables are expanded in values only, found "${HOME}"
    "#]],
    );
}
