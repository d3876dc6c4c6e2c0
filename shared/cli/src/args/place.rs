//! Which hub a command is about, where it runs, and where what is on this machine is by default.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args as ClapArgs;
use crossdock_core::id::HubName;

/// Which hub.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Which {
    /// The hub file [default: hub.yaml in this folder; the sample where there is none]
    #[arg(long, value_name = "FILE")]
    pub(crate) hub: Option<PathBuf>,

    /// Where the hub keeps its state [default: .crossdock/HUB, after the hub's name]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
}

/// Which hub, and where it runs.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Where {
    #[command(flatten)]
    pub(crate) which: Which,

    /// Where the hub runs: local, or aws:STACK after its CloudFormation stack; its file is infra/hub.yaml then, if there
    /// is one
    #[arg(long, value_name = "HOME", default_value = "local")]
    pub(crate) on: On,
}

/// Where a hub runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum On {
    /// On this machine, in a state folder.
    Local,
    /// On AWS, as this CloudFormation stack.
    #[cfg(feature = "aws")]
    Aws(String),
}

impl std::str::FromStr for On {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "local" => Ok(Self::Local),
            #[cfg(feature = "aws")]
            Some(("aws", stack)) if !stack.is_empty() => Ok(Self::Aws(stack.to_owned())),
            #[cfg(not(feature = "aws"))]
            Some(("aws", _)) => Err("this command was built without AWS; build it with --features aws"),
            _ => Err("expected local, or aws: and the name of a stack"),
        }
    }
}

/// Below it each hub has a folder of its own.
pub(crate) const STATE: &str = ".crossdock";

/// Where `listen` listens, and where a hub file that `init` wrote sends to. `dev` has the port before it.
pub(crate) const LISTENER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7421);

impl Which {
    /// Two hubs never share a state.
    pub(crate) fn folder(&self, hub: &HubName) -> PathBuf {
        self.state.clone().unwrap_or_else(|| Path::new(STATE).join(hub.as_str()))
    }

    /// Where the sample's servers keep what is theirs; known before the hub's name is.
    pub(crate) fn sample(&self) -> PathBuf {
        self.state.as_deref().unwrap_or(Path::new(STATE)).join("sample")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_hub_runs() {
        assert_eq!("local".parse(), Ok(On::Local));
        for wrong in ["", "aws", "here", "local:x", "gcp:shop"] {
            assert_eq!(wrong.parse::<On>(), Err("expected local, or aws: and the name of a stack"), "{wrong}");
        }
        #[cfg(feature = "aws")]
        {
            assert_eq!("aws:shop".parse(), Ok(On::Aws("shop".to_owned())));
            assert!("aws:".parse::<On>().is_err());
        }
        #[cfg(not(feature = "aws"))]
        assert_eq!("aws:shop".parse::<On>(), Err("this command was built without AWS; build it with --features aws"));
    }
}
