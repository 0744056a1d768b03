//! The operator's rights are neither too few nor too many: what a whole end-to-end run asked the apiserver for is granted, and
//! what is granted was asked for.
//!
//! In: `charts/tributary/tests/permissions.txt`, and the audit log of the environment's apiserver, which `make e2e` has filled by
//! the time that this runs. Out: calls that were not granted, verbs that nobody used, and processors that asked for anything.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole crate is a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use e2e::environment::settings::Settings;
use e2e::install::{NAMESPACE, repository};
use serde_json::Value;

/// Granted and not called in a run, and why.
const NOT_CALLED: [(&str, &str); 4] = [
    // OwnerReferencesPermissionEnforcement, which this apiserver has on.
    (
        "update analyticspipelines.tributary.dev/finalizers",
        "the apiserver itself asks for it when an object is owned",
    ),
    ("get analyticspipelines.tributary.dev", UNREADABLE),
    ("get eventschemas.tributary.dev", UNREADABLE),
    ("get forwardingrules.tributary.dev", UNREADABLE),
];
const UNREADABLE: &str =
    "only an object that cannot be read as its kind is read by name; no definition of today lets one in";

/// Kinds that this cluster does not have; where it has them, the operator makes such objects.
const ABSENT: &str = ".keda.sh";

/// A verb and a resource, with the part of it and the name that a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    what: String,
    name: Option<String>,
}

impl Call {
    fn is_granted_by(&self, grant: &Self) -> bool {
        self.what == grant.what && (grant.name.is_none() || grant.name == self.name)
    }
}

/// What the chart grants the operator with its default values.
fn grants() -> BTreeSet<Call> {
    let text = fs::read_to_string(repository().join("charts/tributary/tests/permissions.txt")).unwrap();
    let (_, section) = text.split_once("# defaults.yaml\n").expect("the render of the default values");
    let mut grants = BTreeSet::new();
    for line in section.lines().take_while(|line| !line.is_empty()) {
        let (subject, verbs) = line.split_once(": ").expect("a subject and verbs");
        let words: Vec<&str> = subject.split(' ').collect();
        if words[0] == "operator" {
            let name = words.get(3).map(|name| (*name).to_owned());
            grants.extend(
                verbs
                    .split(' ')
                    .map(|verb| Call { what: format!("{verb} {}", words[2]), name: name.clone() }),
            );
        }
    }
    grants
}

/// The requests of pods as they came, without those that the apiserver refused for what they held.
fn requests() -> Vec<Value> {
    let file = Settings::from_environment().audit_log();
    let text = fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{}: {error}; `make e2e` brings up an apiserver that writes it", file.display())
    });
    let mut requests: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The log has them as they ended; a watch ends long after it was asked for.
    requests.sort_by_key(|request| request["requestReceivedTimestamp"].as_str().map(str::to_owned));
    requests
}

/// What a request is, as rights name it; a patch that has made the object needed the right to create it, too.
fn calls(request: &Value) -> Vec<Call> {
    let Some(call) = call(request) else { return Vec::new() };
    let made = request["verb"] == "patch" && request["responseStatus"]["code"] == 201;
    let what = call.what.replacen("patch", "create", 1);
    let created = made.then(|| Call { what, name: call.name.clone() });
    created.into_iter().chain([call]).collect()
}

fn call(request: &Value) -> Option<Call> {
    let object = request.get("objectRef")?;
    let part = |name: &str, before: &str| {
        object[name].as_str().map_or(String::new(), |text| format!("{before}{text}"))
    };
    let resource = format!("{}{}{}", part("resource", ""), part("apiGroup", "."), part("subresource", "/"));
    let verb = request["verb"].as_str()?;
    Some(Call { what: format!("{verb} {resource}"), name: object["name"].as_str().map(str::to_owned) })
}

#[test]
fn every_call_of_the_run_is_granted_every_granted_verb_was_used_and_processors_asked_for_nothing() {
    let operator = format!("system:serviceaccount:{NAMESPACE}:tributary");
    let (grants, requests) = (grants(), requests());
    let (mut used, mut beyond, mut strangers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut last_refused = BTreeMap::new();
    for request in &requests {
        let user = request["user"]["username"].as_str().unwrap_or_default();
        if user.ends_with("-processor") {
            strangers.insert(format!("{user}: {}", request["requestURI"]));
        }
        if user != operator {
            continue;
        }
        let is_forbidden = request["annotations"]["authorization.k8s.io/decision"] == "forbid";
        let pod = request["user"]["extra"]["authentication.kubernetes.io/pod-name"][0].as_str();
        // What is about no resource is discovery, which is everybody's.
        for call in calls(request) {
            let by: Vec<_> = grants.iter().filter(|grant| call.is_granted_by(grant)).cloned().collect();
            if by.is_empty() {
                beyond.insert(format!("{call:?}"));
            }
            // An uninstall takes the rights before the pod has ended: what is refused then is the last that it asks for.
            let refused: &mut BTreeSet<String> = last_refused.entry(pod.unwrap_or_default()).or_default();
            if is_forbidden {
                refused.insert(format!("{call:?}"));
            } else {
                beyond.append(refused);
                used.extend(by);
            }
        }
    }
    assert!(!used.is_empty(), "none of {} requests is the operator's; run `make e2e` first", requests.len());
    assert!(beyond.is_empty(), "the operator asked for what it is not granted: {beyond:#?}");
    assert!(strangers.is_empty(), "a processor asked the apiserver: {strangers:#?}");
    let is_explained = |grant: &&Call| {
        grant.what.ends_with(ABSENT) || NOT_CALLED.iter().any(|(what, _)| *what == grant.what)
    };
    let unused: Vec<_> = grants.difference(&used).filter(|grant| !is_explained(grant)).collect();
    assert!(unused.is_empty(), "granted and never used in the run: {unused:#?}");
    eprintln!(
        "permissions: {} of {} grants were used in {} requests",
        used.len(),
        grants.len(),
        requests.len()
    );
    eprintln!("permissions: not called is what is about `*{ABSENT}`: this cluster has none of them");
    for (what, why) in NOT_CALLED {
        eprintln!("permissions: not called is {what}: {why}");
    }
}
