//! Addresses that are not ordinary hosts of the Internet, from IANA's special-purpose address registries (RFC 6890;
//! <https://www.iana.org/assignments/iana-ipv4-special-registry>, `…/iana-ipv6-special-registry`), together with the
//! metadata services of the clouds, some of which hide inside those ranges or outside of all of them.
//!
//! Blocks that the registries mark as reachable inside a larger special block (192.0.0.9/32, 2001:1::1/128 and the like)
//! stay special: they are anycast services of the network itself, no endpoint lives there.
//!
//! Deliberately absent: NAT64 prefixes chosen by a network's operator (RFC 6052 §3.2), which nobody outside can know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What makes an address of a special range permissible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// Nothing.
    Never,
    /// `crossdock dev`, for URLs of the hub file.
    Loopback,
    /// A network of the hub file that contains it.
    Named,
}

/// One special range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Special {
    net: IpNet,
    /// Reads on from "10.0.0.5 is …".
    pub(crate) what: &'static str,
    pub(crate) opens: Opens,
}

/// The special range that an address lies in; `None` for an ordinary one.
pub(crate) fn special(ip: IpAddr) -> Option<&'static Special> {
    let found = SPECIAL.iter().find(|range| range.net.contains(&ip));
    match ip {
        IpAddr::V6(v6) if found.is_none() && !GLOBAL_UNICAST.contains(&v6) => Some(&UNASSIGNED),
        _ => found,
    }
}

/// The IPv4 address inside `64:ff9b::/96`, which a NAT64 gateway connects to (RFC 6052 §2.1). DNS64 puts every IPv4-only
/// host there, so the range as a whole cannot be refused.
pub(crate) fn behind_nat64(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V6(v6) if NAT64.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// All that IANA gives out to ordinary hosts (RFC 4291 §2.4).
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const UNASSIGNED: Special =
    Special { net: IpNet::V6(GLOBAL_UNICAST), what: "outside global unicast space (RFC 4291)", opens: Opens::Named };

/// The first match counts: what lies inside a larger range stands before it.
const SPECIAL: &[Special] = {
    use Opens::{Loopback, Named, Never};
    &[
        v4([169, 254, 0, 0], 16, "link-local, where the metadata services of clouds live (RFC 3927)", Never),
        v4([100, 100, 100, 200], 32, "a metadata service (Alibaba Cloud)", Never),
        v4([168, 63, 129, 16], 32, "a platform service (Azure)", Never),
        v4([192, 0, 0, 192], 32, "a metadata service (Oracle Cloud)", Never),
        v4([0, 0, 0, 0], 8, "this host on this network (RFC 1122)", Never),
        v4([10, 0, 0, 0], 8, "private (RFC 1918)", Named),
        v4([100, 64, 0, 0], 10, "shared address space (RFC 6598)", Named),
        v4([127, 0, 0, 0], 8, "loopback (RFC 1122)", Loopback),
        v4([172, 16, 0, 0], 12, "private (RFC 1918)", Named),
        v4([192, 0, 0, 0], 24, "for IETF protocols (RFC 6890)", Named),
        v4([192, 0, 2, 0], 24, "for documentation (RFC 5737)", Named),
        v4([192, 88, 99, 0], 24, "for 6to4 relays (RFC 7526)", Named),
        v4([192, 168, 0, 0], 16, "private (RFC 1918)", Named),
        v4([198, 18, 0, 0], 15, "for benchmarks (RFC 2544)", Named),
        v4([198, 51, 100, 0], 24, "for documentation (RFC 5737)", Named),
        v4([203, 0, 113, 0], 24, "for documentation (RFC 5737)", Named),
        v4([224, 0, 0, 0], 4, "multicast (RFC 5771)", Never),
        v4([255, 255, 255, 255], 32, "broadcast (RFC 919)", Never),
        v4([240, 0, 0, 0], 4, "reserved (RFC 1112)", Named),
        v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32, "a metadata service (AWS)", Never),
        v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, "a metadata service (Google Cloud)", Never),
        v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128, "a metadata service (Oracle Cloud)", Never),
        v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified (RFC 4291)", Never),
        v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback (RFC 4291)", Loopback),
        v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible (RFC 4291)", Never),
        v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4-translated (RFC 2765)", Never),
        v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "IPv4 behind a local translator (RFC 8215)", Never),
        v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discarded (RFC 6666)", Never),
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "a Teredo tunnel (RFC 4380)", Never),
        v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for IETF protocols (RFC 2928)", Named),
        v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation (RFC 3849)", Named),
        v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a 6to4 tunnel (RFC 3056)", Never),
        v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation (RFC 9637)", Named),
        v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private, unique local (RFC 4193)", Named),
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local (RFC 4291)", Never),
        v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "private, site-local (RFC 3879)", Named),
        v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast (RFC 4291)", Never),
    ]
};

const fn v4([a, b, c, d]: [u8; 4], prefix: u8, what: &'static str, opens: Opens) -> Special {
    Special { net: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)), what, opens }
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8, what: &'static str, opens: Opens) -> Special {
    Special { net: IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)), what, opens }
}
