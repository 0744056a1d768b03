//! The host's view of our own pods, and of the environment's parts: which processes they are, so that a test can end exactly those.
//!
//! In: the uid of a pod, or the name of a part. Out: processes ended by their pid. Nothing is ever looked for by name alone.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::environment::settings::Settings;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The processes of a program in a pod, found by the pod's control group.
pub(crate) fn processes(pod_uid: &str, program: &str) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let group = format!("pod{pod_uid}");
    let is_ours = |pid: &i32| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("cgroup").contains(&group) && read("comm").trim() == program
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(is_ours)
        .map(Pid::from_raw)
        .collect()
}

/// Ends the processes of a program in a pod with -9; false when there is none just now.
pub(crate) fn kill_processes(pod_uid: &str, program: &str) -> Result<bool> {
    let found = processes(pod_uid, program);
    for pid in &found {
        match kill(*pid, Signal::SIGKILL) {
            // It ended by itself in between.
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => return Err(error).context("ending a process of our pod"),
        }
    }
    Ok(!found.is_empty())
}

/// Stops a part of the environment in good order.
pub(crate) fn stop_part(part: &str) -> Result<()> {
    environment(&["stop", part])
}

/// Starts a part of the environment again and waits until it answers.
pub(crate) fn start_part(part: &str) -> Result<()> {
    environment(&["start", part])
}

fn environment(arguments: &[&str]) -> Result<()> {
    let program = env!("CARGO_BIN_EXE_environment");
    let output =
        Command::new(program).args(arguments).output().context("starting the program `environment`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "environment {}: {said}", arguments.join(" "));
    Ok(())
}

/// Tells the development ClickHouse what to do wrong; `{}` is nothing.
pub(crate) fn set_clickhouse_faults(faults: &serde_json::Value) -> Result<()> {
    let file = Settings::from_environment().clickhouse_faults();
    std::fs::write(&file, faults.to_string()).with_context(|| format!("writing {}", file.display()))
}
