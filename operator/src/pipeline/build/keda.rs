//! KEDA: the ScaledObject that lets KEDA decide how many pods a stream has, where the cluster has KEDA.
//!
//! In: the plan, the properties of the connection to Kafka. Out: a ScaledObject, and a TriggerAuthentication that names the keys of
//! the processor's own Secret. The bounds, steps and waiting times are those of `pipeline/scaling.rs`, in KEDA's words.
//! A connection that KEDA has no words for (`ssl.ca.location`, OAUTHBEARER) is none of KEDA's: the operator decides by itself then.
//! Not here: values of secrets. The kinds are KEDA's; only what is written here is known of them.

pub mod kinds;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{metadata, object_name};
use crate::pipeline::plan::Plan;
use crate::pipeline::scaling::Rule;
use kinds::{ScaledObject, TriggerAuthentication};

/// How often KEDA asks for the lag, seconds.
const POLLING_INTERVAL: u64 = 15;
/// Between two steps, seconds.
const OUT_PERIOD: u64 = 30;
const IN_PERIOD: u64 = 60;
/// Files of the connection, and what KEDA calls them.
const PARAMETERS: [(&str, &str); 5] = [
    ("sasl.username", "username"),
    ("sasl.password", "password"),
    ("ssl.ca.pem", "ca"),
    ("ssl.certificate.pem", "cert"),
    ("ssl.key.pem", "key"),
];

/// What KEDA is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The bounds.
    pub rule: Rule,
    /// Brokers.
    pub bootstrap: String,
    /// Topic.
    pub topic: String,
    /// Consumer group.
    pub group: String,
    /// How it reaches Kafka.
    pub reach: Reach,
}

/// How KEDA reaches Kafka.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What stands in the trigger.
    pub metadata: BTreeMap<String, String>,
    /// KEDA's parameters, and the keys of the Secret that hold them.
    pub parameters: BTreeMap<String, String>,
}

/// Says in KEDA's words how Kafka is reached; nothing where it has none. `files` are those of the connection.
pub fn reach(properties: &BTreeMap<String, String>, files: &BTreeMap<String, Vec<u8>>) -> Option<Reach> {
    let secrets = files.iter().filter_map(|(name, bytes)| {
        let text = String::from_utf8_lossy(bytes).trim_end().to_owned();
        Some((name.strip_prefix("kafka.")?.to_owned(), text))
    });
    let secrets: BTreeMap<String, String> = secrets.collect();
    let word =
        |property: &str| secrets.get(property).or(properties.get(property)).map(|it| it.to_lowercase());
    let protocol = word("security.protocol").unwrap_or_else(|| "plaintext".into());
    let (has_tls, has_sasl) = match protocol.as_str() {
        "plaintext" => (false, false),
        "ssl" => (true, false),
        "sasl_plaintext" => (false, true),
        "sasl_ssl" => (true, true),
        _ => return None,
    };
    let mut reach = Reach::default();
    let mechanism = word("sasl.mechanism").or_else(|| word("sasl.mechanisms"));
    if has_sasl {
        let sasl = match mechanism?.as_str() {
            "plain" => "plaintext",
            "scram-sha-256" => "scram_sha256",
            "scram-sha-512" => "scram_sha512",
            _ => return None,
        };
        reach.metadata.insert("sasl".into(), sasl.into());
    }
    if has_tls {
        reach.metadata.insert("tls".into(), "enable".into());
    }
    let is_used = |property: &str| match property.split_once('.') {
        Some(("sasl", rest)) => has_sasl && !matches!(rest, "mechanism" | "mechanisms"),
        Some(("ssl", _)) => has_tls,
        _ => false,
    };
    for property in properties.keys().chain(secrets.keys()).filter(|property| is_used(property)) {
        let (_, parameter) = PARAMETERS.iter().find(|(known, _)| known == property)?;
        // KEDA takes these from a Secret and nowhere else.
        secrets.get(property)?;
        reach.parameters.insert((*parameter).into(), format!("kafka.{property}"));
    }
    Some(reach)
}

/// Builds the ScaledObject, where KEDA is to decide.
pub(super) fn scaled_object(plan: &Plan) -> Option<ScaledObject> {
    let wanted = plan.pods.keda.as_ref()?;
    let name = object_name(&plan.name);
    let policy =
        |kind: &str, value: u64, period: u64| json!({"type": kind, "value": value, "periodSeconds": period});
    let behavior = json!({
        "scaleUp": {"policies": [policy("Percent", 100, OUT_PERIOD)]},
        "scaleDown": {
            "stabilizationWindowSeconds": wanted.rule.scale_in_after.as_secs(),
            "policies": [policy("Percent", 50, IN_PERIOD)],
        },
    });
    let spec = json!({
        "scaleTargetRef": {"name": name},
        "minReplicaCount": wanted.rule.min,
        "maxReplicaCount": wanted.rule.max,
        "pollingInterval": POLLING_INTERVAL,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
        "triggers": [trigger(wanted, &name)],
    });
    Some(ScaledObject { metadata: metadata(plan), spec })
}

fn trigger(wanted: &Wanted, name: &str) -> Value {
    let mut metadata = BTreeMap::from([
        ("bootstrapServers".to_owned(), wanted.bootstrap.clone()),
        ("consumerGroup".to_owned(), wanted.group.clone()),
        ("topic".to_owned(), wanted.topic.clone()),
        ("lagThreshold".to_owned(), wanted.rule.target_lag.to_string()),
        ("offsetResetPolicy".to_owned(), "earliest".to_owned()),
    ]);
    metadata.extend(wanted.reach.metadata.clone());
    let mut trigger = json!({"type": "kafka", "metadata": metadata});
    if !wanted.reach.parameters.is_empty() {
        trigger["authenticationRef"] = json!({"name": name});
    }
    trigger
}

/// Builds the TriggerAuthentication, where KEDA is to decide and needs secrets for it.
pub(super) fn trigger_authentication(plan: &Plan) -> Option<TriggerAuthentication> {
    let parameters = &plan.pods.keda.as_ref()?.reach.parameters;
    let name = object_name(&plan.name);
    let reference =
        |(parameter, key): (&String, &String)| json!({"parameter": parameter, "name": name, "key": key});
    let spec = json!({"secretTargetRef": parameters.iter().map(reference).collect::<Vec<_>>()});
    (!parameters.is_empty()).then(|| TriggerAuthentication { metadata: metadata(plan), spec })
}

#[cfg(test)]
mod tests;
