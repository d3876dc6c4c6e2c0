//! IAM: what a role may do, as it was deployed.

use roxmltree::Document;
use serde_json::Value;

use super::Cloud;

impl Cloud {
    /// The document of one of a role's own policies.
    pub(crate) async fn role_policy(&self, role: &str, policy: &str) -> Value {
        let parameters =
            [("Action", "GetRolePolicy"), ("Version", "2010-05-08"), ("RoleName", role), ("PolicyName", policy)];
        let response = self.query("iam", &parameters).await;
        assert_eq!(response.status, 200, "{role} {policy}: {response:?}");
        let document = Document::parse(&response.body).unwrap();
        let node = document.descendants().find(|node| node.tag_name().name() == "PolicyDocument").unwrap();
        // RFC 3986 encodes it, so that it fits into XML.
        let form = format!("document={}", node.text().unwrap());
        let (_, text) = url::form_urlencoded::parse(form.as_bytes()).next().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
