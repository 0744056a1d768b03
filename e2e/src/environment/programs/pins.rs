//! Which versions the pins name, so that a version stands in one place.
//!
//! In: `go.mod`, `pom.xml` and `package.json` of the folders below `e2e/`, compiled into the program. Out: the version of each, for
//! people and for what is told to the linker. What is fetched is decided by the tools that read the same files.

use anyhow::{Context, Result};

/// The version of Kubernetes, as `1.37.2`.
pub(super) fn kubernetes() -> Result<String> {
    module(include_str!("../../../kubernetes/go.mod"), "k8s.io/kubernetes")
}

/// The version of helm.
pub(super) fn helm() -> Result<String> {
    module(include_str!("../../../helm/go.mod"), "helm.sh/helm/v4")
}

/// The version of the DNS server.
pub(super) fn coredns() -> Result<String> {
    module(include_str!("../../../dns/go.mod"), "github.com/coredns/coredns")
}

/// The version of the Kafka broker.
pub(super) fn kafka() -> Result<String> {
    artifact(include_str!("../../../kafka/pom.xml"), "kafka_2.13")
}

/// The version of the ClickHouse engine.
pub(super) fn clickhouse() -> Result<String> {
    dependency(include_str!("../../../clickhouse/package.json"), "@chdb/lib-linux-x64-gnu")
}

/// The version of a module in the text of a `go.mod`: of the line that requires it, not of one that replaces it.
fn module(text: &str, name: &str) -> Result<String> {
    text.lines()
        .map(|line| line.trim().trim_start_matches("require "))
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(" v"))
        .find_map(|rest| rest.split_whitespace().next())
        .map(str::to_owned)
        .with_context(|| format!("no go.mod requires {name}"))
}

/// The version of an artifact in the text of a `pom.xml`.
fn artifact(text: &str, name: &str) -> Result<String> {
    text.split_once(&format!("<artifactId>{name}</artifactId>"))
        .and_then(|(_, rest)| rest.split_once("<version>")?.1.split_once("</version>"))
        .map(|(version, _)| version.trim().to_owned())
        .with_context(|| format!("no pom.xml depends on {name}"))
}

/// The version of a dependency in the text of a `package.json`.
fn dependency(text: &str, name: &str) -> Result<String> {
    let package: serde_json::Value = serde_json::from_str(text).context("a package.json is no JSON")?;
    package
        .get("dependencies")
        .and_then(|all| all.get(name)?.as_str())
        .map(str::to_owned)
        .with_context(|| format!("no package.json depends on {name}"))
}

#[cfg(test)]
mod tests;
