//! Destination URL: whether a ForwardingRule may name an address. Pure; the processor looks again when it connects.
//!
//! In: the URL as the user wrote it, and what the platform team allows. Out: yes, or the rule that forbids it.
//! Forbidden are other schemes than `https` (and `http` where allowed), users, fragments, private, link-local, reserved
//! and metadata networks in every spelling of an address, and names that only a cluster or a host knows.
//! Not here: which networks are forbidden (`crds::network`, shared with the processor), and resolving names. What a name
//! resolves to may change between now and the request.

use std::net::IpAddr;

use crds::network::AllowedNetworks;
use crds::stream_config::EgressConfig;
use reqwest::Url;

const LONGEST: usize = 2048;

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
        "http" => {
            return Err("`url` must begin with `https://`; the platform team has not allowed `http`".into());
        }
        scheme => return Err(format!("`url` must begin with `https://`, not `{scheme}:`")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "`url` must not hold user or password; requests are signed with the secret of `secretRef`".into(),
        );
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

/// Returns the rule that forbids a host, if one does: the hosts of the namespace's tenant, each whole or `*.` and a domain.
/// What is read here is what the processor asks for: the host of the same parser, in lower case, names of other alphabets in
/// their form for the network.
pub fn check_host(text: &str, allowed: Option<&[String]>) -> Result<(), String> {
    let Some(allowed) = allowed else { return Ok(()) };
    let url = Url::parse(text).map_err(|error| format!("`url` cannot be read: {error}"))?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_meant = |pattern: &String| {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some(domain) => host.strip_suffix(domain).is_some_and(|label| !label.is_empty()),
            None => host == pattern,
        }
    };
    if allowed.iter().any(is_meant) {
        return Ok(());
    }
    Err(format!(
        "`url` names `{host}`, which is not among the hosts of this team ({}); use one of them, or ask the platform team to add it (`destinationHosts`, Helm value `tenants`)",
        if allowed.is_empty() { "it has none".to_owned() } else { allowed.join(", ") }
    ))
}

fn check_address(address: IpAddr, egress: &EgressConfig) -> Result<(), String> {
    AllowedNetworks::new(egress).check(address).map_err(|forbidden| {
        format!(
            "`url` names {}, a private or reserved address; use a public one, or ask the platform team to allow its network (`forwarding.allowedNetworks`)",
            forbidden.address
        )
    })
}

fn check_name(host: &str, egress: &EgressConfig) -> Result<(), String> {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name.is_empty()
        || name.len() > 253
        || name.split('.').any(|label| label.is_empty() || label.len() > 63)
    {
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

#[cfg(test)]
mod tests;
