//! What the chart makes of its values, looked at as data: rights, pods, flags.
//!
//! In: the golden renders that `charts/tributary/tests/run` keeps current, `manifests/install.yaml`, and the values behind them.
//! Out: no role has a wildcard, every pod meets the restricted standard, the operator understands every flag it is given, and
//! no value is left untried. Not here: rendering, which needs helm.

mod monitoring;
mod permissions;
mod queries;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::Deserialize;
use serde_json::Value;

use crate::probe::Probe;
use crate::settings::Settings;
use crate::tenants::{Namespace, Tenants};
use crate::testing::repository;

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let documents = serde_yaml::Deserializer::from_str(&text).map(|it| Value::deserialize(it).unwrap());
    documents.filter(|document| !document.is_null()).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = repository().join("charts/tributary/tests").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Every rendered object of these kinds, with the file that it stands in; there must be some.
fn rendered(kinds: &[&str], least: usize) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for file in files("golden").into_iter().chain([repository().join("manifests/install.yaml")]) {
        for object in documents(&file) {
            if kinds.iter().any(|kind| object["kind"] == *kind) {
                found.push((format!("{} {}", file.display(), object["metadata"]["name"]), object));
            }
        }
    }
    assert!(found.len() >= least, "{} objects are rendered of {kinds:?}", found.len());
    found
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn no_role_has_a_wildcard_and_none_lists_secrets() {
    for (place, role) in rendered(&["Role", "ClusterRole"], 2) {
        for rule in role["rules"].as_array().into_iter().flatten() {
            let named: Vec<&str> =
                ["apiGroups", "resources", "verbs"].iter().flat_map(|part| texts(&rule[part])).collect();
            assert!(!named.iter().any(|word| word.contains('*')), "{place} has a wildcard: {rule}");
            // Who may list Secrets may read them all; one that is named is read by `get`.
            let verbs = texts(&rule["verbs"]);
            let lists = verbs.contains(&"list") || verbs.contains(&"watch");
            assert!(
                !lists || !texts(&rule["resources"]).contains(&"secrets"),
                "{place} lists Secrets: {rule}"
            );
        }
    }
}

#[test]
fn every_pod_meets_the_restricted_standard_and_writes_to_no_root_file_system() {
    for (place, object) in rendered(&["Deployment", "Pod"], 4) {
        let pod = if object["kind"] == "Pod" { &object["spec"] } else { &object["spec"]["template"]["spec"] };
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true, "{place}");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{place}");
        assert_ne!(security["runAsUser"], 0, "{place}");
        for shared in ["hostNetwork", "hostPID", "hostIPC"] {
            assert_eq!(pod[shared], Value::Null, "{place}");
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            assert_eq!(volume["hostPath"], Value::Null, "{place}: {volume}");
        }
        let containers = pod["containers"].as_array().unwrap();
        assert_eq!((containers.len(), &pod["initContainers"]), (1, &Value::Null), "{place}");
        let security = &containers[0]["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false, "{place}");
        assert_eq!(security["readOnlyRootFilesystem"], true, "{place}");
        assert_ne!(security["privileged"], true, "{place}");
        assert_eq!(texts(&security["capabilities"]["drop"]), ["ALL"], "{place}");
        assert_eq!(security["capabilities"]["add"], Value::Null, "{place}");
    }
}

#[test]
fn the_operator_understands_every_flag_that_the_chart_gives_it() {
    for (place, deployment) in rendered(&["Deployment"], 2) {
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let arguments = [&["operator"], texts(&container["args"]).as_slice()].concat();
        let settings = Settings::try_parse_from(arguments).unwrap_or_else(|error| panic!("{place}: {error}"));
        if place.contains("everything") {
            assert_eq!(settings.processor_image_pull_secrets, ["registry", "mirror"]);
            assert_eq!(settings.kafka_properties()["sasl.mechanism"], "SCRAM-SHA-512");
            assert!(settings.egress().allow_http && settings.egress().allowed_networks.len() == 2);
        }
    }
}

