//! Merge: the patch that `kubectl apply` sends, from what was applied before, what is there, and what is applied now. Pure.
//!
//! In: three trees. Out: a JSON merge patch. What others have set stays, what was applied before and is not applied now goes.
//! Not here: server-side apply, which needs no patch of ours.

use serde_json::{Map, Value};

/// The annotation in which kubectl keeps what was applied.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Returns the patch; an empty one changes nothing.
pub(super) fn patch(former: &Value, live: &Value, wanted: &Value) -> Value {
    let empty = Map::new();
    let fields = |tree: &'_ Value| tree.as_object().cloned().unwrap_or_default();
    let (former, live) = (fields(former), fields(live));
    let wanted = wanted.as_object().unwrap_or(&empty);
    let mut changes = Map::new();
    for (key, wanted) in wanted {
        match live.get(key) {
            Some(live) if live.is_object() && wanted.is_object() => {
                let inner = patch(former.get(key).unwrap_or(&Value::Null), live, wanted);
                if inner.as_object().is_some_and(|inner| !inner.is_empty()) {
                    changes.insert(key.clone(), inner);
                }
            }
            Some(live) if live == wanted => {}
            Some(_) | None => {
                changes.insert(key.clone(), wanted.clone());
            }
        }
    }
    let gone = former.keys().filter(|key| !wanted.contains_key(*key) && live.contains_key(*key));
    changes.extend(gone.map(|key| (key.clone(), Value::Null)));
    Value::Object(changes)
}

/// Returns what was applied before, as the annotation of what is there says; nothing where it says nothing.
pub(super) fn former(live: &Value) -> Value {
    let text = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Returns what a patch makes of an object, as the apiserver does (RFC 7386).
pub(super) fn patched(object: &Value, patch: &Value) -> Value {
    let Some(fields) = patch.as_object() else { return patch.clone() };
    let mut merged = object.as_object().cloned().unwrap_or_default();
    for (key, value) in fields {
        if value.is_null() {
            merged.remove(key);
        } else {
            let inner = patched(merged.get(key).unwrap_or(&Value::Null), value);
            merged.insert(key.clone(), inner);
        }
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_applied_no_more_goes_and_what_others_set_stays() {
        let former = json!({"spec": {"ttl": "90d", "partitions": 3}});
        let live = json!({"spec": {"ttl": "90d", "partitions": 3, "suspend": true}, "status": {"n": 1}});
        let wanted = json!({"spec": {"partitions": 6, "fields": [1]}});
        let patch = patch(&former, &live, &wanted);
        assert_eq!(patch, json!({"spec": {"partitions": 6, "fields": [1], "ttl": null}}));
        let after = json!({"spec": {"partitions": 6, "suspend": true, "fields": [1]}, "status": {"n": 1}});
        assert_eq!(patched(&live, &patch), after);
    }

    #[test]
    fn what_nobody_applied_before_is_not_taken_away() {
        let live = json!({"spec": {"ttl": "90d", "partitions": 3}});
        assert_eq!(patch(&Value::Null, &live, &json!({"spec": {"partitions": 3}})), json!({}));
    }
}
