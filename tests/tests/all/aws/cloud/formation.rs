//! CloudFormation: a template becomes a stack, changes, goes. A stack that fails tells which of its resources did, and
//! why.

use std::{collections::BTreeMap, fmt};

use roxmltree::{Document, Node};

use super::{Cloud, within};
use crate::support::wait::PATIENCE;

/// A template, and the values of its parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Template {
    pub(crate) text: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Stack {
    cloud: Cloud,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) logical: String,
    pub(crate) kind: String,
    pub(crate) physical: String,
    status: String,
    reason: String,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { logical, kind, physical, status, reason } = self;
        write!(f, "{status} {kind} {logical} ({physical}) {reason}")
    }
}

impl Stack {
    pub(crate) async fn create(cloud: &Cloud, name: &str, template: &Template) -> Self {
        let stack = Self { cloud: cloud.clone(), name: name.to_owned() };
        stack.change("CreateStack", template).await;
        stack.reaches("CREATE_COMPLETE").await;
        stack
    }

    /// One that does not come about; what failed, and why.
    pub(crate) async fn refused(cloud: &Cloud, name: &str, template: &Template) -> String {
        let stack = Self { cloud: cloud.clone(), name: name.to_owned() };
        stack.change("CreateStack", template).await;
        let status = stack.settled().await;
        assert!(status != "CREATE_COMPLETE", "the stack {name} was made");
        stack.story().await
    }

    pub(crate) async fn update(&self, template: &Template) {
        self.change("UpdateStack", template).await;
        self.reaches("UPDATE_COMPLETE").await;
    }

    pub(crate) async fn delete(self) {
        // Its name may be used again, its id is not: only that can be looked up when it is gone.
        let id = self.describe().await.id;
        self.call("DeleteStack", &[]).await;
        Self { name: id, ..self }.reaches("DELETE_COMPLETE").await;
    }

    async fn change(&self, action: &str, template: &Template) {
        // Larger than what fits into the request.
        let key = format!("{}-{action}.yaml", self.name);
        self.cloud.upload(&key, template.text.clone().into_bytes()).await;
        let mut pairs = vec![("TemplateURL".to_owned(), self.cloud.template_url(&key))];
        let capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];
        for (place, capability) in (1..).zip(capabilities) {
            pairs.push((format!("Capabilities.member.{place}"), capability.to_owned()));
        }
        for (place, (name, value)) in (1..).zip(&template.parameters) {
            pairs.push((format!("Parameters.member.{place}.ParameterKey"), name.clone()));
            pairs.push((format!("Parameters.member.{place}.ParameterValue"), value.clone()));
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.call(action, &pairs).await;
    }

    async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let common = [("Action", action), ("Version", "2010-05-15"), ("StackName", self.name.as_str())];
        let response = self.cloud.query("cloudformation", &[&common, parameters].concat()).await;
        assert_eq!(response.status, 200, "{action} {}: {}", self.name, response.body);
        response.body
    }

    /// Its status once nothing is under way any more.
    async fn settled(&self) -> String {
        let settled = async || Some(self.describe().await.status).filter(|status| !status.ends_with("_IN_PROGRESS"));
        within(PATIENCE, settled).await.unwrap_or_else(|| format!("still at it after {PATIENCE:?}"))
    }

    async fn reaches(&self, wanted: &str) {
        let status = self.settled().await;
        if status != wanted {
            let story = self.story().await;
            panic!("the stack {} is {status}, expected {wanted}\n{story}", self.name);
        }
    }

    async fn describe(&self) -> Description {
        let answer = self.call("DescribeStacks", &[]).await;
        let document = Document::parse(&answer).unwrap();
        let stack = node(document.root(), "Stacks").and_then(|stacks| node(stacks, "member")).unwrap();
        let outputs = members(stack, "Outputs")
            .into_iter()
            .map(|output| (text(output, "OutputKey"), text(output, "OutputValue")));
        Description { id: text(stack, "StackId"), status: text(stack, "StackStatus"), outputs: outputs.collect() }
    }

    pub(crate) async fn output(&self, name: &str) -> String {
        let outputs = self.describe().await.outputs;
        outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name}: {outputs:?}")).clone()
    }

    /// Those of nested stacks too.
    pub(crate) async fn resources(&self) -> Vec<Resource> {
        let mut found = Vec::new();
        let mut open = vec![self.name.clone()];
        while let Some(name) = open.pop() {
            let of = Self { cloud: self.cloud.clone(), name };
            for resource in of.own_resources().await {
                if resource.kind == "AWS::CloudFormation::Stack" {
                    open.push(resource.physical.clone());
                }
                found.push(resource);
            }
        }
        found
    }

    async fn own_resources(&self) -> Vec<Resource> {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let parameters: &[_] = if token.is_empty() { &[] } else { &[("NextToken", token.as_str())] };
            let answer = self.call("ListStackResources", parameters).await;
            let document = Document::parse(&answer).unwrap();
            let root = document.root();
            found.extend(members(root, "StackResourceSummaries").into_iter().map(|resource| Resource {
                logical: text(resource, "LogicalResourceId"),
                kind: text(resource, "ResourceType"),
                physical: text(resource, "PhysicalResourceId"),
                status: text(resource, "ResourceStatus"),
                reason: text(resource, "ResourceStatusReason"),
            }));
            token = text(root, "NextToken");
            if token.is_empty() {
                return found;
            }
        }
    }

    /// What failed, in it and in the stacks that it nests.
    async fn story(&self) -> String {
        const TOLD: [&str; 4] = ["ResourceStatus", "ResourceType", "LogicalResourceId", "ResourceStatusReason"];
        let mut stacks = vec![self.name.clone()];
        let nested =
            self.resources().await.into_iter().filter(|resource| resource.kind == "AWS::CloudFormation::Stack");
        stacks.extend(nested.map(|resource| resource.physical));
        let mut told = String::new();
        for name in stacks {
            let answer = Self { cloud: self.cloud.clone(), name }.call("DescribeStackEvents", &[]).await;
            let document = Document::parse(&answer).unwrap();
            for event in members(document.root(), "StackEvents") {
                let line = TOLD.map(|name| text(event, name)).join(" ");
                if line.contains("FAILED") {
                    told.push_str(&format!(
                        "{line}
"
                    ));
                }
            }
        }
        told
    }
}

#[derive(Debug)]
struct Description {
    id: String,
    status: String,
    outputs: BTreeMap<String, String>,
}

fn node<'a>(of: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    of.descendants().find(|node| node.tag_name().name() == name)
}

/// Empty where there is none.
fn text(of: Node<'_, '_>, name: &str) -> String {
    of.descendants()
        .find(|node| node.tag_name().name() == name)
        .and_then(|node| node.text())
        .unwrap_or_default()
        .to_owned()
}

fn members<'a>(of: Node<'a, 'a>, list: &str) -> Vec<Node<'a, 'a>> {
    let members = node(of, list).into_iter().flat_map(|list| list.children());
    members.filter(|node| node.tag_name().name() == "member").collect()
}
