//! The hub file and the servers agree.

use std::collections::BTreeSet;

use crate::support::{Web, quiet, url};
use crossdock_sample::HUB_FILE;
use serde_json::json;

/// What stands between `before` and `after`, in every line that is not a comment.
fn between(before: &str, after: char) -> BTreeSet<&'static str> {
    let lines = HUB_FILE.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .flat_map(|line| line.split(before).skip(1))
        .filter_map(|rest| rest.split_once(after))
        .map(|(name, _)| name)
        .collect()
}

#[tokio::test]
async fn every_variable_and_secret_of_the_file_is_given_and_none_besides() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let variables = between("${", '}').into_iter().map(|variable| variable.split(":-").next().unwrap()).collect();
    assert_eq!(sample.environment().keys().map(String::as_str).collect::<BTreeSet<_>>(), variables);
    assert_eq!(between("secret: ", '}'), sample.secrets().keys().map(String::as_str).collect());
    sample.stop().await;
}

#[tokio::test]
async fn every_path_of_the_file_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let sample = quiet(&folder).await;
    let web = Web::new(None);
    let routes = HUB_FILE.split("\nroutes:\n").nth(1).unwrap();
    let mut served = 0;
    for route in routes.split("- name: ").skip(1) {
        let value = |name: &str| {
            let line = route.lines().find_map(|line| line.trim_start().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {route}")).trim()
        };
        let endpoint = format!("\n  {}: {{url: \"${{", value("to:"));
        let (_, rest) = HUB_FILE.split_once(&endpoint).unwrap_or_else(|| panic!("no endpoint {}", value("to:")));
        let (variable, _) = rest.split_once('}').unwrap();
        let (status, _) = web.post(&url(&sample, variable, value("path:")), &[], &json!({}).to_string()).await;
        assert_ne!(status, 404, "{route}");
        served += 1;
    }
    assert_eq!(served, 6);
    sample.stop().await;
}
