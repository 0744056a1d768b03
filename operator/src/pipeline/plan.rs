//! Plan: what must be, from what a team wrote and what was gathered. Pure; finds all that is wrong at once.
//!
//! In: the pipeline, [`Gathered`], the settings. Out: a complete [`Plan`] whose parts need no further check, or the faults.
//! Not here: how to get there from what is there now; the diffs and `kubernetes.rs` find that.

mod adoption;
mod config_hash;
mod numbers;
mod ownership;
pub mod pods;
pub mod tenancy;
mod topics;

use std::collections::BTreeMap;

use crds::AnalyticsPipeline;
use crds::analytics_pipeline::ProcessorResources;
use crds::columns::{Column, table_columns};
use crds::conditions::{ConditionType, Reason};
use crds::event_schema::Privacy;
use crds::shared::SecretKeyReference;
use crds::stream_config::{
    ClickHouseConfig, KafkaConfig, STREAM_CONFIG_VERSION, StreamConfig, StreamIdentity,
};
use kube::ResourceExt;
use traces::Collector;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::Table;
use crate::event_schema::in_force::{InForce, in_force};
use crate::fault::{Cure, Fault};
use crate::forwarding_rule::check::Checked;
use crate::kafka::topic::Topic;
use crate::pipeline::build::pod_monitor::PodMonitors;
use crate::pipeline::claims::{self, Names};
use crate::pipeline::gather::Gathered;
use crate::secret::value_of;
use crate::settings::Settings;
use crate::tenants::Standing;
use numbers::Numbers;
use ownership::Claim;
use pods::Pods;

/// What must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Namespace of everything.
    pub namespace: String,
    /// Name of the pipeline.
    pub name: String,
    /// UID of the pipeline.
    pub uid: String,
    /// The stream's topic, and that of its dead letters.
    pub topics: Vec<Topic>,
    /// The table.
    pub table: Table,
    /// What the processor is told, as YAML.
    pub config_text: String,
    /// Changes when a pod must start anew: with what it is told, and with its secrets.
    pub config_hash: String,
    /// The schema versions in force, `name@version`.
    pub schemas: Vec<String>,
    /// Files of the connection.
    pub connection: BTreeMap<String, Vec<u8>>,
    /// How many pods.
    pub pods: Pods,
    /// Image of the pods.
    pub image: String,
    /// When the image is pulled.
    pub image_pull_policy: String,
    /// Secrets of the namespace with which the image is pulled.
    pub image_pull_secrets: Vec<String>,
    /// How processors are watched, where each pipeline has a PodMonitor of its own.
    pub pod_monitors: Option<PodMonitors>,
    /// Where the pods send their spans, where they are traced.
    pub collector: Option<Collector>,
    /// What a pod asks for and may use.
    pub resources: ProcessorResources,
    /// Where the key of `privacy: Hash` stands.
    pub hash_key: Option<SecretKeyReference>,
    /// Where the secret of each rule stands, by rule.
    pub rule_secrets: Vec<(String, SecretKeyReference)>,
    /// The topic is gone, or another one has its name, and the processors still run: they stop first, and nothing else happens.
    pub must_stop_first: bool,
}

