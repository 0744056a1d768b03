//! The baselines of the benchmark: movers that this project keeps itself, so that its speed can be judged without any peer.
//!
//! [`value`] is how a straightforward service is written. [`floor`] does what cannot be left out and nothing else: no checks, no insert,
//! no commit; nobody who uses the same client library can be faster.
//! Neither is for use: they are measured, and that is all.

pub mod floor;
pub mod value;

use std::path::Path;

use anyhow::{Context, Result};
use crds::stream_config::{StreamConfig, paths};

/// Reads the StreamConfig below a root, where the processor reads it too.
fn stream_config(root: &Path) -> Result<StreamConfig> {
    let text = read(root, paths::STREAM_CONFIG)?;
    serde_yaml::from_str(&text).context("reading the StreamConfig")
}

/// Reads a file of [`paths`] below a root.
fn read(root: &Path, path: &str) -> Result<String> {
    let path = root.join(path.trim_start_matches("/etc/tributary/"));
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}
