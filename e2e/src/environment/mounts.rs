//! What is mounted below the state folder: the root file systems, volumes and network namespaces of pods.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, umount2};

/// The mounts below a folder, in the order in which they were made.
pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    // The kernel names a mount by its true path, whatever links lead there.
    let folder = &std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("failed to read the mounts")?;
    Ok(mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        // The kernel writes a blank as an octal number.
        .map(|path| PathBuf::from(path.replace("\\040", " ")))
        .filter(|path| path.starts_with(folder) && path != folder)
        .collect())
}

/// Unmounts everything below a folder, the last mount first; returns how many there were.
pub(super) fn unmount_below(folder: &Path) -> Result<usize> {
    let mounts = below(folder)?;
    for path in mounts.iter().rev() {
        umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .with_context(|| format!("failed to unmount {}", path.display()))?;
    }
    Ok(mounts.len())
}