/// Makes the plan.
pub fn plan(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    settings: &Settings,
) -> Result<Plan, Vec<Fault>> {
    // Who may do nothing here needs to hear nothing else.
    let standing = gathered.standing.as_ref().map_err(|fault| vec![fault.clone()])?;
    let mut faults = check_name(pipeline);
    faults.extend(topics::check(pipeline, &gathered.names));
    let numbers = kept(numbers::read(&pipeline.spec), &mut faults);
    faults.extend(tenancy::check(pipeline, gathered, (standing, numbers.as_ref())));
    let schemas = kept(in_force(&gathered.schemas), &mut faults);
    let columns = schemas.as_ref().and_then(|schemas| kept(columns(pipeline, schemas), &mut faults));
    let hash_key = kept(hash_key(pipeline, gathered), &mut faults);
    let rules = kept(rules(gathered), &mut faults);
    let connection = kept(one(gathered.connection.clone()), &mut faults);
    let claim = kept(claim(pipeline, gathered, (standing, numbers.as_ref())), &mut faults);
    let (
        Some(numbers),
        Some(schemas),
        Some(columns),
        Some(hash_key),
        Some(rules),
        Some(connection),
        Some(claim),
    ) = (numbers, schemas, columns, hash_key, rules, connection, claim)
    else {
        return Err(faults);
    };
    if !faults.is_empty() {
        return Err(faults);
    }
    let parts = (&numbers, schemas.as_slice(), rules.as_slice(), &claim.mark);
    let config = stream_config(pipeline, settings, &gathered.names, parts);
    let config_text = serde_yaml::to_string(&config).map_err(|error| vec![internal(&error)])?;
    let config_hash = config_hash::config_hash(&config_text, hash_key.as_deref());
    let spec = &pipeline.spec;
    Ok(Plan {
        namespace: pipeline.namespace().unwrap_or_default(),
        name: pipeline.name_any(),
        uid: pipeline.uid().unwrap_or_default(),
        topics: topics::wanted(pipeline, &gathered.names, &numbers),
        table: table(pipeline, columns, &numbers, (&gathered.names, &claim)),
        config_text,
        config_hash,
        schemas: schemas.iter().map(|s| format!("{}@{}", s.version.name, s.version.version)).collect(),
        connection,
        pods: pods::pods(
            pipeline,
            gathered,
            settings,
            (standing, numbers.scale_in_after, claim.must_stop_first),
        ),
        image: settings.processor_image.clone(),
        image_pull_policy: settings.processor_image_pull_policy.clone(),
        image_pull_secrets: settings.processor_image_pull_secrets.clone(),
        pod_monitors: settings.pod_monitors(),
        collector: settings.collector(),
        resources: spec.processor.resources.clone(),
        hash_key: spec.privacy.as_ref().map(|privacy| privacy.hash_key.clone()),
        rule_secrets: rules
            .iter()
            .filter_map(|rule| Some((rule.config.name.clone(), rule.secret.clone()?)))
            .collect(),
        must_stop_first: claim.must_stop_first,
    })
}

/// Keeps the faults of a step, and its value where there is one.
fn kept<T>(result: Result<T, Vec<Fault>>, faults: &mut Vec<Fault>) -> Option<T> {
    result.map_err(|mut more| faults.append(&mut more)).ok()
}

fn one<T>(result: Result<T, Fault>) -> Result<T, Vec<Fault>> {
    result.map_err(|fault| vec![fault])
}

/// Finds what the pipeline may call its own; where Kafka and ClickHouse are both away, both are told.
fn claim(
    pipeline: &AnalyticsPipeline,
    gathered: &Gathered,
    who: (&Standing, Option<&Numbers>),
) -> Result<Claim, Vec<Fault>> {
    if let Some(conflict) = claims::conflict(pipeline, &gathered.neighbours) {
        return Err(vec![conflict]);
    }
    match (&gathered.topics, &gathered.table) {
        (Ok(topics), Ok(table)) => one(ownership::claim(pipeline, gathered, who, (topics, table.as_ref()))),
        (topics, table) => {
            Err([topics.as_ref().err(), table.as_ref().err()].into_iter().flatten().cloned().collect())
        }
    }
}

/// A dot would make groups and topics of two pipelines begin alike; a longer name would not fit into a label of its pods.
fn check_name(pipeline: &AnalyticsPipeline) -> Vec<Fault> {
    const LONGEST: usize = crds::shared::OBJECT_NAME_LENGTH;
    let name = pipeline.name_any();
    if name.len() <= LONGEST && !name.contains('.') {
        return Vec::new();
    }
    vec![Fault::spec(format!(
        "`metadata.name`: `{name}` must have at most {LONGEST} characters and no dot; make a new object with another name"
    ))]
}

/// Finds the columns, and what two schemas do to each other.
fn columns(pipeline: &AnalyticsPipeline, schemas: &[InForce]) -> Result<Vec<Column>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for InForce { schema, .. } in schemas {
        for event in [&schema.event].into_iter().chain(&schema.event_aliases) {
            if let Some(other) = names.insert(event, &schema.name) {
                faults.push(Fault::spec(format!(
                    "EventSchemas `{other}` and `{}` both describe the event type `{event}`; leave one of them out of `spec.schemas`, or change `event` or `eventAliases` of one",
                    schema.name
                )));
            }
        }
        let hashed = schema.fields.iter().find(|field| field.privacy == Privacy::Hash);
        if let (Some(field), None) = (hashed, &pipeline.spec.privacy) {
            faults.push(Fault::spec(format!(
                "field `{}` of EventSchema `{}` has `privacy: Hash`, which needs `spec.privacy.hashKey`; name a Secret with at least 32 bytes there",
                field.path.join("."),
                schema.name
            )));
        }
    }
    let understood: Vec<_> = schemas.iter().map(|schema| schema.schema.clone()).collect();
    let columns = table_columns(&understood).map_err(|problems| Fault::of_problems(&problems));
    let columns = kept(columns, &mut faults);
    columns.filter(|_| faults.is_empty()).ok_or(faults)
}

