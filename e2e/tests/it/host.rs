//! What tests break: processes of our own pods, parts of the environment.
//!
//! In: the uid of a pod, or the name of a part. Out: processes ended or frozen by their pid, parts stopped and started.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::environment::settings::Settings;
use e2e::host::processes;
use nix::sys::signal::{Signal, kill};

/// Ends the processes of a program in a pod with -9; false when there is none just now.
pub(crate) fn kill_processes(pod_uid: &str, program: &str) -> Result<bool> {
    signal_processes(pod_uid, program, Signal::SIGKILL)
}

fn signal_processes(pod_uid: &str, program: &str, signal: Signal) -> Result<bool> {
    let found = processes(pod_uid, program);
    for pid in &found {
        match kill(*pid, signal) {
            // It ended by itself in between.
            Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
            Err(error) => {
                return Err(error).with_context(|| format!("sending {signal} to a process of our pod"));
            }
        }
    }
    Ok(!found.is_empty())
}

/// Processes that stand still until this is dropped, so that none is left so, however the test ends.
pub(crate) struct Frozen {
    pod_uid: String,
    program: &'static str,
}

/// Freezes the processes of a program in a pod.
pub(crate) fn freeze_processes(pod_uid: &str, program: &'static str) -> Result<Frozen> {
    let frozen = Frozen { pod_uid: pod_uid.to_owned(), program };
    ensure!(signal_processes(pod_uid, program, Signal::SIGSTOP)?, "no {program} runs in the pod {pod_uid}");
    Ok(frozen)
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // A test that goes on looks whether they work again; one that fails has said why.
        drop(signal_processes(&self.pod_uid, self.program, Signal::SIGCONT));
    }
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
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "environment {}: {}", arguments.join(" "), said.trim());
    Ok(())
}

/// Tells the development ClickHouse what to do wrong; `{}` is nothing.
pub(crate) fn set_clickhouse_faults(faults: &serde_json::Value) -> Result<()> {
    let file = Settings::from_environment().clickhouse_faults();
    std::fs::write(&file, faults.to_string()).with_context(|| format!("writing {}", file.display()))
}
