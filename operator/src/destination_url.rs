//! Destination URL: whether a ForwardingRule may name an address. Pure; the processor looks again when it connects.
//!
//! In: the URL as the user wrote it, and what the platform team allows. Out: yes, or the rule that forbids it.
//! Forbidden are other schemes than `https` (and `http` where allowed), users, fragments, private, link-local, reserved
//! and metadata networks in every spelling of an address, and names that only a cluster or a host knows.
//! Not here: resolving names. What a name resolves to may change between now and the request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crds::stream_config::EgressConfig;
use reqwest::Url;

const LONGEST: usize = 2048;

/// Networks that are nobody's public address, and those where clouds keep their metadata.
const FORBIDDEN: [&str; 30] = [
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
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Ends of names that only a cluster, a network or a host knows.
const LOCAL_NAMES: [&str; 6] = ["svc", "local", "internal", "localdomain", "lan", "home.arpa"];

/// Returns the rule that forbids an address, if one does.
pub fn check(text: &str, egress: &EgressConfig) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("`url` is longer than {LONGEST} characters"));
    }
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return Err("`url` must not hold white space, control characters or `\\`".into());
    }
    let url = Url::parse(text).map_err(|error| format!("`url` cannot be read: {error}"))?;
    match url.scheme() {
        "https" => {}
        "http" if egress.allow_http => {}
        "http" => return Err("`url` must begin with `https://`; the platform team has not allowed `http`".into()),
        scheme => return Err(format!("`url` must begin with `https://`, not `{scheme}:`")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` must not hold user or password; requests are signed with the secret of `secretRef`".into());
    }
    if url.fragment().is_some() {
        return Err("`url` must not hold a fragment (`#…`)".into());
    }
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => check_address(address, egress),
        Err(_) => check_name(host, egress),
    }
}

fn check_address(address: IpAddr, egress: &EgressConfig) -> Result<(), String> {
    let address = match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    if egress.allowed_networks.iter().any(|network| is_in(network, address)) {
        return Ok(());
    }
    if FORBIDDEN.iter().any(|network| is_in(network, address)) {
        return Err(format!(
            "`url` names {address}, a private or reserved address; use a public one, or ask the platform team to allow its network (`forwarding.allowedNetworks`)"
        ));
    }
    Ok(())
}

fn check_name(host: &str, egress: &EgressConfig) -> Result<(), String> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty() || name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("`url` names no host".into());
    }
    let is_host = name == "localhost" || name.ends_with(".localhost");
    let is_local = !name.contains('.') || LOCAL_NAMES.iter().any(|end| name.ends_with(&format!(".{end}")));
    // Where the platform team allows private networks, their names are meant too; the address is judged when connecting.
    if is_host || (is_local && egress.allowed_networks.is_empty()) {
        return Err(format!(
            "`url` names `{name}`, which only a cluster or a host knows; use a public name, or ask the platform team to allow its network (`forwarding.allowedNetworks`)"
        ));
    }
    Ok(())
}

/// Returns whether an address is in a network in CIDR form; a network that cannot be read holds none.
fn is_in(network: &str, address: IpAddr) -> bool {
    let Some((first, length)) = network.split_once('/') else { return false };
    let (Ok(first), Ok(length)) = (first.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (first, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => same_prefix(v4(first), v4(address), 96 + length),
        (IpAddr::V6(first), IpAddr::V6(address)) => same_prefix(v6(first), v6(address), length),
        _ => false,
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
