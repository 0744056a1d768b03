//! The generated files are current: a stale one fails the test once, and is repaired by it.

use std::path::{Path, PathBuf};

use super::*;

fn root() -> PathBuf {
    Path::new(env!("TRIBUTARY_REPOSITORY")).to_path_buf()
}

#[test]
fn every_generated_file_is_current() {
    let mut stale = Vec::new();
    for (path, text) in files().unwrap() {
        let file = root().join(&path);
        if std::fs::read_to_string(&file).is_ok_and(|written| written == text) {
            continue;
        }
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        stale.push(path);
    }
    assert!(
        stale.is_empty(),
        "these files were stale and are written anew; look at them and commit them: {stale:?}"
    );
}

#[test]
fn no_folder_holds_a_file_that_is_no_longer_generated() {
    let paths: Vec<PathBuf> = files().unwrap().into_iter().map(|(path, _)| root().join(path)).collect();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
        let strange: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| !paths.contains(path)).collect();
        assert!(strange.is_empty(), "remove {strange:?}");
    }
}

#[test]
fn a_definition_reads_as_yaml_and_says_who_made_it() {
    for (path, text) in files().unwrap().into_iter().filter(|(path, _)| path.ends_with(".yaml")) {
        assert!(text.lines().next().unwrap().contains("crdgen"), "{path}");
        let definition: CustomResourceDefinition = serde_yaml::from_str(&text).unwrap();
        assert_eq!(definition.spec.group, "tributary.dev", "{path}");
    }
}
