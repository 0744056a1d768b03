//! Workloads: what teams, the platform team and chance do to streams, step by step.
//!
//! In: nothing. Out: named rows of [`Step`]s; each step begins when the one before has settled.
//! Everything happens in namespace `shop`. Where a step does several things, the operator may see any of them first.

use super::world::World;
use crate::clickhouse::table::{ActualTable, TableName};
use crate::settings::Settings;

/// Something that happens to a world.
#[derive(Clone)]
pub(super) enum Step {
    /// A team applies objects.
    Apply(String),
    /// A team deletes the object of a path.
    Delete(String),
    /// Somebody changes something by hand.
    Change(fn(&mut World)),
    /// The platform team installs another version, or other settings: the operator starts anew.
    Upgrade(fn(&mut Settings)),
}

/// A workload.
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) steps: Vec<Step>,
}

impl Workload {
    /// Returns whether any ForwardingRule is in it.
    pub(super) fn has_rules(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Apply(yaml) if yaml.contains("ForwardingRule")))
    }
}

pub(super) fn object(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: tributary.dev/v1alpha1, kind: {kind}, metadata: {{name: {name}, namespace: shop}}, spec: {{{spec}}}}}"
    )
}

pub(super) fn path(plural: &str, name: &str) -> String {
    format!("/apis/tributary.dev/v1alpha1/namespaces/shop/{plural}/{name}")
}

fn schema(fields: &str) -> String {
    object("EventSchema", "purchase", &format!("fields: [{fields}]"))
}

fn pipeline(name: &str, spec: &str) -> String {
    object("AnalyticsPipeline", name, &format!("schemas: [{{name: purchase}}], {spec}"))
}

fn rule(name: &str, spec: &str) -> String {
    object("ForwardingRule", name, &format!("pipeline: {{name: ios}}, {spec}"))
}

fn secret(name: &str, key: &str, value: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: shop}}, stringData: {{{key}: '{value}'}}}}"
    )
}

const NAMESPACE: &str = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}";
const FIELDS: &str = "{name: a, type: String}, {name: n, type: Int32}";
const HASH: &str = "privacy: {hashKey: {name: privacy, key: key}}";
const HOOK: &str = "destination: {type: Webhook, webhook: {url: 'https://hooks.example.com/x', secretRef: {name: hook, key: secret}}}";
const SIGNING_KEY: &str = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=";

fn apply(documents: &[&str]) -> Step {
    Step::Apply(documents.join("\n---\n"))
}

fn delete(plural: &str, name: &str) -> Step {
    Step::Delete(path(plural, name))
}

/// A schema and a pipeline that use it; the way most workloads begin.
fn stream(spec: &str) -> Step {
    apply(&[NAMESPACE, &schema(FIELDS), &pipeline("ios", spec)])
}

/// Returns all workloads.
pub(super) fn workloads() -> Vec<Workload> {
    let row = |name, steps| Workload { name, steps };
    let mut all = lives();
    all.extend(deaths());
    all.push(row("rule-added-and-removed", rules()));
    all.push(row("conflict", conflict()));
    all.push(row("adopt", adopt()));
    all.push(row(
        "upgrade",
        vec![
            stream(""),
            Step::Upgrade(|settings| settings.processor_image = "tributary/processor:next".into()),
        ],
    ));
    all.push(row("drift", drift()));
    all
}

/// What happens to a stream that stays.
fn lives() -> Vec<Workload> {
    let row = |name, steps| Workload { name, steps };
    let all_at_once =
        [NAMESPACE, &schema(FIELDS), &secret("privacy", "key", &"k".repeat(44)), &pipeline("ios", HASH)];
    let widened = schema(
        "{name: a, type: String, description: what it is}, {name: n, type: Int64}, {name: b, type: Bool}",
    );
    vec![
        row("create", vec![apply(&all_at_once)]),
        row("create-one-by-one", all_at_once.iter().rev().map(|it| apply(&[it])).collect()),
        row(
            "scale",
            vec![
                stream(""),
                apply(&[&pipeline("ios", "processor: {replicas: 3}, kafka: {partitions: 12}")]),
                apply(&[&pipeline("ios", "processor: {replicas: 2}, kafka: {partitions: 12}")]),
                apply(&[&pipeline("ios", "kafka: {partitions: 12, retention: 3d}, clickhouse: {ttl: 30d}")]),
            ],
        ),
        row(
            "scale-by-lag",
            vec![stream("processor: {autoscaling: {min: 2, max: 4}}"), stream("processor: {replicas: 3}")],
        ),
        row("evolve", vec![stream(""), apply(&[&widened])]),
        row(
            "incompatible",
            vec![stream(""), apply(&[&schema("{name: a, type: Int64}")]), apply(&[&schema(FIELDS)])],
        ),
        row("suspend", vec![stream(""), stream("suspend: true"), stream("")]),
        row("rotate", vec![apply(&all_at_once), apply(&[&secret("privacy", "key", &"r".repeat(44))])]),
    ]
}

