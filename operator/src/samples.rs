//! The samples that people begin with, taken through the whole control plane: what is shown must work, or fail as it promises.
//!
//! In: `manifests/samples/<sample>/*.yaml`, applied file by file. Out: every schema accepted, every pipeline ready, no rule
//! refused; and of the folder `invalid` each condition that a first line promises. What the apiserver refuses (`# message:`)
//! needs one: e2e applies it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::testing::{Fixture, repository};

fn samples() -> PathBuf {
    repository().join("manifests/samples")
}

/// A world in which a sample was applied, file by file.
async fn applied(sample: &Path) -> Fixture {
    let mut fixture = Fixture::of("");
    // As the demo allows its own receiver.
    let mut settings = fixture.ctx.settings.as_ref().clone();
    settings.forwarding_allow_http = true;
    settings.forwarding_allowed_networks = vec!["10.250.0.1/32".into()];
    fixture.ctx.settings = Arc::new(settings);
    for file in manifests(sample) {
        fixture.put(&fs::read_to_string(&file).unwrap());
        fixture.settle().await;
    }
    fixture
}

#[tokio::test(start_paused = true)]
async fn every_sample_is_accepted_and_planned() {
    let mut n_samples = 0;
    for sample in sorted(&samples()) {
        if !sample.is_dir() || sample.ends_with("invalid") {
            continue;
        }
        n_samples += 1;
        let fixture = applied(&sample).await;
        for plural in ["eventschemas", "analyticspipelines", "forwardingrules"] {
            for object in fixture.cluster.all(plural) {
                check(&sample, &object);
            }
        }
    }
    assert!(n_samples > 0, "no samples in {}", samples().display());
}

#[tokio::test(start_paused = true)]
async fn every_mistake_that_the_operator_finds_is_told_as_its_sample_promises() {
    let mut n_promises = 0;
    for file in manifests(&samples().join("invalid")) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let Some(promise) = first.strip_prefix("# condition: ") else {
            assert!(first.starts_with("# message: "), "{}: `{first}` promises nothing", file.display());
            continue;
        };
        n_promises += 1;
        let words: Vec<&str> = promise.split(' ').collect();
        let [kind, name, condition, reason] = words[..] else {
            panic!("{}: not `Kind name Condition Reason`: {promise}", file.display())
        };
        let mut fixture = applied(&samples().join("first-stream")).await;
        fixture.put(&text);
        fixture.settle().await;
        let plural = format!("{}s", kind.to_lowercase());
        let told = fixture.conditions(&plural, name);
        let is_told = told.iter().any(|told| {
            // `Type=Status Reason: message`, and the message says what to do.
            told.starts_with(&format!("{condition}="))
                && told.contains(&format!(" {reason}: "))
                && told.len() > 60
        });
        assert!(is_told, "{}: promised {promise}, told {told:#?}", file.display());
    }
    assert!(n_promises > 0, "no sample of a mistake promises a condition");
}

fn check(sample: &Path, object: &Value) {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
    // No processor runs here, so that no rule is ever taken up.
    let is_right = match object["kind"].as_str() {
        Some("ForwardingRule") => ready["reason"] == "Progressing" || ready["reason"] == "Suspended",
        _ => ready["status"] == "True",
    };
    assert!(is_right, "{}: {} `{}`: {ready}", sample.display(), object["kind"], object["metadata"]["name"]);
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    sorted(folder).into_iter().filter(|file| file.extension().is_some_and(|it| it == "yaml")).collect()
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