fn hash_key(pipeline: &AnalyticsPipeline, gathered: &Gathered) -> Result<Option<Vec<u8>>, Vec<Fault>> {
    const SHORTEST: usize = 32;
    let (Some(privacy), Some(value)) = (&pipeline.spec.privacy, &gathered.hash_key) else { return Ok(None) };
    let (namespace, reference) = (pipeline.namespace().unwrap_or_default(), &privacy.hash_key);
    let value = one(value_of(value, &namespace, reference, "$(head -c 32 /dev/urandom | base64 -w0)"))?;
    if value.len() < SHORTEST {
        return Err(vec![Fault::dependency(
            Reason::SecretKeyMissing,
            format!(
                "key `{}` of Secret `{}` must have at least {SHORTEST} bytes, so that hashes cannot be guessed",
                reference.key, reference.name
            ),
        )]);
    }
    Ok(Some(value.to_vec()))
}

/// Leaves out the rules that do not hold. One that cannot be judged now is no reason to take it away from the pods.
fn rules(gathered: &Gathered) -> Result<Vec<Checked>, Vec<Fault>> {
    let mut checked = Vec::new();
    for (name, rule) in &gathered.rules {
        match rule {
            Ok(rule) => checked.push(rule.clone()),
            Err(faults) if faults.iter().any(|fault| fault.cure == Cure::Retry) => {
                let about = |fault: &Fault| Fault {
                    about: ConditionType::Ready,
                    message: format!("ForwardingRule `{name}` cannot be checked: {}", fault.message),
                    ..fault.clone()
                };
                return Err(faults.iter().filter(|fault| fault.cure == Cure::Retry).map(about).collect());
            }
            Err(_) => {}
        }
    }
    Ok(checked)
}

fn table(
    pipeline: &AnalyticsPipeline,
    columns: Vec<Column>,
    numbers: &Numbers,
    (names, claim): (&Names, &Claim),
) -> Table {
    Table {
        database: names.table.database.clone(),
        name: names.table.table.clone(),
        columns,
        partition_by: pipeline.spec.clickhouse.partition_by,
        order_by: pipeline.spec.clickhouse.order_by.clone(),
        ttl_seconds: numbers.ttl.map(|ttl| ttl.as_secs()),
        mark: claim.mark.clone(),
        adopts: claim.adopts_table,
    }
}

fn stream_config(
    pipeline: &AnalyticsPipeline,
    settings: &Settings,
    names: &Names,
    (numbers, schemas, rules, mark): (&Numbers, &[InForce], &[Checked], &Mark),
) -> StreamConfig {
    let spec = &pipeline.spec;
    StreamConfig {
        version: STREAM_CONFIG_VERSION,
        stream: StreamIdentity {
            namespace: pipeline.namespace().unwrap_or_default(),
            name: pipeline.name_any(),
            id: mark.id.clone(),
            epoch: mark.epoch,
        },
        kafka: KafkaConfig {
            bootstrap: settings.kafka_bootstrap.clone(),
            topic: names.topic.clone(),
            dead_letter_topic: names.dead_letter_topic.clone(),
            group: claims::group(pipeline),
            properties: settings.kafka_properties(),
        },
        clickhouse: ClickHouseConfig {
            url: settings.clickhouse_url.clone(),
            database: names.table.database.clone(),
            table: names.table.table.clone(),
        },
        schemas: schemas.iter().map(|schema| schema.version.clone()).collect(),
        envelope: spec.envelope.clone(),
        unknown_events: spec.unknown_events,
        batch: numbers.batch.clone(),
        deduplication_window_seconds: numbers.deduplication_window.map(|window| window.as_secs()),
        has_hash_key: spec.privacy.is_some(),
        rules: rules.iter().map(|rule| rule.config.clone()).collect(),
        egress: settings.egress(),
    }
}

fn internal(error: &serde_yaml::Error) -> Fault {
    Fault::new(
        ConditionType::ProcessorReady,
        Reason::InternalError,
        Cure::Retry,
        format!("failed to write the configuration of the processor: {error}; this is a defect of Tributary"),
    )
}

#[cfg(test)]
mod tests;