#[test]
fn the_operator_has_rights_on_kedas_kinds_exactly_where_it_may_use_them() {
    let deployments = rendered(&["Deployment"], 2);
    let (mut n_with, mut n_without) = (0, 0);
    for (place, deployment) in deployments {
        let arguments = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
        let file = place.split(' ').next().unwrap();
        let roles = rendered(&["Role", "ClusterRole"], 2).into_iter().filter(|(it, _)| it.starts_with(file));
        let has_right = roles.into_iter().any(|(_, role)| role["rules"].to_string().contains("keda.sh"));
        assert_eq!(has_right, arguments.contains(&"--keda"), "{place}");
        *(if has_right { &mut n_with } else { &mut n_without }) += 1;
    }
    assert!(n_with > 0 && n_without > 0);
}

#[test]
fn the_pod_of_helm_test_asks_the_operators_service_and_is_none_of_its_pods() {
    let services = rendered(&["Service"], 4);
    for (place, pod) in rendered(&["Pod"], 4) {
        let arguments = texts(&pod["spec"]["containers"][0]["args"]);
        let program = std::iter::once("operator").chain(arguments).map(str::to_owned);
        let asked = Probe::of(program).unwrap_or_else(|| panic!("{place}: not a probe")).url;
        let file = place.split(' ').next().unwrap();
        let (_, service) = services.iter().find(|(place, _)| place.starts_with(file)).unwrap();
        let name = service["metadata"]["name"].as_str().unwrap();
        assert_eq!(asked, format!("http://{name}.tributary-system:8080/readyz"), "{place}");
        let (labels, selector) =
            (&pod["metadata"]["labels"], service["spec"]["selector"].as_object().unwrap());
        assert!(
            selector.iter().any(|(label, value)| labels[label] != *value),
            "{place} is selected as an operator"
        );
        assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test");
    }
}

#[test]
fn the_operator_understands_the_tenants_that_the_chart_gives_it() {
    let config_maps = rendered(&["ConfigMap"], 2).into_iter().filter(|(place, _)| place.contains("-tenants"));
    let mut n_tenants = 0;
    for (place, config_map) in config_maps {
        let text = config_map["data"]["tenants.yaml"].as_str().unwrap();
        let tenants = Tenants::parse(text).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        let standing = tenants.standing("shop", &Namespace::default()).unwrap();
        n_tenants += 1;
        if !place.contains("everything") {
            continue;
        }
        let caps = &standing.caps;
        assert_eq!((standing.topic_prefix.as_str(), standing.database_prefix.as_str()), ("shop.", "shop_"));
        assert_eq!(
            (caps.pipelines, caps.partitions, caps.partitions_in_total),
            (Some(20), Some(12), Some(100))
        );
        assert!(standing.allows_adoption && caps.retention.is_some() && caps.replicas == Some(12));
    }
    assert_eq!(n_tenants, 2, "two files of charts/tributary/tests/good/ have tenants");
}

/// Paths of the values that have no values below, such as `operator.image.tag`.
fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    match value.as_object() {
        Some(inner) if !inner.is_empty() => {
            for (key, value) in inner {
                leaves(&format!("{path}/{key}"), value, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn every_value_is_tried_with_another_than_its_default() {
    let defaults = documents(&repository().join("charts/tributary/values.yaml")).remove(0);
    let (mut paths, good) = (Vec::new(), files("good"));
    leaves("", &defaults, &mut paths);
    let good: Vec<Value> = good.iter().flat_map(|file| documents(file)).collect();
    let is_tried = |path: &String| {
        let tried =
            |values: &Value| values.pointer(path).is_some_and(|it| Some(it) != defaults.pointer(path));
        good.iter().any(tried)
    };
    // What a pod must be to be restricted has no other value to try.
    let restricted =
        ["runAsNonRoot", "seccompProfile/type", "allowPrivilegeEscalation", "readOnlyRootFilesystem"];
    paths.retain(|path| !is_tried(path) && !restricted.iter().any(|end| path.ends_with(end)));
    paths.retain(|path| !path.ends_with("capabilities/drop"));
    assert!(paths.is_empty(), "no file of charts/tributary/tests/good/ sets {paths:?}");
}
