//! Rules that copy from topic to topic, oldest first; the last one is judged.

use super::*;

fn pipelines() -> Vec<AnalyticsPipeline> {
    ["ios", "android", "web"]
        .iter()
        .map(|name| {
            let yaml = format!("{{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, metadata: {{name: {name}, namespace: shop}}, spec: {{schemas: [{{name: purchase}}]}}}}");
            serde_yaml::from_str(&yaml).unwrap()
        })
        .collect()
}

fn rule(index: usize, text: &str) -> ForwardingRule {
    let (from, to) = text.split_once('>').unwrap();
    let (to, suspend) = to.strip_suffix(" suspended").map_or((to, false), |to| (to, true));
    let yaml = format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, \
          metadata: {{name: r{index}, namespace: shop, uid: u{index}, creationTimestamp: '2026-01-01T00:00:0{index}Z'}}, \
          spec: {{pipeline: {{name: {from}}}, suspend: {suspend}, destination: {{type: Kafka, kafka: {{topic: shop.{to}}}}}}}}}"
    );
    serde_yaml::from_str(&yaml).unwrap()
}

fn judge(texts: &[&str], judged: usize) -> Option<String> {
    let rules: Vec<_> = texts.iter().enumerate().map(|(index, text)| rule(index, text)).collect();
    closed_by(&rules[judged], &rules, &pipelines()).map(|way| way.join(" > "))
}

#[test]
fn the_youngest_rule_of_a_circle_is_refused() {
    assert_eq!(judge(&["ios>android", "android>ios"], 1).as_deref(), Some("android > ios > android"));
    assert_eq!(judge(&["ios>android", "android>ios"], 0), None, "the older one works on");
    let three = ["ios>android", "android>web", "web>ios"];
    assert_eq!(judge(&three, 2).as_deref(), Some("web > ios > android > web"));
    assert_eq!(judge(&three, 1), None);
}

#[test]
fn what_is_no_circle_is_let_through() {
    assert_eq!(judge(&["ios>android", "ios>web"], 1), None);
    assert_eq!(judge(&["android>ios suspended", "ios>android"], 1), None);
    assert_eq!(judge(&["android>archive", "ios>android"], 1), None);
    // Others may go round; this one only leads there.
    assert_eq!(judge(&["android>web", "web>android", "ios>android"], 2), None);
}
