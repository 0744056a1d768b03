//! Tests of [`super`].

use serde_json::json;

use super::{GONE, Hidden};

fn redacted(value: serde_json::Value) -> serde_json::Value {
    Hidden::new(["hunter2".to_owned(), "x".to_owned(), String::new()]).redact(value)
}

#[test]
fn no_secret_is_left_wherever_it_stood() {
    let report = redacted(json!({ "logs": ["login with hunter2 refused", "user `x` axe"], "hunter2": 1 }));
    assert_eq!(report["logs"], json!([format!("login with {GONE} refused"), format!("user `{GONE}` axe")]));
}

#[test]
fn what_a_schema_lists_is_left_nowhere() {
    let report = redacted(json!({
        "schemas": [{ "spec": {
            "fields": [
                { "name": "currency", "enum": ["EUR", "USD"], "default": "USD", "pattern": "^E" },
                { "name": "amount", "minimum": 0 },
            ],
            "rules": [{ "rule": "event.plan != 'gold' || event.note == \"a \\\"b\\\" c\"", "message": "gold costs" }],
        } }],
        "message": "`default`: `USD` is not in `enum`; field `currency`",
    }));
    let text = report.to_string();
    for value in ["EUR", "USD", "'gold'", "a \\", "^E"] {
        assert!(!text.contains(value), "{value} is left: {text}");
    }
    assert_eq!(report["schemas"][0]["spec"]["fields"][0]["name"], "currency", "names stay");
    assert_eq!(report["schemas"][0]["spec"]["fields"][1]["minimum"], 0);
    assert_eq!(report["message"], format!("`default`: `{GONE}` is not in `enum`; field `currency`"));
}

#[test]
fn of_an_address_only_scheme_host_and_port_are_left() {
    let urls = [
        "https://example.com/hook?key=1",
        "http://user:word@example.com:8080",
        "https://example.com/",
        "no address",
    ];
    let shown = urls.map(|url| redacted(json!({ "url": url }))["url"].as_str().unwrap().to_owned());
    assert_eq!(
        shown,
        [
            &format!("https://example.com/{GONE}"),
            "http://example.com:8080/(taken out)",
            "https://example.com",
            GONE
        ]
    );
}

#[test]
fn what_others_wrote_into_metadata_is_left_out() {
    let report = redacted(
        json!({ "metadata": { "name": "ios", "annotations": { "last": "EUR" }, "managedFields": [] } }),
    );
    assert_eq!(report, json!({ "metadata": { "name": "ios" } }));
}
