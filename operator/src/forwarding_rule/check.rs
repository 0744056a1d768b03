//! Check: whether a ForwardingRule can be passed to a processor. Pure, and all that is wrong is told at once.
//!
//! In: the rule and what was gathered. Out: [`Checked`], or the faults.
//! Not here: whether the destination answers; the processor finds that out, and `status.rs` tells it.

use std::time::Duration;

use crds::ForwardingRule;
use crds::conditions::{ConditionType, Reason};
use crds::expression::Expression;
use crds::forwarding_rule::{DestinationType, KafkaDestination, WebhookDestination};
use crds::quantities::parse_duration;
use crds::schema::field::Field;
use crds::shared::SecretKeyReference;
use crds::signing_secret::{self, SigningSecretError};
use crds::stream_config::{EgressConfig, RuleConfig, WebhookConfig};
use kube::ResourceExt;

use crate::destination_url;
use crate::event_schema::in_force::{self, InForce};
use crate::fault::{Cure, Fault};
use crate::forwarding_rule::circle;
use crate::forwarding_rule::gather::Gathered;
use crate::objects::Found;
use crate::pipeline::claims;
use crate::secret::{SecretValue, value_of};
use crate::tenants::Standing;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A rule that can be passed to a processor.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What the processor is told.
    pub config: RuleConfig,
    /// The Secret that the pod mounts. The processor reads it for every delivery: a new value needs no new pod.
    pub secret: Option<SecretKeyReference>,
}

/// Checks a rule.
pub fn check(
    rule: &ForwardingRule,
    gathered: &Gathered,
    egress: &EgressConfig,
) -> Result<Checked, Vec<Fault>> {
    let standing = gathered.standing.as_ref().map_err(|fault| vec![fault.clone()])?;
    let mut faults = check_source(rule, gathered);
    let namespace = rule.namespace().unwrap_or_default();
    let destination = &rule.spec.destination;
    let mut config = RuleConfig {
        name: rule.name_any(),
        uid: rule.uid().unwrap_or_default(),
        generation: rule.metadata.generation.unwrap_or_default(),
        events: rule.spec.events.clone(),
        when: rule.spec.when.clone(),
        start: rule.spec.start,
        kind: destination.kind,
        webhook: None,
        topic: None,
    };
    let mut secret = None;
    match (destination.kind, &destination.webhook, &destination.kafka) {
        (DestinationType::Webhook, Some(webhook), _) => {
            let checked = check_webhook(webhook, egress, standing);
            config.webhook = checked.map_err(|mut more| faults.append(&mut more)).ok();
            match check_secret(webhook, gathered.secret.as_ref(), &namespace) {
                Ok(()) => secret = Some(webhook.secret_ref.clone()),
                Err(fault) => faults.push(fault),
            }
        }
        (DestinationType::Kafka, _, Some(kafka)) => {
            faults.extend(check_topic(kafka, rule, gathered, (&namespace, standing)));
            config.topic = Some(standing.topic(&kafka.topic));
        }
        (DestinationType::Webhook, None, _) => {
            faults.push(Fault::spec("`spec.destination.webhook` must be set for type Webhook"))
        }
        (DestinationType::Kafka, _, None) => {
            faults.push(Fault::spec("`spec.destination.kafka` must be set for type Kafka"))
        }
    }
    if faults.is_empty() { Ok(Checked { config, secret }) } else { Err(faults) }
}

/// Checks pipeline, events and `when`.
fn check_source(rule: &ForwardingRule, gathered: &Gathered) -> Vec<Fault> {
    let name = &rule.spec.pipeline.name;
    let waits = |message| vec![Fault::dependency(Reason::DependencyNotReady, message)];
    match &gathered.pipeline {
        Found::Missing => {
            return waits(format!("AnalyticsPipeline `{name}` does not exist in this namespace; apply it"));
        }
        Found::Unreadable => {
            return waits(format!("AnalyticsPipeline `{name}` cannot be read; see its status"));
        }
        Found::Object(_) => {}
    }
    let schemas = match in_force::in_force(&gathered.schemas) {
        Ok(schemas) => schemas,
        Err(faults) => {
            let messages: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
            return waits(format!(
                "the schemas of AnalyticsPipeline `{name}` are not ready: {}",
                messages.join("; ")
            ));
        }
    };
    let mut faults = Vec::new();
    for event in &rule.spec.events {
        if !schemas.iter().any(|schema| schema.schema.event == *event) {
            faults.push(Fault::spec(unknown_event(event, name, &schemas)));
        }
    }
    if let Some(when) = &rule.spec.when {
        let chosen = schemas
            .iter()
            .filter(|schema| rule.spec.events.is_empty() || rule.spec.events.contains(&schema.schema.event));
        let fields: Vec<&Field> = chosen.flat_map(|schema| &schema.schema.fields).collect();
        if let Err(problem) = Expression::parse(when, &distinct(&fields)) {
            faults.push(Fault::spec(format!("`spec.when`: {}", problem.message)));
        }
    }
    faults
}

/// Two events that share a field give it one type in one table; one of them stands for both.
fn distinct<'a>(fields: &[&'a Field]) -> Vec<&'a Field> {
    let mut distinct: Vec<&Field> = Vec::new();
    for field in fields {
        if !distinct.iter().any(|known| known.path == field.path) {
            distinct.push(field);
        }
    }
    distinct
}

