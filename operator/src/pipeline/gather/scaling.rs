//! What the number of pods is decided by: the lag of the stream's group, or KEDA.
//!
//! In: the pipeline, its topic and group, what the apiserver knows of KEDA. Out: [`Observed`] and [`Keda`].
//! A pipeline whose pods never followed its lag is not asked for any of it.
//! Not here: any decision.

use std::collections::BTreeMap;

use crds::AnalyticsPipeline;
use crds::conditions::ConditionType;
use jiff::Timestamp;
use kube::ResourceExt;
use tracing::warn;

use crate::context::{Context, kafka_fault};
use crate::fault::Fault;
use crate::kafka::topic::Topic;
use crate::kubernetes::{ApplyError, Child};
use crate::objects::Key;
use crate::pipeline::KIND;
use crate::pipeline::build::keda::kinds::{ScaledObject, TriggerAuthentication};
use crate::pipeline::build::keda::{Reach, reach};
use crate::pipeline::build::object_name;
use crate::pipeline::claims::{self, Names};
use crate::pipeline::scaling::Memory;
use crate::report::Chain;
use crate::status::find;

/// What the number of pods is decided by, where it follows the lag.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Who decides.
    pub decider: Decider,
    /// What was remembered.
    pub memory: Memory,
    /// The time.
    pub now: Timestamp,
}

/// Who decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Decider {
    /// KEDA, which reaches Kafka so.
    Keda(Reach),
    /// The operator, by this lag.
    Lag(Result<i64, Fault>),
}

/// KEDA, and what the pipeline has of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keda {
    /// Whether the cluster has it.
    pub is_there: bool,
    /// What KEDA scales.
    pub scaled_object: Option<ScaledObject>,
    /// The Secrets that KEDA needs.
    pub trigger_authentication: Option<TriggerAuthentication>,
}

/// Returns whether the pods follow the lag now.
pub fn is_on(pipeline: &AnalyticsPipeline) -> bool {
    pipeline.spec.processor.autoscaling.is_some() && !pipeline.spec.suspend
}

/// Returns whether the pods followed the lag once, and something of KEDA's may be left.
pub fn was_on(pipeline: &AnalyticsPipeline) -> bool {
    let conditions = pipeline.status.as_ref().map(|status| status.conditions.as_slice());
    find(conditions.unwrap_or_default(), ConditionType::ScalingActive).is_some()
}

/// Looks for KEDA.
pub(super) async fn keda(ctx: &Context, pipeline: &AnalyticsPipeline) -> Result<Keda, ApplyError> {
    let asks = pipeline.spec.processor.autoscaling.is_some() || was_on(pipeline);
    if !ctx.settings.keda || !asks || !ctx.kubernetes.serves::<ScaledObject>().await? {
        return Ok(Keda::default());
    }
    let (scaled_object, trigger_authentication) =
        tokio::try_join!(child(ctx, pipeline), child(ctx, pipeline))?;
    Ok(match (scaled_object, trigger_authentication) {
        (Some(scaled_object), Some(trigger_authentication)) => {
            Keda { is_there: true, scaled_object, trigger_authentication }
        }
        _ => Keda::default(),
    })
}

/// Reads one of KEDA's objects; nothing at all without the right to: KEDA is as good as not there then, and the log says so.
async fn child<K: Child>(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
) -> Result<Option<Option<K>>, ApplyError> {
    let (namespace, name) = (pipeline.namespace().unwrap_or_default(), object_name(&pipeline.name_any()));
    match ctx.kubernetes.get(&namespace, &name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_forbidden() => {
            warn!(error = %Chain(&error), "KEDA is there, and the operator may not use it");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Finds who decides, and asks for the lag where it is the operator.
pub(super) async fn observe(
    ctx: &Context,
    pipeline: &AnalyticsPipeline,
    names: &Names,
    (topics, connection, keda): (&[Topic], &BTreeMap<String, Vec<u8>>, &Keda),
) -> Observed {
    let by_keda = || reach(&ctx.settings.kafka_properties(), connection);
    let decider = match keda.is_there.then(by_keda).flatten() {
        Some(reach) => Decider::Keda(reach),
        None => Decider::Lag(lag(ctx, topics, (&names.topic, &claims::group(pipeline))).await),
    };
    let memory = ctx.memories.of(&Key::of(KIND, pipeline));
    Observed { decider, memory, now: (ctx.clock)() }
}

/// A topic that is not there yet has nothing that waits.
async fn lag(ctx: &Context, topics: &[Topic], (name, group): (&str, &str)) -> Result<i64, Fault> {
    let Some(topic) = topics.iter().find(|topic| topic.name == name) else { return Ok(0) };
    let asked = ctx.topics.lag(topic, group).await;
    asked.map_err(|error| Fault { about: ConditionType::ScalingActive, ..kafka_fault(&error) })
}
