//! A folder of secrets that changes as the kubelet changes it: all files at once, by one rename of a link.
//!
//! In: names and texts. Out: files that a process reads, whole before and whole after. It forgets no older version; the folder is
//! a test's and goes with it.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A mounted Secret.
pub struct Mount {
    folder: PathBuf,
    files: BTreeMap<String, String>,
    version: u32,
}

impl Mount {
    /// Mounts files in a new folder.
    pub fn new(folder: &Path, files: &[(&str, &str)]) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let mut mount = Self { folder: folder.to_owned(), files: BTreeMap::new(), version: 0 };
        mount.change(files)?;
        Ok(mount)
    }

    /// Changes some of the files; the others stay.
    pub fn change(&mut self, files: &[(&str, &str)]) -> Result<()> {
        self.files.extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
        self.version += 1;
        let version = format!("..{}", self.version);
        let fresh = self.folder.join(&version);
        std::fs::create_dir(&fresh).with_context(|| format!("making {}", fresh.display()))?;
        for (name, text) in &self.files {
            std::fs::write(fresh.join(name), text).with_context(|| format!("writing {name}"))?;
        }
        let (link, next) = (self.folder.join("..data"), self.folder.join("..data_tmp"));
        symlink(&version, &next).context("linking the new version")?;
        std::fs::rename(&next, &link).context("changing to the new version")?;
        for name in self.files.keys() {
            let file = self.folder.join(name);
            if file.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), &file).with_context(|| format!("linking {name}"))?;
            }
        }
        Ok(())
    }
}