fn unknown_event(event: &str, pipeline: &str, schemas: &[InForce]) -> String {
    let alias_of =
        schemas.iter().find(|schema| schema.schema.event_aliases.iter().any(|alias| alias == event));
    match alias_of {
        Some(schema) => format!(
            "`spec.events`: `{event}` is an alias; name the event type `{}` instead",
            schema.schema.event
        ),
        None => {
            let known: Vec<_> = schemas.iter().map(|schema| format!("`{}`", schema.schema.event)).collect();
            format!(
                "`spec.events`: no schema of AnalyticsPipeline `{pipeline}` describes `{event}`; it has {}",
                known.join(", ")
            )
        }
    }
}

fn check_webhook(
    webhook: &WebhookDestination,
    egress: &EgressConfig,
    standing: &Standing,
) -> Result<WebhookConfig, Vec<Fault>> {
    let mut faults = Vec::new();
    let hosts = standing.destination_hosts.as_deref();
    let checked = destination_url::check(&webhook.url, egress);
    if let Err(rule) = checked.and_then(|()| destination_url::check_host(&webhook.url, hosts)) {
        let message = format!("`spec.destination.webhook.url`: {rule}");
        faults.push(Fault::new(
            ConditionType::DestinationReachable,
            Reason::DestinationForbidden,
            Cure::Change,
            message,
        ));
    }
    let timeout = parse_duration(&webhook.timeout)
        .ok()
        .filter(|timeout| !timeout.is_zero() && *timeout <= LONGEST_TIMEOUT);
    let max_in_flight = usize::try_from(webhook.max_in_flight).ok().filter(|n| (1..=256).contains(n));
    if timeout.is_none() {
        faults.push(Fault::spec(format!(
            "`spec.destination.webhook.timeout`: `{}` must be a duration between 1ms and 30s",
            webhook.timeout
        )));
    }
    if max_in_flight.is_none() {
        faults.push(Fault::spec("`spec.destination.webhook.maxInFlight` must be between 1 and 256"));
    }
    match (timeout, max_in_flight) {
        (Some(timeout), Some(max_in_flight)) if faults.is_empty() => Ok(WebhookConfig {
            url: webhook.url.clone(),
            timeout_milliseconds: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            max_in_flight,
        }),
        _ => Err(faults),
    }
}

fn check_secret(
    webhook: &WebhookDestination,
    secret: Option<&SecretValue>,
    namespace: &str,
) -> Result<(), Fault> {
    let reference = &webhook.secret_ref;
    let secret = secret.unwrap_or(&SecretValue::NoSecret);
    let value = value_of(secret, namespace, reference, "whsec_$(head -c 32 /dev/urandom | base64 -w0)")?;
    match std::str::from_utf8(value).map_err(|_| SigningSecretError).and_then(signing_secret::parse) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault::dependency(
            Reason::SecretKeyMissing,
            format!("key `{}` of Secret `{}`: {error}", reference.key, reference.name),
        )),
    }
}

fn check_topic(
    kafka: &KafkaDestination,
    rule: &ForwardingRule,
    gathered: &Gathered,
    (namespace, standing): (&str, &Standing),
) -> Option<Fault> {
    let topic = &kafka.topic;
    let about =
        |reason, cure, message| Some(Fault::new(ConditionType::DestinationReachable, reason, cure, message));
    if !topic.starts_with(&format!("{namespace}.")) {
        let message = format!(
            "`spec.destination.kafka.topic`: `{topic}` must begin with `{namespace}.`, the namespace"
        );
        return about(Reason::DestinationForbidden, Cure::Change, message);
    }
    if let Some(prefix) = standing.reserved_prefix(&standing.topic(topic)) {
        let message = format!(
            "`spec.destination.kafka.topic`: `{topic}` begins with `{prefix}`, which the platform team keeps for others; name another topic"
        );
        return about(Reason::DestinationForbidden, Cure::Change, message);
    }
    if let Found::Object(pipeline) = &gathered.pipeline
        && claims::topic(pipeline) == *topic
    {
        let message = format!(
            "`spec.destination.kafka.topic`: `{topic}` belongs to the pipeline itself; events would go round in a circle"
        );
        return about(Reason::DestinationForbidden, Cure::Change, message);
    }
    if let Some(other) = gathered.pipelines.iter().find(|other| claims::dead_letter_topic(other) == *topic) {
        let message = format!(
            "`spec.destination.kafka.topic`: `{topic}` keeps the dead letters of AnalyticsPipeline `{}`; name another topic",
            other.name_any()
        );
        return about(Reason::DestinationForbidden, Cure::Change, message);
    }
    if let Some(way) = circle::closed_by(rule, &gathered.rules, &gathered.pipelines) {
        let message = format!(
            "`spec.destination.kafka.topic`: events would go round in a circle, {}; name another topic, or take an older rule of the circle away",
            way.join(" > ")
        );
        return about(Reason::DestinationForbidden, Cure::Change, message);
    }
    match &gathered.has_topic {
        Some(Ok(true)) => None,
        Some(Ok(false)) | None => {
            let message = format!(
                "topic `{topic}` does not exist; create it, or let an AnalyticsPipeline of this namespace make it"
            );
            about(Reason::DependencyNotReady, Cure::Dependency, message)
        }
        Some(Err(fault)) => Some(fault.clone()),
    }
}

#[cfg(test)]
mod tests;
