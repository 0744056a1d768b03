//! Guard: which addresses a request may reach, looked at when it connects.
//!
//! In: the URL of a rule, and each answer of DNS. Out: addresses that were checked, and connections to those only: a name
//! that shows another address a moment later gains nothing.
//! One forbidden address among the answers forbids the name. A name is looked up as it is written, below none of the domains
//! that a pod's resolver tries by itself, unless the platform team allows private networks.
//! Not here: redirects and proxies (the client follows and uses none), and which URLs and networks are forbidden
//! (`crds::destination_url`, `crds::network`).

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use crds::destination_url::{self, UrlError};
use crds::network::{AllowedNetworks, ForbiddenAddress};
use crds::stream_config::EgressConfig;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks a name up.
pub type Lookup = fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Lets requests reach allowed addresses only.
#[derive(Debug, Clone)]
pub struct Guard {
    egress: EgressConfig,
    allowed: AllowedNetworks,
    lookup: Lookup,
}

/// The platform team does not allow a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The URL is not allowed, whatever its name leads to.
    #[error(transparent)]
    Url(UrlError),
    /// An address that the name leads to is not allowed.
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
        Self { egress: egress.clone(), allowed: AllowedNetworks::new(egress), lookup }
    }

    /// Reads a URL and checks what it says by itself, its host among it when that is an address, which no DNS is asked for.
    ///
    /// # Errors
    /// With the rule that forbids it.
    pub fn read(&self, url: &str) -> Result<Url, Forbidden> {
        destination_url::parse(url, &self.egress).map_err(Forbidden::Url)
    }

    /// Looks a name up.
    async fn ask(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        let is_whole = !self.allowed.is_empty() || name.ends_with('.');
        (self.lookup)(if is_whole { name.to_owned() } else { format!("{name}.") }).await
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.ask(name.as_str()).await?;
            for address in &addresses {
                guard.allowed.check(*address).map_err(|address| {
                    let host = name.as_str().to_owned();
                    Forbidden::Address { host, address }
                })?;
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
