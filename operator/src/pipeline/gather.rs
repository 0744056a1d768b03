//! Gather: everything that a plan needs, read at once.
//!
//! In: the stores, the apiserver, Kafka, ClickHouse, the connection folder. Out: [`Gathered`].
//! What is away is a fault among the gathered, not an error: several things may be away, and all are told. Only the
//! apiserver's own failure ends the look, because without it nothing can be told.
//! Not here: any decision.

pub mod scaling;

use std::collections::BTreeMap;

use crds::AnalyticsPipeline;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::ResourceExt;

use crate::clickhouse::mark::Mark;
use crate::clickhouse::table::ActualTable;
use crate::context::Context;
use crate::event_schema::in_force::{self, Named};
use crate::fault::Fault;
use crate::forwarding_rule::{check as rule_check, gather as rule_gather};
use crate::kafka::topic::Topic;
use crate::kubernetes::ApplyError;
use crate::pipeline::build::object_name;
use crate::pipeline::build::pod_monitor::PodMonitor;
use crate::pipeline::claims::{self, Names};
use crate::processors::{self, Processor};
use crate::secret::{self, SecretValue};
use crate::tenants::quota::Counted;
use crate::tenants::{Standing, gather as tenants};
use scaling::{Keda, Observed};

/// Everything that a plan needs.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// What the platform team lets the namespace do; where it is a fault, nothing else was asked for outside Kubernetes.
    pub standing: Result<Standing, Fault>,
    /// The pipelines of the namespace's tenant, where a cap counts them.
    pub fellows: Result<Vec<Counted>, Fault>,
    /// The names of topics and table.
    pub names: Names,
    /// The marks of all tables, where a topic is to be taken over.
    pub marks: Result<Vec<Mark>, Fault>,
    /// The schemas, by the names that the pipeline gives.
    pub schemas: Named,
    /// The pipelines of the namespace, this one among them.
    pub neighbours: Vec<AnalyticsPipeline>,
    /// The rules that name the pipeline and are not suspended, checked, by name.
    pub rules: Vec<(String, Result<rule_check::Checked, Vec<Fault>>)>,
    /// The key of `privacy: Hash`, where the pipeline names one.
    pub hash_key: Option<SecretValue>,
    /// The files of the connection folder.
    pub connection: Result<BTreeMap<String, Vec<u8>>, Fault>,
    /// Those of the pipeline's topics that exist.
    pub topics: Result<Vec<Topic>, Fault>,
    /// Id of the Kafka cluster that was asked, where it is known.
    pub cluster: Option<String>,
    /// Id of the stream's topic, where it is there and Kafka gives one.
    pub topic_id: Option<String>,
    /// The table, if it exists.
    pub table: Result<Option<ActualTable>, Fault>,
    /// What the number of pods is decided by, where it follows the lag.
    pub scaling: Option<Observed>,
    /// What the pipeline owns in Kubernetes.
    pub children: Children,
    /// The pods, and what they say.
    pub processors: Vec<Processor>,
}

/// What a pipeline owns in Kubernetes, as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Children {
    /// The ServiceAccount.
    pub service_account: Option<ServiceAccount>,
    /// The Secret.
    pub secret: Option<Secret>,
    /// The ConfigMap.
    pub config_map: Option<ConfigMap>,
    /// The Deployment.
    pub deployment: Option<Deployment>,
    /// The PodMonitor, where the platform team wants one.
    pub pod_monitor: Option<PodMonitor>,
    /// What it has of KEDA's, where its pods follow or followed its lag.
    pub keda: Keda,
}

impl Children {
    /// Returns whether all of them are there that every pipeline has.
    pub fn are_there(&self) -> bool {
        self.service_account.is_some()
            && self.secret.is_some()
            && self.config_map.is_some()
            && self.deployment.is_some()
    }
}

