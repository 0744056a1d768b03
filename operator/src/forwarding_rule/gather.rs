//! Gather: what a ForwardingRule is judged by.
//!
//! In: the stores, one Secret by `get`, and whether a topic exists. Out: [`Gathered`]; nothing is decided here.

use crds::forwarding_rule::DestinationType;
use crds::{AnalyticsPipeline, ForwardingRule};
use kube::ResourceExt;

use crate::context::Context;
use crate::event_schema::in_force::{self, Named};
use crate::fault::Fault;
use crate::kubernetes::ApplyError;
use crate::objects::Found;
use crate::processors::{self, Processor};
use crate::secret::{self, SecretValue};
use crate::tenants::Standing;

/// What a ForwardingRule is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// What the platform team lets the namespace do.
    pub standing: Result<Standing, Fault>,
    /// The pipeline it names.
    pub pipeline: Found<AnalyticsPipeline>,
    /// The schemas of that pipeline.
    pub schemas: Named,
    /// The signing secret, where the destination is a webhook.
    pub secret: Option<SecretValue>,
    /// The pipelines of the namespace.
    pub pipelines: Vec<AnalyticsPipeline>,
    /// The rules of the namespace.
    pub rules: Vec<ForwardingRule>,
    /// Whether the topic exists, where the destination is one.
    pub has_topic: Option<Result<bool, Fault>>,
}

/// Reads what a ForwardingRule is judged by.
pub async fn gather(
    ctx: &Context,
    rule: &ForwardingRule,
    standing: &Result<Standing, Fault>,
) -> Result<Gathered, ApplyError> {
    let namespace = rule.namespace().unwrap_or_default();
    let pipeline = ctx.stores.pipeline(&namespace, &rule.spec.pipeline.name);
    let schemas = match &pipeline {
        Found::Object(pipeline) => in_force::look_up(&ctx.stores, &namespace, &pipeline.spec.schemas),
        Found::Missing | Found::Unreadable => Named::new(),
    };
    let destination = &rule.spec.destination;
    let secret = match (destination.kind, &destination.webhook) {
        (DestinationType::Webhook, Some(webhook)) => {
            Some(secret::read(&ctx.kubernetes, &namespace, &webhook.secret_ref).await?)
        }
        (DestinationType::Webhook, None) | (DestinationType::Kafka, _) => None,
    };
    let has_topic = match (destination.kind, &destination.kafka, standing) {
        // A topic of another namespace is refused without a look, so that nobody learns what others have.
        (DestinationType::Kafka, Some(kafka), Ok(standing))
            if kafka.topic.starts_with(&format!("{namespace}."))
                && standing.reserved_prefix(&standing.topic(&kafka.topic)).is_none() =>
        {
            Some(ctx.has_topic(&standing.topic(&kafka.topic)).await)
        }
        (DestinationType::Kafka | DestinationType::Webhook, ..) => None,
    };
    let (pipelines, rules) = (ctx.stores.pipelines_in(&namespace), ctx.stores.rules_in(&namespace));
    let standing = standing.clone();
    Ok(Gathered { standing, pipeline, schemas, secret, pipelines, rules, has_topic })
}

/// Asks the processors of the rule's pipeline.
pub async fn processors(ctx: &Context, rule: &ForwardingRule) -> Result<Vec<Processor>, ApplyError> {
    let namespace = rule.namespace().unwrap_or_default();
    processors::observe(&ctx.kubernetes, ctx.reports.as_ref(), &namespace, &rule.spec.pipeline.name).await
}
