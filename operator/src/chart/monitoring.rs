//! Alerts, dashboards and runbook: what a platform team looks at asks only for what there is, and says what to do.
//!
//! In: the golden render in which all of it is switched on, `docs/runbook.md`, `docs/reference/metrics.md`. Out: every query asks for
//! metrics and labels that the programs show; every alert has its section, and every section its alert; every metric is looked at.
//! Not here: Prometheus and Grafana themselves; no registry that we may use carries them.

use std::collections::BTreeSet;
use std::fs;

use crds::exposition::{self, Metric};
use serde_json::Value;

use super::queries::{Labels, Samples};
use super::rendered;
use crate::testing::repository;

fn metrics() -> Vec<Metric> {
    let page = fs::read_to_string(repository().join("docs/reference/metrics.md")).unwrap();
    let metrics = exposition::read_page(&page);
    assert!(metrics.len() > 20, "the page names {} metrics only", metrics.len());
    metrics
}

/// Every rule of the alerts.
fn alerts() -> Vec<Value> {
    let rules = rendered_once("PrometheusRule");
    let groups = rules["spec"]["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn rendered_once(kind: &str) -> Value {
    let mut objects = rendered(&[kind], 1);
    assert_eq!(objects.len(), 1, "{kind}");
    objects.remove(0).1
}

/// The dashboards, by the name of the file that Grafana sees.
fn dashboards() -> Vec<(String, Value)> {
    let maps = rendered(&["ConfigMap"], 1);
    let files = maps.iter().flat_map(|(_, map)| map["data"].as_object().unwrap());
    // The tenants stand in a ConfigMap too.
    let dashboards = files.filter(|(name, _)| name.ends_with(".json"));
    dashboards
        .map(|(name, text)| (name.clone(), serde_json::from_str(text.as_str().unwrap()).unwrap()))
        .collect()
}

/// The words between two marks, such as `{{` and `}}`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close)).map(|(inside, _)| inside.trim())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Checks the query of a panel or a variable as Grafana sends it.
fn check_panel_query(samples: &Samples, query: &str, read: &mut BTreeSet<String>) -> Result<Labels, String> {
    samples.check(&query.replace("$__rate_interval", "5m"), read)
}

#[test]
fn every_alert_asks_for_what_there_is_and_says_what_is_wrong() {
    let samples = Samples::of(&metrics());
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in &alerts {
        let name = text(&alert["alert"]);
        let labels = samples.check(text(&alert["expr"]), &mut BTreeSet::new()).unwrap();
        let severity = text(&alert["labels"]["severity"]);
        assert!(["warning", "critical"].contains(&severity), "{name} is {severity}");
        let annotations = &alert["annotations"];
        assert_eq!(annotations["runbook"], format!("docs/runbook.md, section {name}"));
        assert!(text(&annotations["summary"]).ends_with('.'), "{name}");
        for word in between(text(&annotations["description"]), "{{", "}}") {
            let is_told = word.starts_with("$value")
                || word.strip_prefix("$labels.").is_some_and(|label| labels.contains(label));
            assert!(is_told, "{name} tells `{word}`, and its result has {labels:?}");
        }
    }
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() {
    let page = fs::read_to_string(repository().join("docs/runbook.md")).unwrap();
    let sections: Vec<(&str, &str)> =
        page.split("\n### ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
    let alerts = alerts();
    let names: Vec<&str> = alerts.iter().map(|alert| text(&alert["alert"])).collect();
    let titles: Vec<&str> = sections.iter().map(|(title, _)| *title).collect();
    assert_eq!(
        titles, names,
        "sections of docs/runbook.md and alerts of charts/tributary/files/alerts.yaml, in order"
    );
    for (title, body) in sections {
        for part in ["**Means:**", "**Look:**", "**Do:**"] {
            assert!(body.contains(part), "section {title} has no {part}");
        }
    }
    // An anchor that leads nowhere is no help at night.
    for anchor in between(&page, "](#", ")") {
        assert!(titles.iter().any(|title| title.to_lowercase() == anchor), "no section {anchor}");
    }
}

#[test]
fn every_panel_asks_for_what_there_is() {
    let samples = Samples::of(&metrics());
    let dashboards = dashboards();
    let uids: BTreeSet<&str> = dashboards.iter().map(|(_, board)| text(&board["uid"])).collect();
    assert_eq!((dashboards.len(), uids.len()), (2, 2));
    for (file, board) in &dashboards {
        let mut ids = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let place = format!("{file}: {}", panel["title"]);
            assert!(ids.insert(panel["id"].as_i64()), "{place}: the id of another panel");
            assert!(
                !text(&panel["title"]).is_empty() && text(&panel["description"]).ends_with('.'),
                "{place}"
            );
            assert!(!text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(), "{place}");
            for target in panel["targets"].as_array().unwrap() {
                let labels = check_panel_query(&samples, text(&target["expr"]), &mut BTreeSet::new());
                let labels = labels.unwrap_or_else(|error| panic!("{place}: {error}"));
                for label in between(text(&target["legendFormat"]), "{{", "}}") {
                    assert!(
                        labels.contains(label),
                        "{place}: the legend has `{label}`, the result {labels:?}"
                    );
                }
            }
        }
        for variable in board["templating"]["list"].as_array().unwrap() {
            let Some((query, label)) =
                text(&variable["query"]).strip_prefix("label_values(").and_then(|it| it.rsplit_once(", "))
            else {
                continue;
            };
            let labels = check_panel_query(&samples, query, &mut BTreeSet::new()).unwrap();
            assert!(labels.contains(label.trim_end_matches(')')), "{file}: {}", variable["name"]);
        }
    }
}

#[test]
fn no_panel_covers_another() {
    for (file, board) in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let number = |key: &str| panel["gridPos"][key].as_i64().unwrap();
            assert!(number("x") + number("w") <= 24, "{file}: {} is wider than the page", panel["title"]);
            for x in number("x")..number("x") + number("w") {
                for y in number("y")..number("y") + number("h") {
                    assert!(taken.insert((x, y)), "{file}: {} covers another panel", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn every_metric_is_looked_at_by_an_alert_or_a_panel() {
    let metrics = metrics();
    let samples = Samples::of(&metrics);
    let mut read = BTreeSet::new();
    for alert in alerts() {
        samples.check(text(&alert["expr"]), &mut read).unwrap();
    }
    for (_, board) in dashboards() {
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                check_panel_query(&samples, text(&target["expr"]), &mut read).unwrap();
            }
        }
    }
    let unread: Vec<&String> =
        metrics.iter().map(|metric| &metric.name).filter(|name| !read.contains(*name)).collect();
    assert!(unread.is_empty(), "nobody looks at {unread:?}");
}

#[test]
fn the_monitors_lead_to_the_port_and_pods_that_there_are() {
    let service = rendered_once_in("Service", "everything");
    let monitor = rendered_once("ServiceMonitor");
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], service["spec"]["selector"]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);

    let pods: Vec<Value> = rendered(&["PodMonitor"], 2).into_iter().map(|(_, monitor)| monitor).collect();
    let labels = crate::kubernetes::labels::labels("ios");
    for monitor in &pods {
        let selected = monitor["spec"]["selector"]["matchLabels"].as_object().unwrap();
        assert!(
            selected.iter().all(|(label, value)| labels.get(label).is_some_and(|it| value == it)),
            "{selected:?}"
        );
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        assert_eq!(endpoint["port"], "metrics");
        // As Prometheus writes the label `tributary.dev/pipeline` of a pod.
        let label = crate::kubernetes::labels::PIPELINE.replace(['.', '/'], "_");
        let source = format!("__meta_kubernetes_pod_label_{label}");
        assert_eq!(endpoint["relabelings"][0]["sourceLabels"][0], source);
        assert_eq!(endpoint["relabelings"][0]["targetLabel"], "pipeline");
    }
    assert_eq!(pods[0]["spec"]["namespaceSelector"], serde_json::json!({"any": true}));
    assert_eq!(pods[1]["spec"]["namespaceSelector"]["matchNames"], serde_json::json!(["shop", "games"]));
}

fn rendered_once_in(kind: &str, file: &str) -> Value {
    rendered(&[kind], 1).into_iter().find(|(place, _)| place.contains(file)).unwrap().1
}

#[test]
fn the_operator_may_make_podmonitors_only_where_each_pipeline_has_one() {
    let has_right = |role: &Value| role["rules"].to_string().contains("podmonitors");
    let roles = rendered(&["Role", "ClusterRole"], 2);
    let with: BTreeSet<&str> = roles
        .iter()
        .filter(|(_, role)| has_right(role))
        .map(|(place, _)| place.split(' ').next().unwrap())
        .collect();
    assert!(with.len() == 1 && with.iter().all(|file| file.ends_with("own-monitors.yaml")), "{with:?}");
    let monitors = rendered(&["PodMonitor"], 2);
    assert!(
        !monitors.iter().any(|(place, _)| place.contains("own-monitors")),
        "one for all beside one for each"
    );
}
