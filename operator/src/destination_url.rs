//! Destination URL: whether a ForwardingRule may name an address. Pure; the processor looks again when it connects.
//!
//! In: the URL as the user wrote it, what the platform team allows everybody, and the hosts that it allows a team. Out: yes, or
//! the rule that forbids it.
//! Not here: the rule for everybody (`crds::destination_url`, shared with the processor), and resolving names. What a name
//! resolves to may change between now and the request.

use crds::destination_url;
use crds::stream_config::EgressConfig;
use reqwest::Url;

/// Returns the rule that forbids an address, if one does.
pub fn check(text: &str, egress: &EgressConfig) -> Result<(), String> {
    destination_url::parse(text, egress).map(drop).map_err(|rule| rule.to_string())
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

#[cfg(test)]
mod tests;
