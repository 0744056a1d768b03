//! The two Dockerfiles, as far as they can be judged without Docker.
//!
//! In: `operator/Dockerfile`, `processor/Dockerfile`, `.dockerignore`. Out: what reaches the build is a whole workspace whose lock
//! is current, with the Rust that the workspace asks for, and what leaves it is a base without shell, run by nobody's user.
//! Not here: the build itself. `environment images` makes the same images without Docker, and every end-to-end test runs them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::testing::repository;

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap()
}

/// What stands behind an instruction, each time it is given.
fn instructions<'a>(dockerfile: &'a str, name: &str) -> Vec<&'a str> {
    dockerfile.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn images_are_built_with_the_workspaces_rust_and_run_without_shell_and_rights() {
    let manifest = read("Cargo.toml");
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    for program in ["operator", "processor"] {
        let dockerfile = read(&format!("{program}/Dockerfile"));
        let bases = instructions(&dockerfile, "FROM");
        let [build, run] = bases[..] else { panic!("{program}: not two stages: {bases:?}") };
        assert_eq!(build, format!("rust:{}-bookworm AS build", rust.trim_matches('"')), "{program}");
        // The same Debian as the build's, so that the C library is the one that was linked.
        assert!(run.ends_with("/distroless/cc-debian12:nonroot"), "{program}: {run}");
        assert_eq!(instructions(&dockerfile, "USER"), ["65532:65532"], "{program}");
        assert_eq!(instructions(&dockerfile, "ENTRYPOINT"), [format!("[\"/{program}\"]")], "{program}");
        assert!(dockerfile.contains("cargo build --locked --release"), "{program}");
    }
    assert_eq!(
        read("operator/Dockerfile").replace("operator", "processor"),
        read("processor/Dockerfile"),
        "what is true of one image is true of the other"
    );
}

/// Whether `.dockerignore` keeps a path out: the last pattern that matches it or a folder above it decides.
fn is_ignored(patterns: &str, path: &Path) -> bool {
    let mut is_ignored = false;
    for pattern in patterns.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (pattern, keeps_out) = pattern.strip_prefix('!').map_or((pattern, true), |rest| (rest, false));
        let matches = |part: &Path| match pattern.strip_prefix("**/") {
            Some(name) => part.file_name().is_some_and(|it| it == name),
            None if pattern == "*" => part.components().count() == 1,
            None => part == Path::new(pattern),
        };
        assert!(
            pattern == "*" || !pattern.trim_start_matches("**/").contains('*'),
            "teach this test {pattern}"
        );
        if path.ancestors().filter(|part| *part != Path::new("")).any(matches) {
            is_ignored = keeps_out;
        }
    }
    is_ignored
}

fn copy(patterns: &str, folder: &Path, target: &Path) {
    for entry in fs::read_dir(repository().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            let is_large = [".git", "target", "node_modules"].iter().any(|name| entry.file_name() == *name);
            if !is_large {
                copy(patterns, &path, target);
            }
        } else if !is_ignored(patterns, &path) {
            let copied = target.join(&path);
            fs::create_dir_all(copied.parent().unwrap()).unwrap();
            fs::copy(entry.path(), copied).unwrap();
        }
    }
}

#[test]
fn what_the_dockerignore_lets_through_is_a_whole_workspace_with_a_current_lock() {
    let target = std::env::temp_dir().join(format!("tributary-docker-{}", std::process::id()));
    let patterns = read(".dockerignore");
    assert!(
        is_ignored(&patterns, Path::new("README.md"))
            && is_ignored(&patterns, Path::new("operator/Dockerfile"))
    );
    copy(&patterns, Path::new(""), &target);
    // Reads every manifest, looks for every program, test and bench that one names, and holds the lock against them.
    let resolved = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "operator", "--package", "processor"])
        .current_dir(&target)
        .output()
        .unwrap();
    fs::remove_dir_all(&target).unwrap();
    assert!(resolved.status.success(), "{}", String::from_utf8_lossy(&resolved.stderr));
}
