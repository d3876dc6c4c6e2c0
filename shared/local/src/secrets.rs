//! The one place where the local home looks up secrets.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crossdock_core::{
    id::SecretName,
    port::{PortError, Secrets},
};
use secrecy::SecretString;

type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// `CROSSDOCK_SECRET_<NAME>` from the environment, or the file `<folder>/<name>`; looked up at every use, so that a file
/// that changes is used at once.
#[derive(Clone)]
pub struct LocalSecrets {
    environment: Lookup,
    folder: PathBuf,
}

impl fmt::Debug for LocalSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSecrets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl LocalSecrets {
    pub fn new(environment: Lookup, folder: &Path) -> Self {
        Self { environment, folder: folder.to_owned() }
    }

    fn variable(name: &SecretName) -> String {
        format!("CROSSDOCK_SECRET_{}", name.as_str().to_ascii_uppercase().replace('-', "_"))
    }
}

impl Secrets for LocalSecrets {
    async fn secret(&self, name: &SecretName) -> Result<SecretString, PortError> {
        let variable = Self::variable(name);
        if let Some(value) = (self.environment)(&variable).filter(|value| !value.is_empty()) {
            return Ok(SecretString::from(value));
        }
        let file = self.folder.join(name.as_str());
        let missing = || {
            PortError::transient(format!(
                "secret {name} is not set: expected the environment variable {variable} or the file {}",
                file.display()
            ))
        };
        let text = tokio::fs::read_to_string(&file).await.map_err(|_| missing())?;
        // Editors end files with a newline; no secret does.
        let value = text.trim_end_matches(['\r', '\n']);
        if value.is_empty() { Err(missing()) } else { Ok(SecretString::from(value.to_owned())) }
    }
}
