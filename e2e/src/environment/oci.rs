//! Packs an image: layers of plain files in, one tar in the OCI layout out. The same content gives the same bytes.
//!
//! It knows nothing of what is packed. Layers are not compressed: the tar goes into a container runtime on the same machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// A file, folder or link of a layer, at its path without the leading slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it is in the image.
    pub(super) path: PathBuf,
    /// What it holds.
    pub(super) content: Content,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes, readable by all.
    File(Vec<u8>),
    /// Bytes that can be run by all.
    Program(Vec<u8>),
    /// A folder that all may write, as `/tmp` is.
    Shared,
}

/// An image before it is packed.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Its full name with the tag.
    pub(super) name: String,
    /// Its layers, the lowest first.
    pub(super) layers: Vec<Vec<Entry>>,
    /// The program that it runs.
    pub(super) entrypoint: String,
    /// The user that runs it.
    pub(super) user: String,
}

/// A packed image.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    /// The digest of its manifest, by which the runtime knows it.
    pub(super) digest: String,
    /// The tar.
    pub(super) tar: Vec<u8>,
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Packs the image.
pub(super) fn pack(image: &Image) -> Result<Packed> {
    let mut archive = Archive::default();
    let mut layers = Vec::new();
    for entries in &image.layers {
        let bytes = layer(entries).context("failed to pack a layer")?;
        layers.push(archive.blob(bytes, LAYER));
    }
    let digests: Vec<_> = layers.iter().filter_map(|layer| layer.get("digest").cloned()).collect();
    let config = json!({
        // The engine behind ClickHouse is only there for this one; `up` has seen to it.
        "architecture": "amd64",
        "os": "linux",
        "config": { "User": image.user, "Entrypoint": [image.entrypoint], "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    let config = archive.blob(serde_json::to_vec(&config)?, CONFIG);
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
    let mut manifest = archive.blob(serde_json::to_vec(&manifest)?, MANIFEST);
    let digest = manifest.get("digest").and_then(|digest| digest.as_str()).unwrap_or_default().to_owned();
    if let Some(fields) = manifest.as_object_mut() {
        fields.insert("annotations".to_owned(), json!({ "io.containerd.image.name": image.name }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    archive.files.push(("index.json".into(), serde_json::to_vec(&index)?));
    archive.files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
    Ok(Packed { digest, tar: archive.tar()? })
}

#[derive(Default)]
struct Archive {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Archive {
    /// Adds content under its digest and returns what points to it.
    fn blob(&mut self, bytes: Vec<u8>, media_type: &str) -> serde_json::Value {
        let digest = format!("{:x}", Sha256::digest(&bytes));
        let descriptor =
            json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len() });
        self.files.push((Path::new("blobs/sha256").join(digest), bytes));
        descriptor
    }

    fn tar(&self) -> Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            append(&mut builder, path, bytes, 0o644, tar::EntryType::Regular)?;
        }
        builder.into_inner().context("failed to finish the archive")
    }
}

fn layer(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut entries = entries.to_vec();
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let folders: BTreeSet<&Path> = entries
        .iter()
        .flat_map(|entry| entry.path.ancestors().skip(1))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect();
    let mut builder = tar::Builder::new(Vec::new());
    for folder in folders {
        append(&mut builder, folder, &[], 0o755, tar::EntryType::Directory)?;
    }
    for entry in &entries {
        match &entry.content {
            Content::File(bytes) => append(&mut builder, &entry.path, bytes, 0o644, tar::EntryType::Regular)?,
            Content::Program(bytes) => {
                append(&mut builder, &entry.path, bytes, 0o755, tar::EntryType::Regular)?
            }
            Content::Shared => append(&mut builder, &entry.path, &[], 0o1777, tar::EntryType::Directory)?,
        }
    }
    builder.into_inner().context("failed to finish a layer")
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    path: &Path,
    bytes: &[u8],
    mode: u32,
    kind: tar::EntryType,
) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(u64::try_from(bytes.len()).context("a file is too large")?);
    header.set_mtime(0);
    builder
        .append_data(&mut header, path, bytes)
        .with_context(|| format!("failed to pack {}", path.display()))
}

#[cfg(test)]
mod tests;
