//! The samples that people begin with, linted: what is shown is clean, and every mistake of `invalid` is told as it promises.
//!
//! In: `manifests/samples`. Out: for the apiserver's refusals (`# message:`) their words, for the operator's (`# condition:`) their reason,
//! each found without a cluster, when the file comes after `first-stream`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::cases::{repository, sorted};

/// What nobody knows without a cluster.
const KNOWN_TO_THE_CLUSTER: &str = "SecretNotFound";

#[test]
fn every_sample_is_clean() {
    let samples = sorted(&samples());
    let samples: Vec<_> = samples.iter().filter(|path| path.is_dir() && !path.ends_with("invalid")).collect();
    assert!(!samples.is_empty());
    for sample in samples {
        assert_eq!(findings(&[sample]), Vec::<Value>::new(), "{}", sample.display());
    }
}

#[test]
fn every_mistake_is_told_as_its_sample_promises() {
    let before = samples().join("first-stream");
    let mut n_promises = 0;
    for file in sorted(&samples().join("invalid")) {
        let text = fs::read_to_string(&file).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let found = findings(&[&before, &file]);
        let is_told = match (first.strip_prefix("# message: "), first.strip_prefix("# condition: ")) {
            (Some(message), _) => found.iter().any(|finding| text_of(finding, "message").contains(message)),
            (_, Some(condition)) => {
                let words: Vec<&str> = condition.split(' ').collect();
                let [kind, name, _, reason] = words[..] else { panic!("{}: {condition}", file.display()) };
                let object = format!("{kind} shop/{name}");
                let is_meant = |finding: &Value| {
                    text_of(finding, "object") == object && text_of(finding, "reason") == reason
                };
                reason == KNOWN_TO_THE_CLUSTER || found.iter().any(is_meant)
            }
            (None, None) => panic!("{}: `{first}` promises nothing", file.display()),
        };
        assert!(is_told, "{}: promised {first}, told {found:#?}", file.display());
        n_promises += 1;
    }
    assert!(n_promises > 0);
}

fn samples() -> PathBuf {
    repository().join("manifests/samples")
}

fn findings(paths: &[&Path]) -> Vec<Value> {
    // As the demo allows its own receiver.
    let allowed = "lint --format json --forwarding-allow-http --forwarding-allowed-network 10.250.0.1/32";
    let words = ["kubectl-tributary"].into_iter().chain(allowed.split(' ')).map(str::to_owned);
    let paths = paths.iter().flat_map(|path| ["-f".to_owned(), path.display().to_string()]);
    let arguments = Arguments::try_parse_from(words.chain(paths)).unwrap();
    let mut out = Vec::new();
    crate::run(&arguments, &mut std::io::empty(), &mut out).unwrap();
    let told: Value = serde_json::from_slice(&out).unwrap();
    told["findings"].as_array().unwrap().clone()
}

fn text_of<'a>(finding: &'a Value, member: &str) -> &'a str {
    finding[member].as_str().unwrap()
}
