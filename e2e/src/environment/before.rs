//! What the machine was like before: kernel settings, control groups and folders that the parts change or make outside the state
//! folder.
//!
//! Written once, before the first change, so that `down` can restore the machine even when `up` was killed half way. The record also
//! says that a state folder is ours: a folder without it, and firewall chains of Kubernetes without it, belong to somebody else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::{groups, network, outside, process};

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

/// The record, and what it is called while it is written.
pub(super) const RECORD: &str = "before.json";
const FRESH: &str = "before.new";

/// What was found.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    kernel: BTreeMap<String, String>,
    absent: Vec<PathBuf>,
    #[serde(default)]
    handed_down: BTreeMap<PathBuf, String>,
}

/// Whose the folder is that the settings call the state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's: it is not there, or holds nothing.
    Nobody,
    /// It holds the record.
    Us,
    /// It holds other things and no record.
    Strangers,
}

/// Refuses to bring anything up where a state folder, an environment or a Kubernetes of others is in the way.
pub(super) fn ensure_nobody_is_in_the_way(settings: &Settings) -> Result<()> {
    match owner(settings)? {
        Owner::Us => Ok(()),
        Owner::Nobody | Owner::Strangers => network::ensure_no_other_kubernetes(),
    }
}

/// Looks whose the state folder is, before anything in it or on the machine is touched.
///
/// # Errors
/// When it is a stranger's, or an environment runs that keeps its state elsewhere.
pub(super) fn owner(settings: &Settings) -> Result<Owner> {
    let state = settings.state.display();
    let owner = owner_of(&settings.state)?;
    ensure!(
        owner != Owner::Strangers,
        "{state} holds things and no {RECORD}, so no `up` has made it, and nothing there is touched: let TRIBUTARY_STATE \
         name a folder that is new or empty, or unset it"
    );
    if let Some(other) = process::other_state(settings) {
        bail!(
            "an environment runs that keeps its state in {other}, not in {state}: TRIBUTARY_STATE={other} make down ends it"
        );
    }
    Ok(owner)
}

fn owner_of(folder: &Path) -> Result<Owner> {
    if folder.join(RECORD).exists() {
        return Ok(Owner::Us);
    }
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            // An `up` may have been killed while it wrote the record.
            let is_strange = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.map_or(true, |entry| entry.file_name() != FRESH)
            };
            Ok(if entries.into_iter().any(is_strange) { Owner::Strangers } else { Owner::Nobody })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Owner::Nobody),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", folder.display())),
    }
}

/// Writes down what the machine is like, unless that was done already.
pub(super) fn remember(settings: &Settings) -> Result<()> {
    let path = settings.state.join(RECORD);
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&settings.state)
        .with_context(|| format!("failed to make {}", settings.state.display()))?;
    let text = serde_json::to_string_pretty(&look()?).context("failed to write down the machine")?;
    let fresh = settings.state.join(FRESH);
    std::fs::write(&fresh, text).with_context(|| format!("failed to write {}", fresh.display()))?;
    std::fs::rename(&fresh, &path).with_context(|| format!("failed to name {}", path.display()))
}

/// Whether that was done.
pub(super) fn is_remembered(settings: &Settings) -> bool {
    settings.state.join(RECORD).exists()
}

/// What the machine is like now.
pub(super) fn look() -> Result<Before> {
    let kernel = KERNEL
        .iter()
        .filter_map(|&name| {
            let value = std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok()?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect();
    Ok(Before { kernel, absent: outside::absent(), handed_down: groups::handed_down()? })
}

/// Restores what differs, and says what.
pub(super) fn restore(settings: &Settings) -> Result<Vec<String>> {
    let path = settings.state.join(RECORD);
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
    said.extend(groups::restore(&before.handed_down)?);
    said.extend(outside::remove(&settings.state, &before.absent)?);
    Ok(said)
}

#[cfg(test)]
mod tests;
