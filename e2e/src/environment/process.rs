//! Long-lived processes: starts them so that they outlive this program, and finds and ends exactly those again.
//!
//! Each part has a pid file with the pid, its start time in clock ticks and the fingerprint of its command line and files; a
//! pid that the kernel gave to somebody else has another start time, so a stranger is never ended. Each also carries a
//! mark in its environment variables, which its children inherit: by it `down` finds what a crash left without a pid file.
//! It never looks for a process by its name.

use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// The variable that marks each process of an environment with its state folder: the parts, and what may outlive an `up`
/// that is killed.
pub(super) const MARK: &str = "TRIBUTARY_ENVIRONMENT_STATE";

/// What is to be started.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    /// The name of the part, of its pid file and its log.
    pub(super) name: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<String>,
    /// Changes whenever the program, its arguments or its files change.
    pub(super) fingerprint: String,
}

/// A process that was started: what its pid file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// Its pid.
    pub(super) pid: i32,
    /// Its start time in clock ticks since the machine started.
    pub(super) started: u64,
    /// The fingerprint of its launch.
    pub(super) fingerprint: String,
}

/// A process of the environment, found by its mark.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    /// Its pid.
    pub(super) pid: i32,
    /// Its start time.
    pub(super) started: u64,
    /// The program it runs, as it was called.
    pub(super) program: PathBuf,
}

/// How processes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// They were asked to, and did.
    Orderly,
    /// Their time was up: what they were writing may be lost.
    Killed,
}

impl Recorded {
    /// Whether the process still runs; one that ended and waits to be reaped does not.
    pub(super) fn is_alive(&self) -> bool {
        is_alive(self.pid, self.started)
    }
}

/// Starts a part in a session of its own and writes its pid file.
pub(super) fn start(settings: &Settings, launch: &Launch) -> Result<Recorded> {
    let log = open_log(settings, launch.name)?;
    let errors = log.try_clone().context("failed to share the log")?;
    let child = Command::new("setsid")
        .arg(&launch.program)
        .args(&launch.arguments)
        .current_dir(&settings.state)
        .env_clear()
        .env("PATH", &settings.path)
        .env("HOME", &settings.state)
        .env("LANG", "C.UTF-8")
        .env(MARK, &settings.state)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("failed to start {}", launch.program.display()))?;
    let pid = i32::try_from(child.id()).context("pid out of range")?;
    let (_, started) = stat(pid).with_context(|| format!("{} ended at once", launch.name))?;
    let recorded = Recorded { pid, started, fingerprint: launch.fingerprint.clone() };
    let path = pid_file(settings, launch.name);
    let text = serde_json::to_string(&recorded).context("failed to write a pid file")?;
    std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(recorded)
}

/// The process of a part, if its pid file names one that still runs.
pub(super) fn find(settings: &Settings, name: &str) -> Option<Recorded> {
    let text = std::fs::read_to_string(pid_file(settings, name)).ok()?;
    let recorded: Recorded = serde_json::from_str(&text).ok()?;
    recorded.is_alive().then_some(recorded)
}

/// Ends all the processes: waits until `grace` has passed, then kills what is left and waits again.
pub(super) fn end(processes: &[(i32, u64)], grace: Duration) -> Ending {
    for &(pid, started) in processes {
        send(pid, started, Signal::SIGTERM);
    }
    if wait_until_gone(processes, grace) {
        return Ending::Orderly;
    }
    for &(pid, started) in processes {
        send(pid, started, Signal::SIGKILL);
    }
    wait_until_gone(processes, Duration::from_secs(10));
    Ending::Killed
}

/// Ends one part and removes its pid file; nothing when it does not run.
pub(super) fn end_part(settings: &Settings, name: &str, grace: Duration) -> Result<Option<Ending>> {
    let ending = find(settings, name).map(|recorded| end(&[(recorded.pid, recorded.started)], grace));
    match std::fs::remove_file(pid_file(settings, name)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove the pid file of {name}"))
        }
        Ok(()) | Err(_) => Ok(ending),
    }
}

/// Every process that carries the mark of this state folder, this program excepted.
pub(super) fn marked(settings: &Settings) -> Vec<Marked> {
    let own = std::process::id();
    pids()
        .filter(|&pid| u32::try_from(pid) != Ok(own))
        .filter(|&pid| mark(pid).is_some_and(|state| state == settings.state.as_os_str().as_bytes()))
        .filter_map(|pid| {
            let (state, started) = stat(pid)?;
            (!is_gone(pid, state)).then(|| Marked { pid, started, program: called_as(pid) })
        })
        .collect()
}

/// The state folder of an environment other than this one, if the mark of one is found: the node's address can be had only once.
pub(super) fn other_state(settings: &Settings) -> Option<String> {
    pids()
        .filter_map(mark)
        .find(|state| state != settings.state.as_os_str().as_bytes())
        .map(|state| String::from_utf8_lossy(&state).into_owned())
}

/// The state folder that the mark of a process names.
fn mark(pid: i32) -> Option<Vec<u8>> {
    let variables = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    variables
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))
        .map(<[u8]>::to_vec)
}

/// The state letter and the start time of a process.
pub(super) fn stat(pid: i32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

/// The file that names the process of a part.
pub(super) fn pid_file(settings: &Settings, name: &str) -> PathBuf {
    settings.state.join("processes").join(format!("{name}.json"))
}

fn is_alive(pid: i32, started: u64) -> bool {
    stat(pid).is_some_and(|(state, now)| now == started && !is_gone(pid, state))
}

/// A first thread that has ended waits as a zombie for the others, which still hold the ports: only then is all gone.
fn is_gone(pid: i32, state: char) -> bool {
    let n_threads = || std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    matches!(state, 'Z' | 'X') && n_threads() <= 1
}

fn send(pid: i32, started: u64, signal: Signal) {
    if is_alive(pid, started) {
        // It may end between the look and the signal; whether it is gone is asked by the caller.
        kill(Pid::from_raw(pid), signal).unwrap_or_default();
    }
}

fn wait_until_gone(processes: &[(i32, u64)], limit: Duration) -> bool {
    let from = Instant::now();
    loop {
        if !processes.iter().any(|&(pid, started)| is_alive(pid, started)) {
            return true;
        }
        if from.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn called_as(pid: i32) -> PathBuf {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
    PathBuf::from(String::from_utf8_lossy(first).into_owned())
}

fn pids() -> impl Iterator<Item = i32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn open_log(settings: &Settings, name: &str) -> Result<File> {
    let path = settings.log(name);
    keep_previous(&path)?;
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("failed to open {}", path.display()))
}

/// The log of the run before is worth most right after a crash: one is kept.
fn keep_previous(path: &Path) -> Result<()> {
    if path.exists() {
        let before = path.with_extension("log.before");
        std::fs::rename(path, &before).with_context(|| format!("failed to keep {}", before.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