/// What happens to a stream that goes.
fn deaths() -> Vec<Workload> {
    let row = |name, steps| Workload { name, steps };
    let gone = || delete("analyticspipelines", "ios");
    vec![
        row("delete-retain", vec![stream(""), gone(), stream("")]),
        row("delete-delete", vec![stream("deletionPolicy: Delete"), gone()]),
        row(
            "delete-and-again",
            vec![stream("deletionPolicy: Delete"), gone(), stream("deletionPolicy: Delete")],
        ),
        row(
            "change-of-mind",
            vec![stream("deletionPolicy: Delete"), stream("deletionPolicy: Retain"), gone()],
        ),
        row(
            "namespace-deletion",
            vec![
                stream("deletionPolicy: Delete"),
                apply(&[&pipeline("web", ""), &secret("hook", "secret", SIGNING_KEY), &rule("hook", HOOK)]),
                Step::Delete("/api/v1/namespaces/shop".into()),
            ],
        ),
        row("new-life-of-the-topic", vec![stream(""), Step::Change(|world| world.topics.remove("shop.ios"))]),
        row(
            "topic-made-again",
            vec![
                stream(""),
                Step::Change(|world| {
                    let topic = world.topics.get("shop.ios").unwrap();
                    world.topics.insert(topic);
                }),
            ],
        ),
    ]
}

fn rules() -> Vec<Step> {
    let to_topic = "destination: {type: Kafka, kafka: {topic: shop.web}}";
    vec![
        apply(&[
            NAMESPACE,
            &schema(FIELDS),
            &pipeline("ios", ""),
            &pipeline("web", ""),
            &secret("hook", "secret", SIGNING_KEY),
        ]),
        apply(&[&rule("hook", HOOK)]),
        apply(&[&rule("copy", to_topic), &rule("hook", &format!("when: 'event.n > 1', {HOOK}"))]),
        delete("forwardingrules", "hook"),
    ]
}

/// The younger pipeline gets the topic when the older one lets go of it.
fn conflict() -> Vec<Step> {
    let younger = pipeline("web", "kafka: {topic: shop.clicks}");
    vec![
        stream("kafka: {topic: shop.clicks}, deletionPolicy: Delete"),
        apply(&[&younger]),
        delete("analyticspipelines", "ios"),
    ]
}

fn adopt() -> Vec<Step> {
    let made_by_hand = |world: &mut World| {
        let name = TableName { database: "shop".into(), table: "ios".into() };
        let table = world.tables.get(&name).unwrap();
        let columns = table.columns.iter().filter(|column| column.name != "n").cloned().collect();
        world.tables.insert(name, ActualTable { comment: "by hand".into(), columns, ..table });
        world.topics.remove("shop.ios.dead-letters");
    };
    vec![
        stream(""),
        delete("analyticspipelines", "ios"),
        Step::Change(made_by_hand),
        stream(""),
        stream("adopt: true"),
    ]
}

fn drift() -> Vec<Step> {
    let deployment =
        |world: &mut World| world.cluster.delete("/apis/apps/v1/namespaces/shop/deployments/ios-processor");
    let config_map = |world: &mut World| {
        world.cluster.edit("/api/v1/namespaces/shop/configmaps/ios-processor", |it| {
            it["data"]["stream.yaml"] = "version: 0".into();
        });
    };
    let table =
        |world: &mut World| world.tables.remove(&TableName { database: "shop".into(), table: "ios".into() });
    vec![stream(""), Step::Change(deployment), Step::Change(config_map), Step::Change(table)]
}
