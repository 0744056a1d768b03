//! One rule that holds; spoil one thing, expect one fault.

use std::collections::BTreeSet;

use super::*;
use crate::secret::SecretValue;

const RULE: &str = "
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {name: big-spenders, namespace: shop, uid: u1}
spec:
  pipeline: {name: ios}
  events: [purchase]
  when: event.amount > 100.0
  destination:
    type: Webhook
    webhook: {url: 'https://hooks.example.com/x', secretRef: {name: hook, key: secret}}
";
const PIPELINE: &str = "
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: ios, namespace: shop}
spec: {schemas: [{name: purchase}, {name: page_view}]}
";

fn schema(name: &str, spec: &str) -> Found<crds::EventSchema> {
    let yaml = format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {{name: {name}, namespace: shop}}, spec: {spec}, status: {{accepted: {{version: 1, spec: {spec}}}}}}}"
    );
    Found::Object(serde_yaml::from_str(&yaml).unwrap())
}

fn gathered() -> Gathered {
    Gathered {
        standing: Ok(Standing::default()),
        pipeline: Found::Object(serde_yaml::from_str(PIPELINE).unwrap()),
        schemas: vec![
            (
                "purchase".into(),
                schema("purchase", "{eventAliases: [bought], fields: [{name: amount, type: Float64}]}"),
            ),
            ("page_view".into(), schema("page_view", "{fields: [{name: page, type: String}]}")),
        ],
        secret: Some(SecretValue::Value(b"whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_vec())),
        pipelines: vec![serde_yaml::from_str(PIPELINE).unwrap()],
        rules: Vec::new(),
        has_topic: None,
    }
}

#[expect(clippy::unwrap_in_result, reason = "the fixture is right; its outcome is what is looked at")]
fn outcome(spoil: impl FnOnce(&mut ForwardingRule, &mut Gathered)) -> Result<Checked, Vec<Fault>> {
    let mut rule: ForwardingRule = serde_yaml::from_str(RULE).unwrap();
    let mut gathered = gathered();
    spoil(&mut rule, &mut gathered);
    check(&rule, &gathered, &EgressConfig::default())
}

fn fault(spoil: impl FnOnce(&mut ForwardingRule, &mut Gathered)) -> (Reason, Cure, String) {
    let mut faults = outcome(spoil).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    let fault = faults.remove(0);
    (fault.reason, fault.cure, fault.message)
}

#[test]
fn a_rule_that_holds_is_passed_on() {
    let checked = outcome(|_, _| {}).unwrap();
    assert_eq!(checked.config.webhook.unwrap().timeout_milliseconds, 15_000);
    assert_eq!(checked.secret.unwrap().name, "hook");
}

#[test]
fn a_missing_pipeline_is_waited_for() {
    let (reason, cure, message) = fault(|_, gathered| gathered.pipeline = Found::Missing);
    assert_eq!((reason, cure), (Reason::DependencyNotReady, Cure::Dependency));
    assert!(message.contains("AnalyticsPipeline `ios` does not exist"), "{message}");
}

#[test]
fn an_unknown_event_is_named_beside_those_that_are_known() {
    let (reason, _, message) = fault(|rule, _| {
        rule.spec.events.push("refund".into());
    });
    assert_eq!(reason, Reason::SpecInvalid);
    assert!(message.contains("`refund`") && message.contains("`purchase`, `page_view`"), "{message}");
}

#[test]
fn an_alias_is_answered_with_the_event_it_stands_for() {
    let (_, _, message) = fault(|rule, _| rule.spec.events.push("bought".into()));
    assert!(message.contains("name the event type `purchase`"), "{message}");
}

#[test]
fn when_is_compiled_against_the_chosen_events_only() {
    let (reason, _, message) = fault(|rule, _| rule.spec.when = Some("event.page == '/'".into()));
    assert_eq!(reason, Reason::SpecInvalid);
    assert!(message.starts_with("`spec.when`: "), "{message}");
    assert!(
        outcome(|rule, _| {
            rule.spec.when = Some("event.page == '/'".into());
            rule.spec.events.clear();
        })
        .is_ok()
    );
}

fn lines(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
}

#[test]
fn every_address_of_the_golden_list_of_blocked_ones_is_forbidden_and_nothing_else_is_wrong() {
    for url in lines(include_str!("../../../../crds/cases/destination-urls/blocked.txt")) {
        let (reason, cure, message) = fault(|rule, _| {
            rule.spec.destination.webhook.as_mut().unwrap().url = url.into();
        });
        assert_eq!((reason, cure), (Reason::DestinationForbidden, Cure::Change), "{url}");
        assert!(message.starts_with("`spec.destination.webhook.url`: `url` "), "{url}: {message}");
    }
}

#[test]
fn every_address_of_the_golden_list_of_allowed_ones_is_passed_on_as_it_was_written() {
    for url in lines(include_str!("../../../../crds/cases/destination-urls/allowed.txt")) {
        let checked = outcome(|rule, _| rule.spec.destination.webhook.as_mut().unwrap().url = url.into());
        assert_eq!(checked.unwrap().config.webhook.unwrap().url, url);
    }
}

#[test]
fn a_missing_secret_comes_with_the_command_that_makes_it() {
    let (reason, cure, message) = fault(|_, gathered| gathered.secret = Some(SecretValue::NoSecret));
    assert_eq!((reason, cure), (Reason::SecretNotFound, Cure::Dependency));
    assert!(
        message.contains("kubectl -n shop create secret generic hook --from-literal=secret=whsec_"),
        "{message}"
    );
    let (reason, _, _) = fault(|_, gathered| gathered.secret = Some(SecretValue::NoKey));
    assert_eq!(reason, Reason::SecretKeyMissing);
}

#[test]
fn a_secret_of_another_form_is_refused_without_being_shown() {
    for value in ["", "hunter2", "whsec_", "whsec_****", "whsec_c2hvcnQ="] {
        let (reason, _, message) =
            fault(|_, gathered| gathered.secret = Some(SecretValue::Value(value.as_bytes().to_vec())));
        assert_eq!(reason, Reason::SecretKeyMissing);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

fn to_topic(rule: &mut ForwardingRule, topic: &str) {
    rule.spec.destination.kind = DestinationType::Kafka;
    rule.spec.destination.webhook = None;
    rule.spec.destination.kafka = Some(KafkaDestination { topic: topic.into() });
}

#[test]
fn a_topic_of_another_namespace_or_of_the_pipeline_itself_is_forbidden() {
    for topic in ["bank.secrets", "shop.ios", "shop.ios.dead-letters"] {
        let (reason, _, _) = fault(|rule, gathered| {
            to_topic(rule, topic);
            gathered.has_topic = Some(Ok(true));
        });
        assert_eq!(reason, Reason::DestinationForbidden, "{topic}");
    }
}

#[test]
fn a_topic_must_exist() {
    let (reason, cure, _) = fault(|rule, gathered| {
        to_topic(rule, "shop.x");
        gathered.has_topic = Some(Ok(false));
    });
    assert_eq!((reason, cure), (Reason::DependencyNotReady, Cure::Dependency));
    let checked = outcome(|rule, gathered| {
        to_topic(rule, "shop.x");
        gathered.has_topic = Some(Ok(true));
    });
    assert_eq!(checked.unwrap().config.topic.as_deref(), Some("shop.x"));
}

#[test]
fn all_faults_are_told_at_once() {
    let faults = outcome(|rule, gathered| {
        rule.spec.events = vec!["refund".into()];
        rule.spec.when = Some("event.nothing > 1".into());
        gathered.secret = Some(SecretValue::NoSecret);
        let webhook = rule.spec.destination.webhook.as_mut().unwrap();
        (webhook.url, webhook.timeout) = ("http://example.com".into(), "1h".into());
    })
    .unwrap_err();
    let reasons: BTreeSet<_> = faults.iter().map(|fault| fault.reason).collect();
    assert_eq!(faults.len(), 5, "{faults:?}");
    assert!(reasons.contains(&Reason::DestinationForbidden) && reasons.contains(&Reason::SecretNotFound));
}

#[test]
fn every_webhook_that_the_apiserver_accepts_is_taken() {
    let cases = crate::testing::repository().join("crds/cases/admission/forwardingrule/accepts");
    let egress = EgressConfig { allow_http: true, allowed_networks: vec!["2001:db8::/32".into()] };
    let mut n_webhooks = 0;
    for entry in std::fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        let case = crds::admission::case::Case::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let rule: ForwardingRule = serde_json::from_value(case.object).unwrap();
        let Some(webhook) = rule.spec.destination.webhook else { continue };
        let faults = check_webhook(&webhook, &egress, &Standing::default()).err().unwrap_or_default();
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        n_webhooks += 1;
    }
    assert!(n_webhooks > 3, "{n_webhooks}");
}
