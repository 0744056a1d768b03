//! Findings as SARIF 2.1.0, which code scanning reads.
//!
//! In: findings. Out: one log with one run; every reason that was found is a rule, with its cause and remedy.

use std::collections::BTreeMap;

use crds::conditions::Reason;
use serde_json::{Value, json};

use crate::finding::Finding;

/// Writes findings as a log.
pub(super) fn log(findings: &[Finding]) -> Value {
    let reasons: BTreeMap<Reason, ()> = findings.iter().map(|finding| (finding.reason, ())).collect();
    let rules: Vec<Value> = reasons.keys().map(|reason| rule(*reason)).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl-tributary",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn rule(reason: Reason) -> Value {
    json!({
        "id": reason.as_str(),
        "shortDescription": {"text": reason.cause()},
        "help": {"text": reason.remedy()},
    })
}

fn result(finding: &Finding) -> Value {
    json!({
        "ruleId": finding.reason.as_str(),
        "level": "error",
        "message": {"text": format!("{}: {}", finding.object, finding.told()).trim_start_matches(": ")},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": if finding.file == "-" { "stdin" } else { finding.file.as_str() }},
                "region": {"startLine": finding.line},
            },
        }],
    })
}
