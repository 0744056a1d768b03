//! The attempts, one a row: title, what was there before, where and under which name, what is written, what is told.
//!
//! In: nothing. Out: [`ATTEMPTS`]. A text that begins as an object is applied as it is; any other is the rest of a pipeline's
//! spec. Where `Succeeded` is told, the name only looks like the victim's, and the intruder has got a thing of its own.

use crate::clickhouse::table::ActualTable;

pub(super) struct Attempt {
    pub(super) title: &'static str,
    pub(super) before: &'static [Before],
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) spec: &'static str,
    pub(super) expected: &'static str,
}

pub(super) enum Before {
    Nothing,
    /// A namespace was deleted and made again, with labels of a team.
    NamespaceMadeAgain(&'static str, &'static str),
    /// Somebody else made a topic.
    Topic(&'static str, &'static [(&'static str, &'static str)]),
    /// Somebody else made a table.
    Table(&'static str, fn(&mut ActualTable)),
    /// An object stands there.
    Object(&'static str),
    /// A pipeline of namespace `mal` was deleted, and its topic and table, `mal.<name>`, stayed.
    Retained(&'static str),
}
use Before::{NamespaceMadeAgain, Nothing, Object, Retained, Table, Topic};

const fn row(
    title: &'static str,
    before: &'static [Before],
    (namespace, name): (&'static str, &'static str),
    spec: &'static str,
    expected: &'static str,
) -> Attempt {
    Attempt { title, before, namespace, name, spec, expected }
}

const X: (&str, &str) = ("mal", "x");
const INVALID: &str = "SpecInvalid";
const FORBIDDEN: &str = "NamespaceNotAllowed";
const FOREIGN: &str = "OwnershipMismatch";
const CONFLICT: &str = "ResourceConflict";

#[rustfmt::skip]
pub(super) const ATTEMPTS: &[Attempt] = &[
    // Names of topics.
    row("the victim's topic", &[], X, r#""kafka": {"topic": "victim.treasure"}"#, INVALID),
    row("the victim's topic, adopted", &[], X, r#""adopt": true, "kafka": {"topic": "victim.treasure"}"#, INVALID),
    row("the victim's dead letters", &[], X, r#""adopt": true, "kafka": {"topic": "victim.treasure.dead-letters"}"#, INVALID),
    row("capitals", &[], X, r#""kafka": {"topic": "VICTIM.treasure"}"#, INVALID),
    row("a space before", &[], X, r#""kafka": {"topic": " victim.treasure"}"#, INVALID),
    row("a space behind the own name", &[], X, r#""kafka": {"topic": "mal.treasure "}"#, INVALID),
    row("a way up", &[], X, r#""kafka": {"topic": "mal./../victim.treasure"}"#, INVALID),
    row("a line end", &[], X, r#""kafka": {"topic": "mal.x\nvictim.treasure"}"#, INVALID),
    row("a zero byte", &[], X, r#""kafka": {"topic": "mal.x\u0000victim.treasure"}"#, INVALID),
    row("a list", &[], X, r#""kafka": {"topic": "mal.x,victim.treasure"}"#, INVALID),
    row("a pattern", &[], X, r#""kafka": {"topic": "mal.*"}"#, INVALID),
    row("a pattern of librdkafka", &[], X, r#""kafka": {"topic": "^mal.|^victim."}"#, INVALID),
    row("letters that look alike", &[], X, r#""kafka": {"topic": "vіctim.treasure"}"#, INVALID),
    row("the namespace alone", &[], X, r#""kafka": {"topic": "mal"}"#, INVALID),
    row("the namespace and a dot", &[], X, r#""kafka": {"topic": "mal."}"#, INVALID),
    row("an empty name", &[], X, r#""kafka": {"topic": ""}"#, INVALID),
    row("Kafka's own topic", &[], X, r#""adopt": true, "kafka": {"topic": "__consumer_offsets"}"#, INVALID),
    row("a name that would be cut", &[], X, r#""kafka": {"topic": "mal.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#, INVALID),
    row("another tenant's prefixed topic", &[], X, r#""adopt": true, "kafka": {"topic": "acme.eu.treasure"}"#, INVALID),
    row("the prefix with `_` for the dot", &[], X, r#""kafka": {"topic": "acme_eu.treasure"}"#, INVALID),
    row("the victim's name within the own", &[], X, r#""kafka": {"topic": "mal.victim.treasure"}"#, "Succeeded"),
    row("dots and underscores within the own", &[], X, r#""kafka": {"topic": "mal.victim_treasure"}"#, "Succeeded"),
    // Names of namespaces and pipelines.
    row("a namespace like another's prefix", &[], ("acme", "x"), r#""deletionPolicy": "Delete""#, FORBIDDEN),
    row("a namespace like another's prefix, whole topic", &[], ("acme", "x"), r#""kafka": {"topic": "acme.eu.treasure"}"#, FORBIDDEN),
    row("the same, dead letters", &[], ("acme", "x"), r#""kafka": {"topic": "acme.eu.treasure.dead-letters"}"#, FORBIDDEN),
    row("the same, underscores", &[], ("acme", "x"), r#""kafka": {"topic": "acme.eu_treasure"}"#, FORBIDDEN),
    row("the same, adopted", &[], ("acme", "x"), r#""adopt": true, "kafka": {"topic": "acme.eu.treasure"}"#, FORBIDDEN),
    row("a namespace like another's database", &[], ("acme-eu", "treasure"), r#""suspend": false"#, "Succeeded"),
    row("a namespace like another's namespace and pipeline", &[], ("victim-treasure", "x"), r#""suspend": false"#, "Succeeded"),
    row("namespace and pipeline cut elsewhere", &[], ("victim-", "treasure"), r#""suspend": false"#, "Succeeded"),
    row("the victim's pipeline name in another namespace", &[], ("mal", "treasure"), r#""deletionPolicy": "Delete""#, "Succeeded"),
    row("a dot in the name of the pipeline", &[], ("mal", "x.victim"), r#""suspend": false"#, INVALID),
    row("a pipeline named like dead letters", &[], ("mal", "x.dead-letters"), r#""suspend": false"#, INVALID),
    row("a long name that would be cut", &[], ("mal", "treasure-treasure-treasure-treasure-treasure"), r#""suspend": false"#, INVALID),
    row("a namespace of nobody", &[Object("{apiVersion: v1, kind: Namespace, metadata: {name: stranger, uid: s}}")], ("stranger", "x"), r#""suspend": false"#, FORBIDDEN),
    row("a namespace of nobody, the victim's topic", &[Object("{apiVersion: v1, kind: Namespace, metadata: {name: stranger, uid: s}}")], ("stranger", "x"), r#""adopt": true, "kafka": {"topic": "victim.treasure"}"#, FORBIDDEN),
    row("a namespace that is not there", &[], ("nowhere", "x"), r#""suspend": false"#, "DependencyNotReady"),
    row("the victims' namespace in capitals", &[Object("{apiVersion: v1, kind: Namespace, metadata: {name: Victim, uid: s}}")], ("Victim", "treasure"), r#""suspend": false"#, FORBIDDEN),
    row("labels of the victims' team on a namespace of one's own", &[Object("{apiVersion: v1, kind: Namespace, metadata: {name: mine, uid: s, labels: {team: victims}}}"), Object("{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: mine}, spec: {fields: [{name: a, type: String}]}}")], ("mine", "treasure"), r#""adopt": true"#, "Succeeded"),
    // Rivals within a namespace.
    row("a younger pipeline for the same topic", &[], ("victim", "x"), r#""kafka": {"topic": "victim.treasure"}"#, CONFLICT),
    row("a younger pipeline for the same topic, adopted", &[], ("victim", "x"), r#""adopt": true, "kafka": {"topic": "victim.treasure"}"#, CONFLICT),
    row("a younger pipeline for the dead letters", &[], ("victim", "x"), r#""kafka": {"topic": "victim.treasure.dead-letters"}"#, CONFLICT),
    row("a topic whose dead letters are the victim's topic", &[Retained("mal.a.dead-letters")], X, r#""adopt": true, "kafka": {"topic": "mal.a", "retention": "24h"}"#, CONFLICT),
    row("the retained topic of another pipeline", &[Retained("mal.kept")], X, r#""kafka": {"topic": "mal.kept"}"#, FOREIGN),
    row("the retained topic of another pipeline, adopted", &[Retained("mal.kept")], X, r#""adopt": true, "kafka": {"topic": "mal.kept"}"#, CONFLICT),
    row("the table of another pipeline under the own name", &[Table("mal.x", |table| table.comment = table_of("victim/treasure"))], X, r#""adopt": true"#, CONFLICT),
    row("the table of a pipeline in capitals", &[Table("mal.x", |table| table.comment = table_of("MAL/x"))], X, r#""adopt": true"#, CONFLICT),
    // A namespace that was made again under the same name.
    row("the namespace again", &[NamespaceMadeAgain("victim", "none")], ("victim", "treasure"), r#""suspend": false"#, FOREIGN),
    row("the namespace again, adopted", &[NamespaceMadeAgain("victim", "none")], ("victim", "treasure"), r#""adopt": true"#, FOREIGN),
    row("the namespace again, to delete", &[NamespaceMadeAgain("victim", "none")], ("victim", "treasure"), r#""deletionPolicy": "Delete""#, FOREIGN),
    row("the namespace again, suspended", &[NamespaceMadeAgain("victim", "none")], ("victim", "treasure"), r#""suspend": true"#, FOREIGN),
    row("the namespace again, another name and the old topic", &[NamespaceMadeAgain("victim", "none")], ("victim", "x"), r#""kafka": {"topic": "victim.treasure"}"#, FOREIGN),
    row("the namespace again, another name and the old topic, adopted", &[NamespaceMadeAgain("victim", "none")], ("victim", "x"), r#""adopt": true, "kafka": {"topic": "victim.treasure"}"#, FOREIGN),
    row("the namespace again, another tenant's", &[NamespaceMadeAgain("toys", "eve")], ("toys", "treasure"), r#""suspend": false"#, FOREIGN),
    row("the namespace again, of a tenant that may adopt", &[NamespaceMadeAgain("toys", "mal")], ("toys", "treasure"), r#""adopt": true"#, FOREIGN),
    row("the same, another name and the old topic", &[NamespaceMadeAgain("toys", "mal")], ("toys", "x"), r#""adopt": true, "kafka": {"topic": "toys.treasure"}"#, CONFLICT),
    row("the same, the old dead letters", &[NamespaceMadeAgain("toys", "mal")], ("toys", "x"), r#""adopt": true, "kafka": {"topic": "toys.treasure.dead-letters"}"#, CONFLICT),
    row("the same, to delete", &[NamespaceMadeAgain("toys", "mal")], ("toys", "treasure"), r#""adopt": true, "deletionPolicy": "Delete""#, FOREIGN),
    row("the namespace again, of nobody", &[NamespaceMadeAgain("toys", "none")], ("toys", "treasure"), r#""adopt": true"#, FORBIDDEN),
    row("the namespace of a prefix again, without its prefix", &[NamespaceMadeAgain("eu", "mal")], ("eu", "treasure"), r#""adopt": true"#, "Succeeded"),
    // Taking over what does not fit, or is not to be had.
    row("a topic, where nobody may adopt", &[Topic("eve.x", &[("retention.ms", "1000")])], ("eve", "x"), r#""adopt": true"#, FOREIGN),
    row("a table, where nobody may adopt", &[Table("eve.x", |_| {})], ("eve", "x"), r#""adopt": true"#, FOREIGN),
    row("a topic, without asking", &[Topic("mal.x", &[("retention.ms", "1000")])], X, r#""suspend": false"#, FOREIGN),
    row("a compacted topic", &[Topic("mal.x", &[("cleanup.policy", "compact")])], X, r#""adopt": true"#, FOREIGN),
    row("a topic that would lose records", &[Topic("mal.x", &[("retention.ms", "-1")])], X, r#""adopt": true"#, FOREIGN),
    row("a topic with the brokers' retention", &[Topic("mal.x", &[])], X, r#""adopt": true"#, FOREIGN),
    row("a table without deduplication", &[Table("mal.x", |table| table.engine = "Log".into())], X, r#""adopt": true"#, INVALID),
    row("a table that merges rows", &[Table("mal.x", |table| table.engine = "ReplacingMergeTree".into())], X, r#""adopt": true"#, INVALID),
    row("a view", &[Table("mal.x", |table| table.engine = "View".into())], X, r#""adopt": true"#, INVALID),
    row("a table with other columns", &[Table("mal.x", |table| table.columns.iter_mut().for_each(|column| column.column_type = "UInt8".into()))], X, r#""adopt": true"#, "TableColumnTypeConflict"),
    row("a table that is sorted otherwise", &[Table("mal.x", |table| table.sorting_key = vec!["a".into()])], X, r#""adopt": true"#, INVALID),
    row("a table of a newer Tributary", &[Table("mal.x", |table| table.comment = "{\"tributary\":2}".into())], X, r#""adopt": true"#, FOREIGN),
    row("the database of ClickHouse", &[Object("{apiVersion: v1, kind: Namespace, metadata: {name: system, uid: s, labels: {team: mal}}}"), Object("{apiVersion: tributary.dev/v1alpha1, kind: EventSchema, metadata: {name: purchase, namespace: system}, spec: {fields: [{name: a, type: String}]}}")], ("system", "x"), r#""adopt": true"#, FORBIDDEN),
    // Objects of Kubernetes.
    row("a ConfigMap that stands there", &[Object("{apiVersion: v1, kind: ConfigMap, metadata: {name: x-processor, namespace: mal}}")], X, r#""suspend": false"#, CONFLICT),
    row("a Secret that stands there", &[Object("{apiVersion: v1, kind: Secret, metadata: {name: x-processor, namespace: mal}}")], X, r#""suspend": false"#, CONFLICT),
    row("a ServiceAccount that stands there", &[Object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: x-processor, namespace: mal}}")], X, r#""suspend": false"#, CONFLICT),
    row("a Deployment that stands there", &[Object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: x-processor, namespace: mal}, spec: {replicas: 1}}")], X, r#""suspend": false"#, CONFLICT),
    row("a Secret that names another owner", &[Object("{apiVersion: v1, kind: Secret, metadata: {name: x-processor, namespace: mal, ownerReferences: [{apiVersion: tributary.dev/v1alpha1, kind: AnalyticsPipeline, name: treasure, uid: uid-victim-treasure}]}}")], X, r#""suspend": false"#, CONFLICT),
    row("the victim's Secret as a key", &[], X, r#""privacy": {"hashKey": {"name": "crown", "key": "key"}}"#, "SecretNotFound"),
    row("the victim's Secret by a path", &[], X, r#""privacy": {"hashKey": {"name": "../../victim/secrets/crown", "key": "key"}}"#, "SecretNotFound"),
    row("the victim's Secret by an encoded path", &[], X, r#""privacy": {"hashKey": {"name": "..%2f..%2fvictim%2fsecrets%2fcrown", "key": "key"}}"#, "SecretNotFound"),
    // Rules.
    row("a rule into the victim's topic", &[Nothing], ("mal", "r"), "{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: r, namespace: mal}, spec: {pipeline: {name: x}, destination: {type: Kafka, kafka: {topic: victim.treasure}}}}", "DestinationForbidden"),
    row("a rule into a prefixed topic", &[Nothing], ("acme", "r"), "{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: r, namespace: acme}, spec: {pipeline: {name: x}, destination: {type: Kafka, kafka: {topic: acme.eu.treasure}}}}", "DestinationForbidden"),
    row("a rule on the victim's pipeline", &[Nothing], ("mal", "r"), "{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: r, namespace: mal}, spec: {pipeline: {name: victim/treasure}, destination: {type: Kafka, kafka: {topic: mal.copy}}}}", "DependencyNotReady"),
    row("a rule that signs with the victim's Secret", &[Nothing], ("mal", "r"), "{apiVersion: tributary.dev/v1alpha1, kind: ForwardingRule, metadata: {name: r, namespace: mal}, spec: {pipeline: {name: x}, destination: {type: Webhook, webhook: {url: 'https://example.com/', secretRef: {name: ../../victim/secrets/crown, key: key}}}}}", "DependencyNotReady"),
    // More than the cap.
    row("more partitions than the cap", &[], X, r#""kafka": {"partitions": 11}"#, "QuotaExceeded"),
];

/// The mark of a pipeline, as JSON.
fn table_of(pipeline: &str) -> String {
    format!(r#"{{"tributary":1,"pipeline":"{pipeline}","id":"i","epoch":1,"topic":"t"}}"#)
}
