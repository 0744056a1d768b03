//! What counts as already there, and what does not.

use serde_json::json;

use super::*;

#[test]
fn defaults_beside_the_wanted_fields_do_not_matter() {
    let wanted = json!({"spec": {"replicas": 1, "strategy": {"type": "RollingUpdate"}}});
    let actual = json!({"spec": {"replicas": 1, "revisionHistoryLimit": 10, "strategy": {"type": "RollingUpdate", "x": 1}}, "status": {}});
    assert!(contains(&actual, &wanted));
}

#[test]
fn a_changed_or_missing_field_is_seen() {
    let wanted = json!({"spec": {"replicas": 1, "paused": false, "args": []}});
    assert!(contains(&json!({"spec": {"replicas": 1}}), &wanted), "the apiserver leaves out what is empty");
    for actual in [
        json!({"replicas": 2}),
        json!({"paused": false}),
        json!({"replicas": 1, "paused": true}),
        json!({"replicas": 1, "args": ["--evil"]}),
    ] {
        assert!(!contains(&json!({ "spec": actual }), &wanted), "{actual}");
    }
}

#[test]
fn named_list_elements_are_matched_by_name_and_may_have_neighbours() {
    let wanted = json!({"containers": [{"name": "processor", "image": "a"}]});
    assert!(contains(
        &json!({"containers": [{"name": "mesh"}, {"name": "processor", "image": "a", "tty": false}]}),
        &wanted
    ));
    assert!(!contains(&json!({"containers": [{"name": "processor", "image": "b"}]}), &wanted));
    assert!(!contains(&json!({"containers": []}), &wanted));
}

#[test]
fn lists_of_plain_values_are_equal_or_not() {
    assert!(contains(&json!({"drop": ["ALL"]}), &json!({"drop": ["ALL"]})));
    assert!(!contains(&json!({"drop": ["ALL", "X"]}), &json!({"drop": ["ALL"]})));
    assert!(!contains(&json!({"sources": []}), &json!({"sources": [{"secret": {}}]})));
}

#[test]
fn quantities_are_numbers() {
    let resources = |cpu: &str, memory: &str| json!({"requests": {"cpu": cpu, "memory": memory}});
    assert!(contains(&resources("500m", "1Gi"), &resources("0.5", "1024Mi")));
    assert!(!contains(&resources("500m", "1Gi"), &resources("0.6", "1024Mi")));
    assert!(contains(&resources("1", "1e9"), &resources("1000m", "1G")));
    assert!(!contains(
        &json!({"limits": {"cpu": "1", "memory": "1Gi"}}),
        &json!({"limits": {"memory": "1Gi"}})
    ));
}

#[test]
fn an_empty_map_equals_none() {
    assert!(contains(&json!({}), &json!({"labels": {}, "list": []})));
}
