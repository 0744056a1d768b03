//! What the parts leave outside the state folder, at places that cannot be configured: folders, and in them sockets, links and records.
//!
//! In: the state folder, and the folders that were absent before. Out: what is ours is gone. In the same folders a Docker or a
//! podman that was installed meanwhile keeps its own things, so nothing is removed for its place alone: a record or a link is ours
//! if it names the state folder, a socket is nobody's if nobody listens, and a folder goes only when it is empty and was absent.

use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Each folder after those in it: of the kubelet, of the CNI plugins, of containerd's shims.
const FOLDERS: [&str; 7] = [
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/lib/cni/results",
    "/var/lib/cni",
    "/run/containerd/s",
    "/run/containerd",
];

/// The folders that are not there: to be written down before the parts make them.
pub(super) fn absent() -> Vec<PathBuf> {
    FOLDERS.iter().map(PathBuf::from).filter(|folder| !folder.exists()).collect()
}

/// Removes what is ours in them, and those of them that were absent and are empty now. Says which folders it removed.
pub(super) fn remove(state: &Path, absent: &[PathBuf]) -> Result<Vec<String>> {
    remove_from(&FOLDERS.map(PathBuf::from), state, absent)
}

fn remove_from(folders: &[PathBuf], state: &Path, absent: &[PathBuf]) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for folder in folders.iter().filter(|folder| folder.exists()) {
        for entry in
            std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?
        {
            let path = entry.with_context(|| format!("failed to read {}", folder.display()))?.path();
            if is_ours(&path, state) {
                gone(std::fs::remove_file(&path), &path)?;
            }
        }
        let was_absent = absent.iter().any(|before| folder.starts_with(before));
        if was_absent && is_empty(folder) {
            gone(std::fs::remove_dir(folder), folder)?;
            said.push(format!("folder {}", folder.display()));
        }
    }
    Ok(said)
}

fn is_ours(path: &Path, state: &Path) -> bool {
    let Ok(kind) = path.symlink_metadata().map(|metadata| metadata.file_type()) else { return false };
    if kind.is_symlink() {
        std::fs::read_link(path).is_ok_and(|target| target.starts_with(state))
    } else if kind.is_socket() {
        UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    } else {
        let name = format!("{}/", state.display());
        kind.is_file() && std::fs::read_to_string(path).is_ok_and(|text| text.contains(&name))
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Somebody may have removed it in between.
fn gone(outcome: std::io::Result<()>, path: &Path) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
