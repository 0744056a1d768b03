//! The control groups of the pods: makes the one below which they all live, and takes it away with everything in it.
//!
//! Works with a hierarchy a controller (cgroup v1) and with the unified one (cgroup v2), as the machine has them mounted.
//! Nothing outside the group of the environment is touched.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::settings::CGROUP;

/// Makes the group below each hierarchy that the kubelet uses.
pub(super) fn ensure() -> Result<()> {
    let hierarchies = hierarchies()?;
    let old = hierarchies.iter().any(|hierarchy| hierarchy.kind == "cgroup");
    for hierarchy in &hierarchies {
        // Beside v1 hierarchies an empty unified one may be mounted, which nobody uses.
        if old && hierarchy.kind == "cgroup2" {
            continue;
        }
        let group = hierarchy.root.join(CGROUP);
        if group.exists() {
            continue;
        }
        if hierarchy.kind == "cgroup2" {
            let controllers = "+cpu +cpuset +memory +pids +io";
            std::fs::write(hierarchy.root.join("cgroup.subtree_control"), controllers)
                .context("failed to enable controllers for pods")?;
        }
        std::fs::create_dir(&group).with_context(|| format!("failed to make {}", group.display()))?;
        // On v1 a new group may use no processor and no memory node until it is told.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let from = hierarchy.root.join(file);
            if old && from.exists() {
                let value = std::fs::read_to_string(&from).context("failed to read a control group")?;
                std::fs::write(group.join(file), value).context("failed to set up a control group")?;
            }
        }
    }
    Ok(())
}

/// The groups that are there, in all hierarchies.
pub(super) fn remains() -> Result<Vec<PathBuf>> {
    Ok(hierarchies()?
        .into_iter()
        .map(|hierarchy| hierarchy.root.join(CGROUP))
        .filter(|group| group.exists())
        .collect())
}

/// Kills every process of the groups and waits until they are gone; returns how many there were.
pub(super) fn kill_all() -> Result<usize> {
    let mut seen = std::collections::BTreeSet::new();
    let from = Instant::now();
    loop {
        let mut pids = std::collections::BTreeSet::new();
        for group in remains()? {
            collect_pids(&group, &mut pids);
        }
        if pids.is_empty() || from.elapsed() > Duration::from_secs(10) {
            return Ok(seen.len());
        }
        for &pid in &pids {
            // It may have ended by itself; the next look tells.
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap_or_default();
        }
        seen.append(&mut pids);
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Removes the groups, the innermost first. A group stays busy for a moment after its last process.
pub(super) fn remove() -> Result<usize> {
    let mut n_groups = 0;
    for group in remains()? {
        n_groups += remove_tree(&group)?;
    }
    Ok(n_groups)
}

fn remove_tree(group: &Path) -> Result<usize> {
    let mut n_groups = 1;
    for child in children(group) {
        n_groups += remove_tree(&child)?;
    }
    let from = Instant::now();
    loop {
        match std::fs::remove_dir(group) {
            Ok(()) => return Ok(n_groups),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(n_groups),
            Err(error) if from.elapsed() > Duration::from_secs(5) => {
                return Err(error)
                    .with_context(|| format!("failed to remove the control group {}", group.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn collect_pids(group: &Path, pids: &mut std::collections::BTreeSet<i32>) {
    let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|&pid| pid > 1));
    for child in children(group) {
        collect_pids(&child, pids);
    }
}

fn children(group: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(group)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect()
}

struct Hierarchy {
    root: PathBuf,
    kind: String,
}

fn hierarchies() -> Result<Vec<Hierarchy>> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("failed to read the mounts")?;
    Ok(mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (_, root, kind) = (words.next()?, words.next()?, words.next()?);
            kind.starts_with("cgroup").then(|| Hierarchy { root: PathBuf::from(root), kind: kind.to_owned() })
        })
        .collect())
}
