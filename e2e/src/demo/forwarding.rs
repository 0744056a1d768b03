//! The demo's side of forwarding: where its webhook receiver listens, how pods reach it, and which files are applied for it.
//!
//! In: the receiver's settings and which cluster it is. Out: a running receiver, the networks that the platform team
//! allows for it, and the folder to apply; or why forwarding is left out.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
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
#[derive(Debug, Args)]
pub(super) struct ReceiverSettings {
    /// Address at which pods reach the receiver on this machine: `http://host:port/path`. Without it, on a cluster that is not the
    /// local environment's, forwarding is left out.
    #[arg(long, env = "RECEIVER_URL", value_name = "URL")]
    receiver_url: Option<String>,
    /// Network that the platform team allows forwarding to reach. Default: the address of the receiver's URL.
    #[arg(long, env = "RECEIVER_NETWORK", value_name = "CIDR")]
    receiver_network: Option<String>,
}

/// Forwarding, as this run of the demo can show it.
pub(super) struct Forwarding {
    /// The running receiver; none when forwarding is left out.
    pub(super) receiver: Option<Receiver>,
    /// Where pods send to.
    pub(super) url: String,
    /// What forwarding may reach.
    pub(super) networks: Vec<String>,
    /// Folder to apply, and how a person would write it.
    pub(super) manifests: PathBuf,
}

impl Forwarding {
    /// Starts the receiver where pods can reach it.
    pub(super) async fn prepare(settings: &ReceiverSettings, cluster: &str) -> Result<Self> {
        let sample = repository().join(SAMPLE);
        if let Some(url) = &settings.receiver_url {
            return Self::for_own_cluster(settings, url, &sample).await;
        }
        if cluster.contains(ADDRESS) {
            let listen = SocketAddr::new(ADDRESS.parse()?, SAMPLE_PORT);
            let receiver = Some(Receiver::start(listen, &secret(&sample)?).await?);
            let networks = vec![format!("{ADDRESS}/32")];
            return Ok(Self { receiver, url: SAMPLE_URL.to_owned(), networks, manifests: sample });
        }
        let manifests = copy_without_rule(&sample)?;
        Ok(Self { receiver: None, url: String::new(), networks: Vec::new(), manifests })
    }

    async fn for_own_cluster(settings: &ReceiverSettings, url: &str, sample: &Path) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("RECEIVER_URL {url} is no URL"))?;
        let host = uri.host().with_context(|| format!("RECEIVER_URL {url} has no host"))?.to_owned();
        let port = uri.port_u16().unwrap_or(80);
        let listen = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port);
        let receiver = Some(Receiver::start(listen, &secret(sample)?).await?);
        let networks = match &settings.receiver_network {
            Some(network) => vec![network.clone()],
            None => (host.as_str(), port)
                .to_socket_addrs()
                .with_context(|| {
                    format!("{host} has no address here; name the network that it is in: RECEIVER_NETWORK")
                })?
                .map(|address| format!("{}/{}", address.ip(), if address.is_ipv4() { 32 } else { 128 }))
                .collect(),
        };
        let manifests = copy_without_rule(sample)?;
        let rule = std::fs::read_to_string(sample.join(RULE_FILE))?.replace(SAMPLE_URL, url);
        std::fs::write(manifests.join(RULE_FILE), rule)?;
        Ok(Self { receiver, url: url.to_owned(), networks, manifests })
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
