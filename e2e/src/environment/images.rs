//! Makes the images of the local cluster without Docker: the operator, the processor, the pause program, the probe.
//!
//! In: a program of this machine. Out: an image in the environment's containerd, whose lower layer holds the shared libraries
//! that the program is linked with and the certificates, both from this Debian, and whose upper layer holds the program.
//! An image whose content has not changed is not touched. For every other cluster there is an ordinary `Dockerfile`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::commands::{ctr, run, say};
use super::oci::{self, Content, Entry, Image};
use super::settings::Settings;

/// The user and group of our programs.
const USER: &str = "65532:65532";
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Programs that have an image: the name of the package, of the program and of the image.
pub const PROGRAMS: [&str; 2] = ["operator", "processor"];

/// Builds the named programs and brings their images into the cluster as `docker.io/tributary/NAME:dev`.
///
/// # Errors
/// When a program does not compile or the container runtime does not take an image.
pub fn images(settings: &Settings, names: &[String]) -> Result<()> {
    let names: Vec<&str> =
        if names.is_empty() { PROGRAMS.to_vec() } else { names.iter().map(String::as_str).collect() };
    if let Some(name) = names.iter().find(|name| !PROGRAMS.contains(name)) {
        bail!("there is no image {name:?}; there are {}", PROGRAMS.join(", "));
    }
    for (name, program) in names.iter().zip(compile(settings, &names)?) {
        import_program(settings, name, &program)?;
    }
    Ok(())
}

/// Brings the image of one program, found at `path`, into the cluster.
pub(super) fn import_program(settings: &Settings, name: &str, path: &Path) -> Result<()> {
    let bytes = stripped(settings, path)?;
    let program = Entry { path: PathBuf::from(name), content: Content::Program(bytes) };
    let image = Image {
        name: image_name(name),
        layers: vec![base(path)?, vec![program]],
        entrypoint: format!("/{name}"),
        user: USER.to_owned(),
    };
    import(settings, &image)
}

/// Brings the image of the pause program into the cluster, which every pod needs.
pub(super) fn ensure_pause(settings: &Settings) -> Result<()> {
    let path = settings.program("pause");
    let bytes = std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let image = Image {
        name: image_name("pause"),
        layers: vec![vec![Entry { path: "pause".into(), content: Content::Program(bytes) }]],
        entrypoint: "/pause".to_owned(),
        user: "65535:65535".to_owned(),
    };
    import(settings, &image)
}

fn image_name(name: &str) -> String {
    format!("docker.io/tributary/{name}:dev")
}

fn import(settings: &Settings, image: &Image) -> Result<()> {
    let packed = oci::pack(image).with_context(|| format!("failed to pack {}", image.name))?;
    let listed = run(ctr(settings)?.args(["images", "ls", &format!("name=={}", image.name)]))
        .context("failed to list images: is the environment up?")?;
    if listed.contains(&packed.digest) {
        say(format!("  image {} is unchanged", image.name));
        return Ok(());
    }
    let path = settings.state.join("image.tar");
    std::fs::write(&path, &packed.tar).with_context(|| format!("failed to write {}", path.display()))?;
    let imported = run(ctr(settings)?.args(["images", "import", "--snapshotter", "overlayfs"]).arg(&path));
    std::fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))?;
    imported.with_context(|| format!("failed to import {}", image.name))?;
    say(format!("  image {} is in the cluster ({} MB)", image.name, packed.tar.len() / 1_000_000));
    Ok(())
}

/// Compiles the programs and returns where Cargo put them, in the order of the names.
fn compile(settings: &Settings, names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--message-format=json-render-diagnostics"]);
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    // `cargo run` has described this very program in our variables. A build script that watches them, as ring's does, would take each
    // turn between a build from here and one from a shell for a change, and all that stands on it would be compiled again.
    for (name, _) in std::env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|of_ours| name.to_string_lossy().starts_with(of_ours))
        {
            command.env_remove(name);
        }
    }
    say(format!("compiling {} (release; the first time takes some minutes)", names.join(" and ")));
    let output = command
        .current_dir(&settings.repository)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    if !output.status.success() {
        bail!("failed to compile {}", names.join(" and "));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    names
        .iter()
        .map(|name| executable(&messages, name).with_context(|| format!("Cargo names no program `{name}`")))
        .collect()
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|found| found == name))
        .find_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
}

/// The program without its debug sections, which are many times its size.
fn stripped(settings: &Settings, path: &Path) -> Result<Vec<u8>> {
    let smaller = settings.state.join("image.program");
    run(Command::new("strip").args(["--strip-debug", "-o"]).arg(&smaller).arg(path))
        .with_context(|| format!("failed to strip {}", path.display()))?;
    let bytes = std::fs::read(&smaller).with_context(|| format!("failed to read {}", smaller.display()))?;
    std::fs::remove_file(&smaller).with_context(|| format!("failed to remove {}", smaller.display()))?;
    Ok(bytes)
}

/// The lower layer: what a program needs beside itself.
fn base(program: &Path) -> Result<Vec<Entry>> {
    let text = |path: &str, text: &str| Entry { path: path.into(), content: Content::File(text.into()) };
    let certificates = std::fs::read(Path::new("/").join(CERTIFICATES))
        .context("failed to read the certificates: apt-get install ca-certificates")?;
    let mut entries = vec![
        text("etc/passwd", "root:x:0:0:root:/:/none\nnonroot:x:65532:65532:nonroot:/:/none\n"),
        text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
        text("etc/nsswitch.conf", "hosts: files dns\n"),
        Entry { path: CERTIFICATES.into(), content: Content::File(certificates) },
        Entry { path: "tmp".into(), content: Content::Shared },
    ];
    let listed = run(Command::new("ldd").arg(program)).context("failed to ask for the shared libraries")?;
    for library in libraries(&listed)? {
        let bytes =
            std::fs::read(&library).with_context(|| format!("failed to read {}", library.display()))?;
        let path = library.strip_prefix("/").unwrap_or(&library).to_path_buf();
        entries.push(Entry { path, content: Content::Program(bytes) });
    }
    Ok(entries)
}

/// The paths in what `ldd` wrote: `name => path (address)`, or `path (address)` for the loader.
fn libraries(listed: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in listed.lines().map(str::trim) {
        if line.contains("not found") {
            bail!("a shared library is missing on this machine: {line}");
        }
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        let path = path.split(" (").next().unwrap_or(path);
        if path.starts_with('/') {
            found.push(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
