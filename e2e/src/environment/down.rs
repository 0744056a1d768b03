//! `down`: from whatever an `up` has left, whole or broken, to a machine as it was before. The cache stays.
//!
//! Each step finds by itself what there is to remove, none trusts that another step ran. A step that fails is told and the next
//! one still runs; the last look decides: something of ours left is an error that names it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::before::{Owner, RECORD};
use super::commands::say;
use super::settings::Settings;
use super::up::lock;
use super::{before, groups, mounts, network, prerequisites, process};

/// How long a process may take to end by itself: less than `stop` gives it, for its files are thrown away in any case.
const GRACE: Duration = Duration::from_secs(5);

/// What `down` knows when it begins; the steps themselves remove the signs of it.
struct Found<'a> {
    settings: &'a Settings,
    /// The state folder holds the record of an `up`.
    is_recorded: bool,
    /// The firewall's chains of a Service proxy are ours: an `up` was written down, or our processes run.
    chains_are_ours: bool,
}

/// A step says what it removed, if there was anything.
type Step = fn(&Found<'_>) -> Result<Option<String>>;

/// The kubelet first, or it starts again what is ended; containerd lives on until its pods are gone.
const STEPS: [(&str, Step); 8] = [
    ("node agent", end_kubelet),
    ("pods", |_| groups::kill_all().map(|n_processes| count(n_processes, "processes killed"))),
    ("processes", |found| Ok(end_processes(found.settings))),
    ("mounts", |found| {
        mounts::unmount_below(&found.settings.state).map(|n_mounts| count(n_mounts, "unmounted"))
    }),
    ("network", remove_network),
    ("control groups", |_| groups::remove().map(|n_groups| count(n_groups, "removed"))),
    ("packages", |_| {
        prerequisites::allow_service_starts()
            .map(|was_there| was_there.then(|| "services may start again".to_owned()))
    }),
    ("machine", |found| {
        before::restore(found.settings).map(|said| (!said.is_empty()).then(|| said.join(", ")))
    }),
];

/// Takes the environment down.
///
/// # Errors
/// When anything of the environment is left afterwards; the message names it.
pub fn down(settings: &Settings) -> Result<()> {
    prerequisites::ensure_root()?;
    let _lock = lock()?;
    let is_recorded = before::owner(settings)? == Owner::Us;
    let chains_are_ours = is_recorded || !process::marked(settings).is_empty();
    let found = Found { settings, is_recorded, chains_are_ours };
    let mut failures = Vec::new();
    for (what, step) in STEPS {
        match step(&found) {
            Ok(Some(done)) => say(format!("  {what}: {done}")),
            Ok(None) => {}
            Err(error) => failures.push(format!("{what}: {error:#}")),
        }
    }
    if failures.is_empty() && is_recorded {
        match remove_state(settings) {
            Ok(done) => say(format!("  state folder: {done}")),
            Err(error) => failures.push(format!("state folder: {error:#}")),
        }
    }
    failures.extend(left(&found));
    if !failures.is_empty() {
        bail!(
            "the environment is not gone; mend this and run `down` again:\n  - {}",
            failures.join("\n  - ")
        );
    }
    say(format!("nothing of the environment is left; programs stay in {}", settings.cache.display()));
    Ok(())
}

/// Everything of the environment that is there, and each look that failed.
fn left(found: &Found<'_>) -> Vec<String> {
    let state = &found.settings.state;
    let looks = [
        mounts::below(state).map(|mounts| named("mount", &mounts)),
        network::remains(found.chains_are_ours),
        groups::remains().map(|groups| named("control group", &groups)),
    ];
    let mut left: Vec<String> = process::marked(found.settings)
        .into_iter()
        .map(|found| format!("process {} ({})", found.pid, found.program.display()))
        .collect();
    for look in looks {
        left.extend(look.unwrap_or_else(|error| vec![format!("{error:#}")]));
    }
    left.extend(prerequisites::policy_of_ours().map(|policy| format!("file {policy}")));
    if found.is_recorded && state.exists() {
        left.push(format!("folder {}", state.display()));
    }
    left
}

fn named(what: &str, paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| format!("{what} {}", path.display())).collect()
}

fn end_kubelet(found: &Found<'_>) -> Result<Option<String>> {
    let ended = process::end_part(found.settings, "kubelet", GRACE)?;
    Ok(ended.map(|_| "kubelet ended".to_owned()))
}

/// Ends all parts, and what else carries the mark: shims of containers, parts whose pid file was never written. A process may
/// start another between the look and its end, so it looks again until there is none.
fn end_processes(settings: &Settings) -> Option<String> {
    let mut names = BTreeSet::new();
    for _ in 0..5 {
        let found = process::marked(settings);
        if found.is_empty() {
            break;
        }
        let processes: Vec<(i32, u64)> = found.iter().map(|found| (found.pid, found.started)).collect();
        process::end(&processes, GRACE);
        names.extend(
            found.iter().filter_map(|found| Some(found.program.file_name()?.to_string_lossy().into_owned())),
        );
    }
    let names: Vec<String> = names.into_iter().collect();
    (!names.is_empty()).then(|| format!("ended {}", names.join(", ")))
}

fn remove_network(found: &Found<'_>) -> Result<Option<String>> {
    let remains = network::remains(found.chains_are_ours)?;
    network::remove(found.chains_are_ours)?;
    Ok((!remains.is_empty()).then(|| format!("removed {}", remains.join(", "))))
}

/// The record goes last: until then the folder is known as ours.
fn remove_state(settings: &Settings) -> Result<String> {
    let state = &settings.state;
    // A mount that is still there would be emptied with it.
    if let Some(mount) = mounts::below(state)?.first() {
        bail!("{} is still mounted", mount.display());
    }
    let what = || format!("failed to remove {}", state.display());
    for entry in std::fs::read_dir(state).with_context(what)? {
        let entry = entry.with_context(what)?;
        let path = entry.path();
        if entry.file_name() == RECORD {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let outcome = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        outcome.with_context(|| format!("failed to remove {}", path.display()))?;
    }
    std::fs::remove_dir_all(state).with_context(what)?;
    Ok(format!("{} removed", state.display()))
}

fn count(number: usize, what: &str) -> Option<String> {
    (number > 0).then(|| format!("{number} {what}"))
}
