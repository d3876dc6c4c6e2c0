//! Which secrets sign a delivery: those that the hub file names, or those that are derived for the endpoint.

use crate::{
    Timestamp,
    hub::Endpoint,
    port::{Generations, PortError, Secrets, SigningKey},
    signature::Secret,
};

/// What the signatures of one attempt rest on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub key: &'a SigningKey,
    pub generations: Generations,
    pub at: Timestamp,
}

impl Signed<'_> {
    /// In the order in which they sign; the newest first.
    ///
    /// # Errors
    /// A secret that the hub file names is not there or is none. Its value is not in the text.
    pub(super) async fn secrets(self, endpoint: &Endpoint, secrets: &impl Secrets) -> Result<Vec<Secret>, PortError> {
        let schemes = endpoint.signing.schemes.all();
        let mut found = Vec::new();
        if endpoint.signing.secrets.is_empty() {
            for generation in self.generations.at(self.at) {
                for &scheme in schemes {
                    found.push(Secret::derived(self.key, &endpoint.name, generation, scheme)?);
                }
            }
        }
        for name in &endpoint.signing.secrets {
            let refused = |why: String| PortError::permanent(format!("the secret {name} cannot sign: {why}"));
            let secret = Secret::parse(&secrets.secret(name).await?).map_err(|error| refused(error.to_string()))?;
            if !schemes.contains(&secret.scheme()) {
                let expected: Vec<String> = schemes.iter().map(ToString::to_string).collect();
                let expected = expected.join(" or ");
                return Err(refused(format!("found one for {}, expected one for {expected}", secret.scheme())));
            }
            found.push(secret);
        }
        Ok(found)
    }
}
