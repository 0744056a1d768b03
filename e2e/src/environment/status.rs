//! `status` and `logs`: what there is and what it says. They change nothing.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::unistd::{SysconfVar, sysconf};

use super::commands::{last_lines_of, say};
use super::programs::spell;
use super::settings::Settings;
use super::{parts, process};

/// Prints a line a part: name, pid, state, address, how long it runs, memory.
///
/// # Errors
/// When a part is not running or does not answer, so that a script can ask.
pub fn status(settings: &Settings) -> Result<()> {
    say(format!(
        "{:<24} {:>8}  {:<12} {:<56} {:>12} {:>8}",
        "PART", "PID", "STATE", "ADDRESS", "UP", "MEMORY"
    ));
    let mut n_bad = 0;
    for part in parts::all(settings)? {
        let process = process::find(settings, part.name);
        let (pid, up, memory) =
            process.as_ref().map_or((String::new(), String::new(), String::new()), |found| {
                (
                    found.pid.to_string(),
                    uptime(found.started).unwrap_or_default(),
                    memory(found.pid).unwrap_or_default(),
                )
            });
        let state = match (&process, part.health.check()) {
            (None, _) => "stopped",
            (Some(_), Ok(())) => "ready",
            (Some(_), Err(_)) => "not ready",
        };
        n_bad += usize::from(state != "ready");
        say(format!("{:<24} {pid:>8}  {state:<12} {:<56} {up:>12} {memory:>8}", part.name, part.address));
    }
    if n_bad > 0 {
        bail!("{n_bad} parts are not ready: `up` mends them, `logs PART` says why");
    }
    Ok(())
}

/// Prints the last lines of the log of a part.
///
/// # Errors
/// When there is no such part.
pub fn logs(settings: &Settings, name: &str, n_lines: usize) -> Result<()> {
    let parts = parts::all(settings)?;
    let Some(part) = parts.iter().find(|part| part.name == name) else {
        let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
        bail!("there is no part {name:?}; there are {}", names.join(", "));
    };
    let log = settings.log(part.name);
    say(format!("{}:{}", log.display(), last_lines_of(&log, n_lines)));
    Ok(())
}

fn uptime(started: u64) -> Result<String> {
    let ticks = sysconf(SysconfVar::CLK_TCK)?.context("no clock ticks")?;
    let ticks = u64::try_from(ticks).context("clock ticks below zero")?;
    let text = std::fs::read_to_string("/proc/uptime").context("failed to read the machine's uptime")?;
    let now: f64 = text.split(' ').next().unwrap_or_default().parse().context("no uptime")?;
    let from = std::time::Duration::from_secs(started / ticks.max(1));
    Ok(spell(std::time::Duration::from_secs_f64(now).saturating_sub(from)))
}

fn memory(pid: i32) -> Option<String> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(format!("{} MiB", kibibytes / 1024))
}
