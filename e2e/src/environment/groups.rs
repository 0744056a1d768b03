//! The control groups of the pods: makes the one below which they all live, and takes it away with everything in it.
//!
//! Works with a hierarchy a controller (cgroup v1) and with the unified one (cgroup v2), as the machine has them mounted.
//! Outside the group of the environment it touches one thing: the controllers that the root hands down, which `restore` takes back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::settings::CGROUP;

/// The file that names the controllers which a group of the unified hierarchy hands down to those below it.
const HANDED_DOWN: &str = "cgroup.subtree_control";

/// Makes the group below each hierarchy that the kubelet uses. Each step looks for itself: an `up` may have been killed between two.
pub(super) fn ensure() -> Result<()> {
    for hierarchy in used()? {
        let group = hierarchy.root.join(CGROUP);
        if hierarchy.is_unified {
            hand_down(&hierarchy.root)?;
        }
        if !group.exists() {
            std::fs::create_dir(&group).with_context(|| format!("failed to make {}", group.display()))?;
        }
        if !hierarchy.is_unified {
            allow_processors(&hierarchy.root, &group)?;
        }
    }
    Ok(())
}

/// What each unified root hands down to its groups: to be written down before `ensure`.
pub(super) fn handed_down() -> Result<BTreeMap<PathBuf, String>> {
    used()?
        .into_iter()
        .filter(|hierarchy| hierarchy.is_unified)
        .map(|hierarchy| {
            let file = hierarchy.root.join(HANDED_DOWN);
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("failed to read {}", file.display()))?;
            Ok((hierarchy.root, text.trim().to_owned()))
        })
        .collect()
}

/// Takes back what a root did not hand down before; what somebody uses by now stays.
pub(super) fn restore(before: &BTreeMap<PathBuf, String>) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for (root, text) in before {
        let file = root.join(HANDED_DOWN);
        let now =
            std::fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
        for name in missing(&now, text) {
            match std::fs::write(&file, format!("-{name}")) {
                Ok(()) => said.push(format!("controller {name} no longer handed down")),
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {}
                Err(error) => {
                    bail!("failed to take back the controller {name} in {}: {error}", file.display())
                }
            }
        }
    }
    Ok(said)
}

/// The kubelet refuses a group that lacks a controller which the root has, hugetlb too: every one is handed down.
fn hand_down(root: &Path) -> Result<()> {
    let read = |name: &str| {
        let path = root.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    for name in missing(&read("cgroup.controllers")?, &read(HANDED_DOWN)?) {
        std::fs::write(root.join(HANDED_DOWN), format!("+{name}")).with_context(|| {
            format!("failed to hand the controller {name} down to pods, in {}", root.display())
        })?;
    }
    Ok(())
}

/// The words of `all` that are not in `there`, in their order.
fn missing<'a>(all: &'a str, there: &str) -> Vec<&'a str> {
    all.split_whitespace().filter(|name| !there.split_whitespace().any(|word| word == *name)).collect()
}

/// On v1 a new group may use no processor and no memory node until it is told.
fn allow_processors(root: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (root.join(file), group.join(file));
        if from.exists() && std::fs::read_to_string(&to).is_ok_and(|value| value.trim().is_empty()) {
            let value = std::fs::read_to_string(&from).context("failed to read a control group")?;
            std::fs::write(&to, value).context("failed to set up a control group")?;
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
    is_unified: bool,
}

/// The hierarchies that the kubelet uses: beside v1 ones an empty unified one may be mounted, which nobody does.
fn used() -> Result<Vec<Hierarchy>> {
    let mut all = hierarchies()?;
    if all.iter().any(|hierarchy| !hierarchy.is_unified) {
        all.retain(|hierarchy| !hierarchy.is_unified);
    }
    Ok(all)
}

fn hierarchies() -> Result<Vec<Hierarchy>> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("failed to read the mounts")?;
    Ok(mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (_, root, kind) = (words.next()?, words.next()?, words.next()?);
            kind.starts_with("cgroup")
                .then(|| Hierarchy { root: PathBuf::from(root), is_unified: kind == "cgroup2" })
        })
        .collect())
}

#[cfg(test)]
mod tests;
