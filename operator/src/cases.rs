//! Golden cases: what a team applies, and all that the operator makes of it, as files that are readable without Rust.
//!
//! In: `cases/<case>/in/*.yaml`, applied in the order of their names, each after the one before has settled, and
//! `cases/<case>/tenants.yaml`, the Helm value `tenants`, where there are any.
//! Out: `out/topics.yaml` (what Kafka has in the end), `out/tables.sql` (every statement, in order), `out/objects.yaml` (what stands in
//! Kubernetes beside the team's own) and `out/status.yaml`. `UPDATE=1 cargo test -p operator cases` writes them anew.
//! Every case also proves that a world that has settled is not written to.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::clickhouse::ddl::statement;
use crate::testing::Fixture;

const CHILDREN: [&str; 4] = ["serviceaccounts", "secrets", "configmaps", "deployments"];
const OWN_KINDS: [&str; 3] = ["eventschemas", "analyticspipelines", "forwardingrules"];

#[tokio::test(start_paused = true)]
async fn every_case_gives_what_its_files_say() {
    let cases = crate::testing::repository().join("operator/cases");
    let mut wrong = Vec::new();
    let mut n_cases = 0;
    for case in sorted(&cases).into_iter().filter(|path| path.join("in").is_dir()) {
        n_cases += 1;
        for (name, text) in run(&case.join("in")).await {
            let path = case.join("out").join(name);
            if fs::read_to_string(&path).ok().as_deref() == Some(text.as_str()) {
                continue;
            }
            if std::env::var_os("UPDATE").is_some() {
                fs::create_dir_all(case.join("out")).unwrap();
                fs::write(&path, text).unwrap();
            } else {
                wrong.push(format!("{}: expected\n{text}", path.display()));
            }
        }
    }
    assert!(n_cases > 0);
    assert!(wrong.is_empty(), "differs (UPDATE=1 writes it anew): {}", wrong.join("\n"));
}

async fn run(folder: &Path) -> Vec<(&'static str, String)> {
    let mut fixture = Fixture::of("");
    if let Ok(tenants) = fs::read_to_string(folder.with_file_name("tenants.yaml")) {
        fixture.set_tenants(&tenants);
    }
    let (mut sql, mut names) = (String::new(), Vec::new());
    for file in sorted(folder) {
        fixture.put(&fs::read_to_string(&file).unwrap());
        fixture.settle().await;
        for change in fixture.tables.take_applied() {
            writeln!(sql, "{};\n", statement(&change)).unwrap();
        }
        for change in fixture.topics.take_applied() {
            names.push(change.subject().to_owned());
        }
    }
    let before = fixture.cluster.writes();
    assert!(fixture.look_at_all().await.is_empty());
    assert_eq!(fixture.cluster.writes(), before, "{}: a settled world is written to", folder.display());
    names.sort();
    names.dedup();
    let topics: Vec<_> = names.iter().filter_map(|name| fixture.topics.get(name)).collect();
    let topics: String = topics
        .iter()
        .map(|topic| {
            let config: BTreeMap<_, _> = topic.config.iter().collect();
            let config = serde_json::to_string(&config).unwrap();
            format!(
                "- {{name: {}, partitions: {}, replicas: {}, config: {config}}}\n",
                topic.name, topic.partitions, topic.replicas
            )
        })
        .collect();
    vec![
        ("topics.yaml", topics),
        ("tables.sql", sql),
        ("objects.yaml", objects(&fixture)),
        ("status.yaml", statuses(&fixture)),
    ]
}

fn objects(fixture: &Fixture) -> String {
    let mut text = String::new();
    for plural in CHILDREN {
        for mut object in fixture.cluster.all(plural) {
            let is_child = object["metadata"]["ownerReferences"].is_array();
            if !is_child {
                continue;
            }
            let metadata = object["metadata"].as_object_mut().unwrap();
            for volatile in ["uid", "resourceVersion", "generation", "creationTimestamp"] {
                metadata.remove(volatile);
            }
            object.as_object_mut().unwrap().remove("status");
            append(&mut text, &object);
        }
    }
    text
}

fn statuses(fixture: &Fixture) -> String {
    let mut text = String::new();
    for plural in OWN_KINDS {
        for mut object in fixture.cluster.all(plural) {
            if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
                for condition in conditions {
                    condition.as_object_mut().unwrap().remove("lastTransitionTime");
                }
            }
            let status = serde_json::json!({
                "kind": object["kind"], "name": object["metadata"]["name"], "status": object["status"],
            });
            append(&mut text, &status);
        }
    }
    text
}

fn append(text: &mut String, value: &Value) {
    text.push_str("---\n");
    text.push_str(&serde_yaml::to_string(value).unwrap());
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
