//! Tests of [`super`].

use serde_json::json;

use super::*;

fn change(before: Value, sent: Value) -> Option<Step> {
    let path = "/api/v1/namespaces/shop/things/ios-processor".to_owned();
    let notes =
        Notes { writes: vec![Write { path, before: Some(before), sent: Some(sent) }], ..Notes::default() };
    of_pipeline("shop/ios".into(), None, &notes, false).objects.pop()
}

#[test]
fn what_others_have_set_is_no_difference() {
    let before = json!({"kind": "Deployment", "spec": {"replicas": 1, "paused": false, "list": [{"name": "a", "x": 1, "y": 2}, {"name": "injected"}]}});
    let sent = json!({"kind": "Deployment", "spec": {"replicas": 2, "list": [{"name": "a", "x": 1}]}});
    let step = change(before, sent).unwrap();
    assert_eq!(step.object, "Deployment shop/ios-processor");
    let paths: Vec<&str> = step.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["spec.replicas"]);
}

#[test]
fn a_quantity_in_other_words_is_no_difference() {
    let before = json!({"kind": "Deployment", "resources": {"limits": {"memory": "1Gi"}}, "n": 1});
    let sent = json!({"kind": "Deployment", "resources": {"limits": {"memory": "1024Mi"}}, "n": 2});
    assert_eq!(change(before, sent).unwrap().fields.len(), 1);
}

#[test]
fn no_value_of_a_secret_is_in_a_step() {
    let (old, new) = ("b2xkLXZhbHVl", "bmV3LXZhbHVl");
    let before = json!({"kind": "Secret", "data": {"clickhouse-password": old}});
    let sent = json!({"kind": "Secret", "data": {"clickhouse-password": new}});
    let changed = serde_json::to_string(&change(before, sent.clone())).unwrap();
    let made = Write { path: "/api/v1/namespaces/shop/secrets/x".into(), before: None, sent: Some(sent) };
    let made = serde_json::to_string(&child(&made, &Notes::default(), false)).unwrap();
    for text in [changed, made] {
        assert!(text.contains("clickhouse-password") && !text.contains(old) && !text.contains(new), "{text}");
    }
}

#[test]
fn what_only_goes_is_told_without_a_field() {
    let with = |hash: &str| json!({"kind": "Deployment", "metadata": {"annotations": {APPLIED: hash}}});
    assert_eq!(change(with("1"), with("2")).unwrap().notes, ["fields that are not wanted any more go"]);
}
