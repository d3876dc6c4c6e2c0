//! Lambda: functions invoked, configured, and ended as a host that fails would end them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::Cloud;
use crate::support::client::Response;

/// No function runs longer.
const LONGEST: Duration = Duration::from_secs(900);
const FUNCTIONS: &str = "/2015-03-31/functions";

impl Cloud {
    /// Waits for the answer, which must not be an error of the function's.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Value {
        let response = self.invoke_anyhow(function, event).await;
        let error = response.header("x-amz-function-error");
        assert!(response.status == 200 && error.is_none(), "{function} {event}: {response:?}");
        response.json()
    }

    /// Whatever comes of it.
    pub(crate) async fn invoke_anyhow(&self, function: &str, event: &Value) -> Response {
        let path = format!("{FUNCTIONS}/{function}/invocations");
        self.request("lambda", "POST", path).json(event).within(LONGEST).send().await
    }

    /// As schedules do: tried again by Lambda itself, and given to the on-failure destination in the end.
    pub(crate) async fn invoke_later(&self, function: &str, event: &Value) {
        let request = self.request("lambda", "POST", format!("{FUNCTIONS}/{function}/invocations"));
        let response = request.header("x-amz-invocation-type", "Event").json(event).send().await;
        assert_eq!(response.status, 202, "{function} {event}: {response:?}");
    }

    pub(crate) async fn variables(&self, function: &str) -> BTreeMap<String, String> {
        let path = format!("{FUNCTIONS}/{function}/configuration");
        let response = self.request("lambda", "GET", path).send().await;
        assert_eq!(response.status, 200, "{function}: {response:?}");
        serde_json::from_value(response.json()["Environment"]["Variables"].clone()).unwrap()
    }

    /// Sets variables of its environment, `None` takes one away. What runs of it is started anew.
    pub(crate) async fn set_variables(&self, function: &str, changes: &[(&str, Option<&str>)]) {
        let mut variables = self.variables(function).await;
        for (name, value) in changes {
            match value {
                Some(value) => variables.insert((*name).to_owned(), (*value).to_owned()),
                None => variables.remove(*name),
            };
        }
        let path = format!("{FUNCTIONS}/{function}/configuration");
        let body = json!({"Environment": {"Variables": variables}});
        let response = self.request("lambda", "PUT", path).json(&body).send().await;
        assert_eq!(response.status, 200, "{function}: {response:?}");
        let deployed = async || {
            let path = format!("{FUNCTIONS}/{function}/configuration");
            let configuration = self.request("lambda", "GET", path).send().await.json();
            (configuration["LastUpdateStatus"] == "Successful").then_some(())
        };
        super::until(&format!("the new configuration of {function}"), deployed).await;
    }

    /// Where its Function URL is served: the emulator takes it as a path, for clients that cannot name another host.
    pub(crate) async fn function_url(&self, function: &str) -> String {
        let path = format!("/2021-10-31/functions/{function}/url");
        let response = self.request("lambda", "GET", path).send().await;
        assert_eq!(response.status, 200, "{function}: {response:?}");
        let answer = response.json();
        let url = answer["FunctionUrl"].as_str().unwrap();
        let id = url.trim_start_matches("https://").split('.').next().unwrap();
        format!("{}/_aws/lambda-url/{id}", self.account.url)
    }

    /// As a host that fails ends what runs on it. `false`: there was nothing that ran.
    pub(crate) fn kill(&self, function: &str) -> bool {
        let processes: Vec<String> = self.processes(function).iter().map(u32::to_string).collect();
        // One that has ended by itself meanwhile is no failure.
        !processes.is_empty() && std::process::Command::new("kill").arg("-9").args(&processes).status().is_ok()
    }

    /// The processes that run a function of this account now.
    pub(crate) fn processes(&self, function: &str) -> Vec<u32> {
        let wanted = [format!("AWS_LAMBDA_FUNCTION_NAME={function}"), format!("AWS_ACCESS_KEY_ID={}", self.account.id)];
        let runs_it = |folder: &PathBuf| {
            let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
            let variables: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
            wanted.iter().all(|wanted| variables.contains(&wanted.as_bytes()))
        };
        let all = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let found = all.filter(runs_it).filter_map(|folder| folder.file_name()?.to_str()?.parse().ok());
        found.collect()
    }
}
