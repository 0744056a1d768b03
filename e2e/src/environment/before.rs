//! What the machine was like before: kernel settings and folders that the parts change or make outside the state folder.
//!
//! Written once, before the first change, so that `down` can restore the machine even when `up` was killed half way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// Kernel settings that the environment, the kubelet or the Service proxy change.
const KERNEL: [&str; 8] = [
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// Folders that the parts make and whose place cannot be configured.
const FOLDERS: [&str; 9] = [
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/log/containers",
    "/var/log/pods",
    "/run/containerd",
    "/run/runc",
    "/run/netns",
    "/usr/libexec/kubernetes",
];

/// What was found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Before {
    kernel: BTreeMap<String, String>,
    absent: Vec<PathBuf>,
}

/// Writes down what the machine is like, unless that was done already.
pub(super) fn remember(settings: &Settings) -> Result<()> {
    let path = file(settings);
    if path.exists() {
        return Ok(());
    }
    let kernel = KERNEL
        .iter()
        .filter_map(|&name| {
            let value = std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect();
    let absent = FOLDERS.iter().map(PathBuf::from).filter(|folder| !folder.exists()).collect();
    let text = serde_json::to_string_pretty(&Before { kernel, absent })
        .context("failed to write down the machine")?;
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).with_context(|| format!("failed to write {}", fresh.display()))?;
    std::fs::rename(&fresh, &path).with_context(|| format!("failed to name {}", path.display()))
}

/// Restores what differs, and says what.
pub(super) fn restore(settings: &Settings) -> Result<Vec<String>> {
    let path = file(settings);
    if !path.exists() {
        return Ok(vec![]);
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let before: Before =
        serde_json::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?;
    let mut said = Vec::new();
    for (name, value) in &before.kernel {
        let setting = Path::new("/proc/sys").join(name);
        let now = std::fs::read_to_string(&setting).unwrap_or_default();
        if now.trim() != value {
            std::fs::write(&setting, value)
                .with_context(|| format!("failed to restore {}", setting.display()))?;
            said.push(format!("kernel setting {} back to {value}", name.replace('/', ".")));
        }
    }
    for folder in before.absent.iter().filter(|folder| folder.exists()) {
        std::fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
        said.push(format!("folder {}", folder.display()));
    }
    Ok(said)
}

fn file(settings: &Settings) -> PathBuf {
    settings.state.join("before.json")
}
