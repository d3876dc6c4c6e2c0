//! Which addresses may be connected to (contract §5, outbound addresses).
//!
//! Ordinary addresses of the Internet are open. Every other one is closed; a network that the hub file names opens what
//! it contains, apart from loopback, link-local, metadata services, multicast, and addresses that only wrap another one.
//! Loopback opens by [`AddressPolicy::allowing_loopback`] alone, and only for URLs that stand in the hub file.
//!
//! An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is judged as the IPv4 address that the socket would reach. An address
//! behind NAT64 must be an ordinary one whatever the hub names: RFC 6052 §3.1 lets the well-known prefix carry no other.

use std::net::{IpAddr, Ipv4Addr};

use crossdock_core::port::UrlOrigin;
use ipnet::IpNet;

use crate::special::{Opens, Special, behind_nat64, special};

/// What the hub allows beyond the ordinary addresses of the Internet.
#[derive(Debug, Clone)]
pub struct AddressPolicy {
    networks: Vec<IpNet>,
    loopback: Loopback,
    closed_port: Option<u16>,
}

/// Who may reach this very machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Nobody.
    Refused,
    /// URLs written in the hub file.
    HubFileOnly,
}

impl AddressPolicy {
    /// `networks` are those that the hub file names. Loopback is refused.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self { networks, loopback: Loopback::Refused, closed_port: None }
    }

    /// Opens loopback for URLs written in the hub file; for a hub that runs on the developer's own machine.
    #[must_use]
    pub fn allowing_loopback(self) -> Self {
        Self { loopback: Loopback::HubFileOnly, ..self }
    }

    /// No URL that names this port leads anywhere, whatever its host: a service of this machine that nothing may reach
    /// where loopback is open.
    #[must_use]
    pub fn closing_port(self, port: u16) -> Self {
        Self { closed_port: Some(port), ..self }
    }

    pub(crate) fn closes_port(&self, port: u16) -> bool {
        self.closed_port == Some(port)
    }

    pub fn loopback(&self) -> Loopback {
        self.loopback
    }

    /// Whether a URL of that origin may lead to the address.
    ///
    /// # Errors
    /// [`Refusal`], which names the address, the rule, and what would open it.
    pub fn vet(&self, ip: IpAddr, origin: UrlOrigin) -> Result<(), Refusal> {
        if let Some(inner) = behind_nat64(ip) {
            return match special(inner.into()) {
                Some(range) => Err(Refusal { ip, range, wraps: Some(inner), hint: Hint::Nothing }),
                None => Ok(()),
            };
        }
        let reached = ip.to_canonical();
        let Some(range) = special(reached) else { return Ok(()) };
        let hint = match range.opens {
            Opens::Never => Hint::Nothing,
            Opens::Named if self.networks.iter().any(|network| network.contains(&reached)) => return Ok(()),
            Opens::Named => Hint::Networks,
            Opens::Loopback => match (self.loopback, origin) {
                (Loopback::HubFileOnly, UrlOrigin::HubFile) => return Ok(()),
                (Loopback::HubFileOnly, UrlOrigin::Answer) => Hint::HubFileOnly,
                (Loopback::Refused, _) => Hint::DevOnly,
            },
        };
        let wraps = match reached {
            IpAddr::V4(inner) if reached != ip => Some(inner),
            _ => None,
        };
        Err(Refusal { ip, range, wraps, hint })
    }
}

/// Why an address may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    ip: IpAddr,
    range: &'static Special,
    wraps: Option<Ipv4Addr>,
    hint: Hint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    Nothing,
    Networks,
    HubFileOnly,
    DevOnly,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.ip)?;
        if let Some(inner) = self.wraps {
            write!(f, "stands for {inner}, which ")?;
        }
        write!(f, "is {}; ", self.range.what)?;
        f.write_str(match self.hint {
            Hint::Nothing => "no setting opens it",
            Hint::Networks => "it opens when `networks` in the hub file names it",
            Hint::HubFileOnly => "it is open to URLs of the hub file only, not to those that came from an answer",
            Hint::DevOnly => "it opens only in `crossdock dev`, for URLs of the hub file",
        })
    }
}

impl std::error::Error for Refusal {}
