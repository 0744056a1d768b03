//! Network: which addresses forwarding may reach. One table for the operator, which looks when a rule is applied, and the
//! processor, which looks again at every address that it connects to.
//!
//! In: an address, and what the platform team allows. Out: yes, or the network that forbids it.
//! Not here: URLs and names (the operator's), resolving (the processor's).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use crate::stream_config::EgressConfig;

/// Networks that are nobody's public address, those that carry another address inside, and those where clouds keep
/// their metadata (`168.63.129.16`; `169.254.169.254` and `fd00:ec2::254` stand in networks that are forbidden anyway).
const FORBIDDEN: [&str; 24] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    // Public IPv6 is 2000::/3 and nothing else: the first network holds `::`, `::1`, IPv4-compatible and -translated
    // addresses, NAT64 (64:ff9b::/96, 64:ff9b:1::/48) and 100::/64, the last fc00::/7, fe80::/10, fec0::/10 and ff00::/8.
    "::/3",
    "4000::/2",
    "8000::/1",
    // Within the public ones: Teredo, ORCHID, benchmarking, documentation, 6to4.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    // The test bed that was given back.
    "3ffe::/16",
];

static FORBIDDEN_NETWORKS: LazyLock<Vec<Network>> =
    LazyLock::new(|| FORBIDDEN.iter().filter_map(|network| network.parse().ok()).collect());

/// A network in CIDR form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

/// A text is no network in CIDR form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network in CIDR form such as `10.20.0.0/16`")]
pub struct NetworkError(pub String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let error = || NetworkError(text.to_owned());
        let (first, length) = text.split_once('/').ok_or_else(error)?;
        let first: IpAddr = first.parse().map_err(|_| error())?;
        let length: u8 = length.parse().map_err(|_| error())?;
        if length > if first.is_ipv4() { 32 } else { 128 } {
            return Err(error());
        }
        Ok(Self { first, length })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.length)
    }
}

impl Network {
    /// Returns whether an address is in this network; IPv4 and IPv6 are never in each other's.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                same_prefix(v4(first), v4(address), 96 + u32::from(self.length))
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                same_prefix(v6(first), v6(address), u32::from(self.length))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The platform team does not allow an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} is a private or reserved address ({network}); use a public one, or ask the platform team to allow its network (`forwarding.allowedNetworks`)"
)]
pub struct ForbiddenAddress {
    /// The address, an IPv4 address in IPv6 clothes undressed.
    pub address: IpAddr,
    /// The network that it is in.
    pub network: Network,
}

/// What the platform team allows beyond public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<Network>);

impl AllowedNetworks {
    /// Reads the networks; one that cannot be read allows nothing.
    #[must_use]
    pub fn new(egress: &EgressConfig) -> Self {
        Self(egress.allowed_networks.iter().filter_map(|network| network.parse().ok()).collect())
    }

    /// Returns whether public addresses are all that is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks one address.
    ///
    /// # Errors
    /// With the network that forbids it.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        let address = address.to_canonical();
        if self.0.iter().any(|network| network.holds(address)) {
            return Ok(());
        }
        match FORBIDDEN_NETWORKS.iter().find(|network| network.holds(address)) {
            Some(network) => Err(ForbiddenAddress { address, network: *network }),
            None => Ok(()),
        }
    }
}

fn v4(address: Ipv4Addr) -> u128 {
    u128::from(u32::from(address))
}

fn v6(address: Ipv6Addr) -> u128 {
    u128::from(address)
}

fn same_prefix(left: u128, right: u128, length: u32) -> bool {
    let rest = 128_u32.saturating_sub(length);
    left.checked_shr(rest).unwrap_or(0) == right.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests;
