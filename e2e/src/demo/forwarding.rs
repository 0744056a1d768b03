//! The demo's side of forwarding: where its webhook receiver listens, how pods reach it, and which files are applied for it.
//!
//! In: the receiver's settings and whether the cluster is the local environment's. Out: a running receiver, the networks that
//! the platform team allows for it, and the folder to apply; or why forwarding is left out.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use axum::http::Uri;
use clap::Args;

use super::SAMPLE;
use crate::cluster::read_manifests;
use crate::environment::settings::ADDRESS;
use crate::install::repository;
use crate::receiver::Receiver;

/// The file of the sample that forwards.
const RULE_FILE: &str = "4-forwarding.yaml";
/// Where the sample's rule sends to, in the local environment.
const SAMPLE_URL: &str = "http://receiver.tributary.test:8090/big-spenders";
const SAMPLE_PORT: u16 = 8090;

/// How pods reach the receiver that the demo runs.
#[derive(Debug, Default, Args)]
pub(super) struct ReceiverSettings {
    /// Address at which pods reach the receiver on this machine: `http://host:port/path`. Without it, on a cluster that is not the
    /// local environment's, forwarding is left out.
    #[arg(long, env = "RECEIVER_URL", value_name = "URL")]
    receiver_url: Option<String>,
    /// Network that the platform team allows forwarding to reach. Default: the address of the receiver's URL.
    #[arg(long, env = "RECEIVER_NETWORK", value_name = "CIDR")]
    receiver_network: Option<String>,
    /// Where the receiver listens on this machine. Default: the port of the receiver's URL, on every address.
    #[arg(long, env = "RECEIVER_LISTEN", value_name = "ADDRESS")]
    receiver_listen: Option<SocketAddr>,
}

/// How events get from pods to the receiver.
#[derive(Debug, PartialEq)]
struct Route {
    url: String,
    listen: SocketAddr,
    networks: Vec<String>,
}

/// Forwarding, as this run of the demo can show it.
pub(super) struct Forwarding {
    /// The running receiver; none when forwarding is left out.
    pub(super) receiver: Option<Receiver>,
    /// Where pods send to.
    pub(super) url: String,
    /// What forwarding may reach.
    pub(super) networks: Vec<String>,
    /// Folder to apply.
    pub(super) manifests: PathBuf,
}

impl Forwarding {
    /// Starts the receiver where pods can reach it.
    pub(super) async fn prepare(settings: &ReceiverSettings, is_local: bool) -> Result<Self> {
        let sample = repository().join(SAMPLE);
        let Some(Route { url, listen, networks }) = route(settings, is_local)? else {
            let manifests = copy_without_rule(&sample)?;
            return Ok(Self { receiver: None, url: String::new(), networks: Vec::new(), manifests });
        };
        let receiver = Some(Receiver::start(listen, &secret(&sample)?).await?);
        if url == SAMPLE_URL {
            return Ok(Self { receiver, url, networks, manifests: sample });
        }
        let manifests = copy_without_rule(&sample)?;
        let rule = std::fs::read_to_string(sample.join(RULE_FILE))?.replace(SAMPLE_URL, &url);
        std::fs::write(manifests.join(RULE_FILE), rule)?;
        Ok(Self { receiver, url, networks, manifests })
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        if self.manifests.starts_with(std::env::temp_dir()) {
            // What is left of a copy in the folder for such things harms nobody.
            drop(std::fs::remove_dir_all(&self.manifests));
        }
    }
}

