//! Guard: which addresses a request may reach, looked at when it connects.
//!
//! In: the URL of a rule, and each answer of DNS. Out: addresses that were checked, and connections to those only: a name
//! that shows another address a moment later gains nothing.
//! One forbidden address among the answers forbids the name.
//! Not here: redirects and proxies (the client follows and uses none), and which networks are forbidden (`crds::network`).

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use crds::network::{AllowedNetworks, ForbiddenAddress};
use crds::stream_config::EgressConfig;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks a name up.
pub type Lookup = fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Lets requests reach allowed addresses only.
#[derive(Debug, Clone)]
pub struct Guard {
    allowed: AllowedNetworks,
    is_http_allowed: bool,
    lookup: Lookup,
}

/// The platform team does not allow a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The scheme is not allowed.
    #[error(
        "`url` begins with `{0}:`; use `https://`, or ask the platform team to allow `http` (`forwarding.allowHttp`)"
    )]
    Scheme(String),
    /// The address is not allowed.
    #[error("`url` leads to `{host}`: {address}")]
    Address {
        /// Host as the URL says it.
        host: String,
        /// The address and its network.
        address: ForbiddenAddress,
    },
}

impl Guard {
    /// Builds the guard of what the platform team allows, asking the system's DNS.
    pub fn new(egress: &EgressConfig) -> Self {
        Self::with_lookup(egress, |name| Box::pin(ask_system(name)))
    }

    /// Builds a guard that asks somebody else.
    pub fn with_lookup(egress: &EgressConfig, lookup: Lookup) -> Self {
        Self { allowed: AllowedNetworks::new(egress), is_http_allowed: egress.allow_http, lookup }
    }

    /// Checks what a URL says by itself: its scheme, and its host when that is an address, which no DNS is asked for.
    ///
    /// # Errors
    /// With the rule that forbids it.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        if url.scheme() != "https" && !(self.is_http_allowed && url.scheme() == "http") {
            return Err(Forbidden::Scheme(url.scheme().to_owned()));
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check_address(host, address),
            Err(_not_an_address) => Ok(()),
        }
    }

    fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Forbidden> {
        self.allowed.check(address).map_err(|address| Forbidden::Address { host: host.to_owned(), address })
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = (guard.lookup)(name.as_str().to_owned()).await?;
            for address in &addresses {
                guard.check_address(name.as_str(), *address)?;
            }
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

async fn ask_system(name: String) -> std::io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests;
