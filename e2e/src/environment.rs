//! The local environment: a real Kubernetes, Kafka and ClickHouse on one Debian machine, without Docker.
//!
//! In: the folders `kubernetes/`, `helm/`, `dns/`, `kafka/`, `clickhouse/` and `pause/` of this crate, which pin what runs.
//! Out: processes, one bridge and one state folder, all of which `down` takes away again; and `environment.env`, the
//! addresses for everybody else. It never dials anything but this machine, except through package registries' clients.
//!
//! ```text
//! prerequisites -> programs (cache) -> before -> network, groups -> configuration -> parts, stage by stage -> node ready
//! ```

pub mod check;
pub mod commands;
pub mod crash;
pub mod down;
pub mod images;
pub mod probe;
pub mod programs;
pub mod settings;
pub mod status;
pub mod up;

mod before;
mod certificates;
mod configuration;
mod groups;
mod health;
mod mounts;
mod network;
mod oci;
mod outside;
mod parts;
mod prerequisites;
mod process;

use std::path::PathBuf;

use nix::unistd::Pid;

/// The process of a part of the environment, while it runs on this machine.
#[must_use]
pub fn process_of(settings: &settings::Settings, part: &str) -> Option<Pid> {
    process::find(settings, part).map(|found| Pid::from_raw(found.pid))
}

/// The variable by which `down` knows a process as one of the environment's, and ends it.
#[must_use]
pub fn mark() -> (&'static str, PathBuf) {
    (process::MARK, settings::Settings::from_environment().state)
}