fn route(settings: &ReceiverSettings, is_local: bool) -> Result<Option<Route>> {
    let Some(url) = &settings.receiver_url else {
        return Ok(is_local.then_some(Route {
            url: SAMPLE_URL.to_owned(),
            listen: SocketAddr::new(ADDRESS.parse()?, SAMPLE_PORT),
            networks: vec![format!("{ADDRESS}/32")],
        }));
    };
    let example = "it is an address such as http://10.20.0.7:8090/big-spenders";
    let uri: Uri = url.parse().with_context(|| format!("RECEIVER_URL `{url}` is no URL; {example}"))?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        bail!("RECEIVER_URL `{url}` does not begin with http:// or https:// and a host; {example}");
    };
    let listen = match (settings.receiver_listen, scheme) {
        (Some(listen), "http" | "https") => listen,
        (None, "http") => SocketAddr::new(IpAddr::from([0, 0, 0, 0]), uri.port_u16().unwrap_or(80)),
        (None, "https") => bail!(
            "RECEIVER_URL `{url}` asks for TLS, which the demo's receiver does not speak; say where whatever ends TLS before it \
             hands requests over: RECEIVER_LISTEN=0.0.0.0:8090"
        ),
        _ => bail!("RECEIVER_URL `{url}` begins with {scheme}://; {example}"),
    };
    let networks = match &settings.receiver_network {
        Some(network) => vec![network.clone()],
        None => networks(host, uri.port_u16().unwrap_or(listen.port()))?,
    };
    Ok(Some(Route { url: url.clone(), listen, networks }))
}

/// The addresses of a host, each as a network of its own.
fn networks(host: &str, port: u16) -> Result<Vec<String>> {
    let host = host.trim_matches(['[', ']']);
    let addresses = (host, port).to_socket_addrs().with_context(|| {
        format!("{host} has no address here; name the network that it is in: RECEIVER_NETWORK=10.20.0.0/16")
    })?;
    Ok(addresses
        .map(|address| format!("{}/{}", address.ip(), if address.is_ipv4() { 32 } else { 128 }))
        .collect())
}

/// The signing secret that the sample's rule names.
fn secret(sample: &Path) -> Result<String> {
    let objects = read_manifests(sample)?;
    let secret =
        objects.iter().find(|object| object["kind"] == "Secret" && object["metadata"]["name"] == "webhook");
    let secret = secret.and_then(|object| object["stringData"]["secret"].as_str());
    Ok(secret.context("the sample has no Secret webhook with a key secret")?.to_owned())
}

fn copy_without_rule(sample: &Path) -> Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("tributary-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    for entry in std::fs::read_dir(sample)? {
        let entry = entry?;
        if entry.file_name() != RULE_FILE {
            std::fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::{ReceiverSettings, SAMPLE_URL, route};

    fn settings(url: &str) -> ReceiverSettings {
        ReceiverSettings { receiver_url: Some(url.to_owned()), ..ReceiverSettings::default() }
    }

    #[test]
    fn a_receiver_is_reached_as_the_url_says_and_its_address_is_allowed() {
        let route = route(&settings("http://10.20.0.7:8090/big-spenders"), false).unwrap().unwrap();
        assert_eq!(route.url, "http://10.20.0.7:8090/big-spenders");
        assert_eq!(route.listen, "0.0.0.0:8090".parse().unwrap());
        assert_eq!(route.networks, ["10.20.0.7/32"]);
        let other = super::route(&settings("http://[fd00::7]:8090/"), false).unwrap().unwrap();
        assert_eq!(other.networks, ["fd00::7/128"]);
    }

    #[test]
    fn without_a_url_only_the_local_environment_forwards() {
        assert_eq!(route(&ReceiverSettings::default(), false).unwrap(), None);
        let local = route(&ReceiverSettings::default(), true).unwrap().unwrap();
        assert_eq!((local.url.as_str(), local.listen.port()), (SAMPLE_URL, 8090));
    }

    #[test]
    fn a_url_without_a_scheme_and_one_that_needs_tls_are_refused_with_the_remedy() {
        for url in ["10.20.0.7:8090", "10.20.0.7:8090/big-spenders", "receiver", "ftp://receiver/", "http://"]
        {
            let refused = format!("{:#}", route(&settings(url), false).unwrap_err());
            assert!(refused.contains(url) && refused.contains("http://10.20.0.7:8090/"), "{refused}");
        }
        let refused = format!("{:#}", route(&settings("https://receiver/"), false).unwrap_err());
        assert!(refused.contains("RECEIVER_LISTEN"), "{refused}");
        let behind_tls = ReceiverSettings {
            receiver_network: Some("10.0.0.0/8".to_owned()),
            receiver_listen: Some("127.0.0.1:8090".parse().unwrap()),
            ..settings("https://receiver/")
        };
        let route = route(&behind_tls, false).unwrap().unwrap();
        assert_eq!((route.listen.port(), route.networks), (8090, vec!["10.0.0.0/8".to_owned()]));
    }
}
