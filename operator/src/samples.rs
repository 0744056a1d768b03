//! The samples that people begin with, taken through the whole control plane: what is shown must work.
//!
//! In: `manifests/samples/<sample>/*.yaml`, applied file by file. Out: every schema accepted, every pipeline ready, no rule
//! refused. The folder `invalid` holds what must be refused; most of it needs an apiserver, and e2e applies it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::testing::Fixture;

#[tokio::test(start_paused = true)]
async fn every_sample_is_accepted_and_planned() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/samples");
    let mut n_samples = 0;
    for sample in sorted(&samples) {
        if !sample.is_dir() || sample.ends_with("invalid") {
            continue;
        }
        n_samples += 1;
        let mut fixture = Fixture::of("");
        // As the demo allows its own receiver.
        let mut settings = fixture.ctx.settings.as_ref().clone();
        settings.forwarding_allow_http = true;
        settings.forwarding_allowed_networks = vec!["10.250.0.1/32".into()];
        fixture.ctx.settings = Arc::new(settings);
        for file in sorted(&sample).into_iter().filter(|file| file.extension().is_some_and(|it| it == "yaml"))
        {
            fixture.put(&fs::read_to_string(&file).unwrap());
            fixture.settle().await;
        }
        for plural in ["eventschemas", "analyticspipelines", "forwardingrules"] {
            for object in fixture.cluster.all(plural) {
                check(&sample, &object);
            }
        }
    }
    assert!(n_samples > 0, "no samples in {}", samples.display());
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

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
