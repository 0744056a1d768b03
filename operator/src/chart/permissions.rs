//! What the rendered chart permits, and whom: one golden file for people to read, `charts/tributary/tests/permissions.txt`.
//!
//! In: the golden renders. Out: a line for each holder, place and resource, with the verbs; a test that fails, and repairs the
//! file, when they differ. Not here: whether each is used; `e2e/tests/permissions.rs` compares the file with what a run asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{documents, files, texts};
use crate::testing::repository;

const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// Holder, place and resource, and what may be done.
type Permissions = BTreeMap<String, BTreeSet<String>>;

/// Returns who holds a role: the operator by a binding, or people by aggregation.
fn holder(role: &Value, objects: &[Value]) -> String {
    let is_bound = objects.iter().any(|object| {
        ["RoleBinding", "ClusterRoleBinding"].iter().any(|kind| object["kind"] == *kind)
            && object["roleRef"]["kind"] == role["kind"]
            && object["roleRef"]["name"] == role["metadata"]["name"]
            && object["metadata"]["namespace"] == role["metadata"]["namespace"]
    });
    if is_bound {
        return "operator".into();
    }
    let labels = role["metadata"]["labels"].as_object().into_iter().flatten();
    let roles: Vec<&str> = labels.filter_map(|(label, _)| label.strip_prefix(AGGREGATE)).collect();
    assert!(!roles.is_empty(), "nobody holds {}", role["metadata"]["name"]);
    roles.join("+")
}

fn add(permissions: &mut Permissions, place: &str, rule: &Value) {
    assert_eq!(rule["nonResourceURLs"], Value::Null, "{place}: {rule}");
    let names = texts(&rule["resourceNames"]);
    let names = if names.is_empty() {
        vec![String::new()]
    } else {
        names.iter().map(|it| format!(" {it}")).collect()
    };
    for group in texts(&rule["apiGroups"]) {
        for resource in texts(&rule["resources"]) {
            let (resource, part) = resource.split_once('/').map_or((resource, ""), |(it, part)| (it, part));
            let dot = if group.is_empty() { "" } else { "." };
            let slash = if part.is_empty() { "" } else { "/" };
            for name in &names {
                let subject = format!("{place} {resource}{dot}{group}{slash}{part}{name}");
                let verbs = permissions.entry(subject).or_default();
                verbs.extend(texts(&rule["verbs"]).into_iter().map(str::to_owned));
            }
        }
    }
}

fn permissions(objects: &[Value]) -> Permissions {
    let mut permissions = Permissions::new();
    for role in objects.iter().filter(|it| it["kind"] == "Role" || it["kind"] == "ClusterRole") {
        let holder = holder(role, objects);
        let place = match role["metadata"]["namespace"].as_str() {
            Some(namespace) => namespace,
            None if holder == "operator" => "everywhere",
            None => "where-bound",
        };
        for rule in role["rules"].as_array().into_iter().flatten() {
            add(&mut permissions, &format!("{holder} {place}"), rule);
        }
    }
    permissions
}

#[test]
fn the_golden_file_of_permissions_is_what_the_chart_renders() {
    let mut text = String::from(
        "# What the rendered chart permits: who, where, on which resource (and which one by name), and what. Made by `cargo test`\n\
         # from the golden renders; `where-bound`: in the namespaces where people have the built-in role.\n",
    );
    for file in files("golden") {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        text += &format!("\n# {name}\n");
        for (subject, verbs) in permissions(&documents(&file)) {
            text += &format!("{subject}: {}\n", verbs.into_iter().collect::<Vec<_>>().join(" "));
        }
    }
    let path = repository().join("charts/tributary/tests/permissions.txt");
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != text {
        std::fs::write(&path, &text).unwrap();
        panic!("stale, now rewritten: {}; look at git diff, then run again", path.display());
    }
}

#[test]
fn nobody_may_do_more_with_rights_secrets_and_pods_than_the_design_says() {
    for file in files("golden") {
        for (subject, verbs) in permissions(&documents(&file)) {
            let resource = subject.split(' ').nth(2).unwrap_or_default();
            let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
            match resource.split(['.', '/']).next().unwrap_or_default() {
                "secrets" => assert_eq!(verbs, ["create", "get", "patch"], "{subject}"),
                "pods" => assert!(resource == "pods" && verbs == ["list"], "{subject}: {verbs:?}"),
                kind => assert!(
                    !kind.contains("role")
                        && !["escalate", "bind", "impersonate"].iter().any(|it| verbs.contains(it)),
                    "{subject}: {verbs:?}"
                ),
            }
        }
    }
}
