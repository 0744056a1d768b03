//! Destination URL: whether events may be sent to an address. One rule for the operator, which looks when a ForwardingRule is
//! applied, and the processor, which looks again before it connects.
//!
//! In: the URL as the user wrote it, and what the platform team allows. Out: the URL as clients understand it, or the rule that
//! forbids it. Forbidden are other schemes than `https` (and `http` where allowed), users, fragments, private, link-local,
//! reserved and metadata networks in every spelling of an address, names that only a cluster or a host knows, and ports behind
//! which no web server listens.
//! Not here: which networks are forbidden (`network.rs`), and resolving names: the processor judges each answer of DNS.

use std::net::IpAddr;

use url::Url;

use crate::network::{AllowedNetworks, ForbiddenAddress};
use crate::stream_config::EgressConfig;

const LONGEST: usize = 2048;

/// Ends of names that only a cluster, a network or a host knows: what Kubernetes, Docker and Consul answer for, what home and
/// company networks use (RFC 6762, appendix G), and what is reserved and leads nowhere (RFC 6761).
const LOCAL_NAMES: &[&str] = &[
    "arpa",
    "cluster",
    "consul",
    "corp",
    "docker",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "svc",
    "test",
];

/// Ports of services that are not the web's, as the Fetch standard lists them for browsers: what listens there may take a
/// request for words of its own protocol.
const FOREIGN_PORTS: &[u16] = &[
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
];

/// The rule that forbids a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is too long.
    #[error("`url` is longer than {LONGEST} characters")]
    TooLong,
    /// It holds what clients drop or turn into something else.
    #[error("`url` must not hold white space, control characters or `\\`")]
    Letters,
    /// It is no URL.
    #[error("`url` cannot be read: {0}")]
    Unreadable(url::ParseError),
    /// Its scheme is `http`, which must be allowed.
    #[error(
        "`url` must begin with `https://`; the platform team has not allowed `http` (`forwarding.allowHttp`)"
    )]
    Http,
    /// Its scheme is another one.
    #[error("`url` must begin with `https://`, not `{0}:`")]
    Scheme(String),
    /// Clients find a host in it where people see none.
    #[error("`url` must begin with `https://` and a host")]
    NoAuthority,
    /// It holds a user.
    #[error("`url` must not hold user or password; requests are signed with the secret of `secretRef`")]
    User,
    /// It holds a fragment.
    #[error("`url` must not hold a fragment (`#…`)")]
    Fragment,
    /// It names no host.
    #[error("`url` names no host")]
    NoHost,
    /// Its port is another service's.
    #[error(
        "`url` names port {0}, on which no web server listens; use 443, or another port of the destination"
    )]
    Port(u16),
    /// It is an address that is not allowed.
    #[error(
        "`url` names {}, a private or reserved address; use a public one, or ask the platform team to allow its network (`forwarding.allowedNetworks`)",
        .0.address
    )]
    Address(ForbiddenAddress),
    /// It is a name that is not everybody's.
    #[error(
        "`url` names `{0}`, which only a cluster or a host knows; use a public name, or ask the platform team to allow its network (`forwarding.allowedNetworks`)"
    )]
    LocalName(String),
}

/// Reads the URL of a destination.
///
/// # Errors
/// With the rule that forbids it.
pub fn parse(text: &str, egress: &EgressConfig) -> Result<Url, UrlError> {
    if text.len() > LONGEST {
        return Err(UrlError::TooLong);
    }
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\') {
        return Err(UrlError::Letters);
    }
    let url = Url::parse(text).map_err(UrlError::Unreadable)?;
    match url.scheme() {
        "https" => {}
        "http" if egress.allow_http => {}
        "http" => return Err(UrlError::Http),
        scheme => return Err(UrlError::Scheme(scheme.to_owned())),
    }
    check_authority(text)?;
    if url.fragment().is_some() {
        return Err(UrlError::Fragment);
    }
    let host = url.host_str().unwrap_or_default();
    match address(host) {
        Some(address) => AllowedNetworks::new(egress).check(address).map_err(UrlError::Address)?,
        None => check_name(host, egress)?,
    }
    if let Some(port) = url.port().filter(|port| FOREIGN_PORTS.contains(port)) {
        return Err(UrlError::Port(port));
    }
    Ok(url)
}

/// Returns the address that a host is, if it is one.
#[must_use]
pub fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Checks the text between `//` and the path as it was written: clients also read `https:host` and `https:////host`, and forget
/// an empty user.
fn check_authority(text: &str) -> Result<(), UrlError> {
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(UrlError::NoAuthority);
    }
    if authority.contains('@') {
        return Err(UrlError::User);
    }
    Ok(())
}

fn check_name(host: &str, egress: &EgressConfig) -> Result<(), UrlError> {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_letter);
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(UrlError::NoHost);
    }
    let is_host = name == "localhost" || name.ends_with(".localhost");
    let end = name.rsplit_once('.').map(|(_, end)| end);
    let is_local = end.is_none_or(|end| LOCAL_NAMES.contains(&end));
    // Where the platform team allows private networks, their names are meant too; the address is judged when connecting.
    if is_host || (is_local && egress.allowed_networks.is_empty()) {
        return Err(UrlError::LocalName(name));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
