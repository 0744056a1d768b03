//! The files that are made from the types: definitions for `kubectl` and for the chart, and the reference for people.
//!
//! In: nothing. Out: pairs of path and text. Paths count from the root of the repository.
//! Not here: writing them (`bin/crdgen`), and `manifests/install.yaml`, which is made of the chart.

mod reference;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::definition::definitions;

/// First line of every generated file, after the comment sign.
const NOTICE: &str = "Generated from crds/src by `cargo run -p crds --bin crdgen`. Do not edit.";

/// Folders that get a copy of each definition.
const FOLDERS: [&str; 2] = ["manifests/crds", "charts/tributary/files/crds"];

/// Returns every generated file: path from the root of the repository, and text.
///
/// # Errors
/// When a definition cannot be written as YAML.
pub fn files() -> Result<Vec<(String, String)>, serde_yaml::Error> {
    let mut files = Vec::new();
    for definition in definitions() {
        let text = yaml(&definition)?;
        for folder in FOLDERS {
            files.push((format!("{folder}/{}.yaml", definition.spec.names.plural), text.clone()));
        }
    }
    files.push(("docs/reference/crds.md".to_owned(), reference::kinds()));
    files.push(("docs/reference/reasons.md".to_owned(), reference::reasons()));
    Ok(files)
}

fn yaml(definition: &CustomResourceDefinition) -> Result<String, serde_yaml::Error> {
    Ok(format!("# {NOTICE}\n{}", serde_yaml::to_string(definition)?))
}

#[cfg(test)]
mod tests;