/// Reads everything that a plan needs.
pub async fn gather(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    standing: Result<Standing, Fault>,
) -> Result<Gathered, ApplyError> {
    let (namespace, name) = (pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    let fellows = match &standing {
        Ok(standing) => tenants::fellows(ctx, standing).await?,
        Err(_) => Ok(Vec::new()),
    };
    let names = claims::names(pipeline, &standing.clone().unwrap_or_default());
    let adopts = standing.as_ref().is_ok_and(|standing| pipeline.spec.adopt && standing.allows_adoption);
    // A namespace that nobody allows, or that names another one's topic, learns nothing of what exists.
    let may_look = standing.as_ref().is_ok_and(|standing| claims::is_in_namespace(pipeline, standing));
    let (outside, connection) = tokio::join!(
        async { if may_look { outside(ctx, &names, adopts).await } else { Outside::unseen() } },
        ctx.connection()
    );
    let Outside { topics, cluster, topic_id, table, marks } = outside;
    let (children, processors, rules, hash_key) = tokio::try_join!(
        children(ctx, pipeline),
        processors::observe(&ctx.kubernetes, ctx.reports.as_ref(), &namespace, &name),
        rules(ctx, &namespace, (&name, &standing)),
        hash_key(ctx, pipeline),
    )?;
    let scaling = match (&topics, &connection) {
        (Ok(topics), Ok(connection)) if scaling::is_on(pipeline) => {
            Some(scaling::observe(ctx, pipeline, &names, (topics, connection, &children.keda)).await)
        }
        (Ok(_) | Err(_), _) => None,
    };
    Ok(Gathered {
        standing,
        fellows,
        names,
        marks,
        schemas: in_force::look_up(&ctx.stores, &namespace, &pipeline.spec.schemas),
        neighbours: ctx.stores.pipelines_in(&namespace),
        rules,
        hash_key,
        connection,
        topics,
        cluster,
        topic_id,
        table,
        scaling,
        children,
        processors,
    })
}

/// What Kafka and ClickHouse hold of a pipeline.
struct Outside {
    topics: Result<Vec<Topic>, Fault>,
    cluster: Option<String>,
    topic_id: Option<String>,
    table: Result<Option<ActualTable>, Fault>,
    marks: Result<Vec<Mark>, Fault>,
}

impl Outside {
    fn unseen() -> Self {
        Self { topics: Ok(Vec::new()), cluster: None, topic_id: None, table: Ok(None), marks: Ok(Vec::new()) }
    }
}

async fn outside(ctx: &Context, names: &Names, adopts: bool) -> Outside {
    let asked = [names.topic.clone(), names.dead_letter_topic.clone()];
    let (mut topics, table) = tokio::join!(ctx.describe_topics(&asked), ctx.describe_table(&names.table));
    // Where the table is, the topics were; to call them gone has consequences (see `plan/ownership.rs`).
    if matches!((&topics, &table), (Ok(topics), Ok(Some(_))) if topics.len() < asked.len()) {
        topics = ctx.describe_topics_again(&asked).await;
    }
    let cluster = if topics.is_ok() { ctx.topics.cluster().await } else { None };
    let is_there = matches!(&topics, Ok(topics) if topics.iter().any(|topic| topic.name == names.topic));
    let topic_id = if is_there { ctx.topics.topic_id(&names.topic).await } else { None };
    let is_marked = matches!(&table, Ok(Some(table)) if Mark::parse(&table.comment).is_some_and(|mark| mark.topic == names.topic));
    let marks = match &topics {
        Ok(topics) if adopts && !topics.is_empty() && !is_marked => ctx.marks().await,
        Ok(_) | Err(_) => Ok(Vec::new()),
    };
    Outside { topics, cluster, topic_id, table, marks }
}

async fn children(ctx: &Context, pipeline: &AnalyticsPipeline) -> Result<Children, ApplyError> {
    let (namespace, name) = (&pipeline.namespace().unwrap_or_default(), object_name(&pipeline.name_any()));
    let (service_account, secret, config_map, deployment, pod_monitor, keda) = tokio::try_join!(
        ctx.kubernetes.get(namespace, &name),
        ctx.kubernetes.get(namespace, &name),
        ctx.kubernetes.get(namespace, &name),
        ctx.kubernetes.get(namespace, &name),
        pod_monitor(ctx, namespace, &name),
        scaling::keda(ctx, pipeline),
    )?;
    Ok(Children { service_account, secret, config_map, deployment, pod_monitor, keda })
}

/// Without the wish there may be no right to ask; where the kind is missing there is none of it either.
async fn pod_monitor(ctx: &Context, namespace: &str, name: &str) -> Result<Option<PodMonitor>, ApplyError> {
    if !ctx.settings.pod_monitors {
        return Ok(None);
    }
    match ctx.kubernetes.get(namespace, name).await {
        Err(error) if error.is_forbidden() => Ok(None),
        answer => answer,
    }
}

async fn rules(
    ctx: &Context,
    namespace: &str,
    (pipeline, standing): (&str, &Result<Standing, Fault>),
) -> Result<Vec<(String, Result<rule_check::Checked, Vec<Fault>>)>, ApplyError> {
    let mut checked = Vec::new();
    for rule in ctx.stores.rules_of(namespace, pipeline) {
        if rule.spec.suspend || rule.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let gathered = rule_gather::gather(ctx, &rule, standing).await?;
        checked.push((rule.name_any(), rule_check::check(&rule, &gathered, &ctx.settings.egress())));
    }
    Ok(checked)
}

async fn hash_key(ctx: &Context, pipeline: &AnalyticsPipeline) -> Result<Option<SecretValue>, ApplyError> {
    let Some(privacy) = &pipeline.spec.privacy else { return Ok(None) };
    let namespace = pipeline.namespace().unwrap_or_default();
    secret::read(&ctx.kubernetes, &namespace, &privacy.hash_key).await.map(Some)
}
