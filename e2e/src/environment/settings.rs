//! Where things are and which addresses they have: the one room of the environment that reads environment variables.
//!
//! In: `TRIBUTARY_CACHE`, `TRIBUTARY_STATE`, `CARGO_TARGET_DIR`, `HOME`, `PATH`. Out: `Settings`, and the constants that every other room uses.
//! The cache holds what is expensive and may be kept for ever; the state folder holds what one run made and `down` removes.
//! It touches no file.

use std::path::PathBuf;

/// The address of the node, of Kafka, of ClickHouse and of the DNS server: local to this machine, reachable from pods.
pub const ADDRESS: &str = "10.250.0.1";
/// The bridge that carries `ADDRESS`.
pub const BRIDGE: &str = "trib0";
/// The network of the pods.
pub const PODS: &str = "10.251.0.0/24";
/// The first address of `PODS`, which the CNI plugin puts on the host's end of each pod's cable.
pub const POD_GATEWAY: &str = "10.251.0.1";
/// The network of the Services.
pub const SERVICES: &str = "10.96.0.0/16";
/// The Service address of the Kubernetes API.
pub const API_SERVICE: &str = "10.96.0.1";
/// The name of the one node.
pub const NODE: &str = "tributary";
/// The control group below which every pod lives.
pub const CGROUP: &str = "tributary";
/// User of the development ClickHouse.
pub const CLICKHOUSE_USER: &str = "tributary";
/// Port of the Kafka listener that asks for user and password: `CLICKHOUSE_USER` and `CLICKHOUSE_PASSWORD`.
pub const KAFKA_SASL_PORT: u16 = 9094;
/// Password of the development ClickHouse; it guards nothing and is no secret.
pub const CLICKHOUSE_PASSWORD: &str = "tributary-development";

/// Where the environment keeps and finds its files.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is expensive to make: programs, jars, the ClickHouse library.
    pub cache: PathBuf,
    /// What one run made: pid files, logs, data, certificates.
    pub state: PathBuf,
    /// Where Cargo puts what it compiles.
    pub target: PathBuf,
    /// The project's own folder.
    pub repository: PathBuf,
    /// Where programs are looked for: the caller's path and the folders of system programs.
    pub path: String,
}

impl Settings {
    /// Reads the settings from the environment variables.
    #[must_use]
    pub fn from_environment() -> Self {
        let home = PathBuf::from(variable("HOME").unwrap_or_else(|| "/root".to_owned()));
        let cache = folder("TRIBUTARY_CACHE").unwrap_or_else(|| home.join(".cache/tributary"));
        let state =
            folder("TRIBUTARY_STATE").unwrap_or_else(|| PathBuf::from("/var/lib/tributary-environment"));
        let target = folder("CARGO_TARGET_DIR").unwrap_or_else(|| cache.join("target"));
        let path = format!("{}:/usr/local/sbin:/usr/sbin:/sbin", variable("PATH").unwrap_or_default());
        let repository = PathBuf::from(env!("TRIBUTARY_REPOSITORY"));
        Self { cache, state, target, repository, path }
    }

    /// The path of a program of the cache.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.cache.join("bin").join(name)
    }

    /// The kubeconfig of the cluster's administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// The log of a part.
    #[must_use]
    pub fn log(&self, part: &str) -> PathBuf {
        self.state.join("logs").join(format!("{part}.log"))
    }

    /// Where the API server writes down what pods asked of it.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.state.join("logs/audit.jsonl")
    }

    /// A written configuration file.
    #[must_use]
    pub fn configuration(&self, name: &str) -> PathBuf {
        self.state.join("configuration").join(name)
    }

    /// The socket of the environment's own containerd.
    #[must_use]
    pub fn containerd_socket(&self) -> PathBuf {
        self.state.join("containerd/containerd.sock")
    }

    /// What the ClickHouse server shall do wrong; no file is no fault.
    #[must_use]
    pub fn clickhouse_faults(&self) -> PathBuf {
        self.state.join("clickhouse-faults.json")
    }

    /// The ClickHouse engine.
    #[must_use]
    pub fn clickhouse_library(&self) -> PathBuf {
        self.cache.join("libchdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so")
    }

    /// A folder or file of the project's end-to-end room.
    #[must_use]
    pub fn source(&self, path: &str) -> PathBuf {
        self.repository.join("e2e").join(path)
    }
}

/// The folder that a variable names.
fn folder(name: &str) -> Option<PathBuf> {
    variable(name).map(|named| full(&named))
}

/// The path in full, without regard to where the next program will run, and always written the same way.
fn full(named: &str) -> PathBuf {
    let path = std::path::absolute(named).unwrap_or_else(|_| PathBuf::from(named));
    path.components().collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads environment variables")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
