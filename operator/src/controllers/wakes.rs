//! Wakes: which watched object wakes which. Pure.
//!
//! In: an object that appeared, changed or went, and the stores. Out: the objects that are looked at because of it.
//!
//! ```text
//! EventSchema       ──▶ itself, the pipelines that name it, the rules of those
//! AnalyticsPipeline ──▶ itself, its rules, the schemas of its namespace (they count their users),
//!                       the pipelines that ask for the same topic
//! ForwardingRule    ──▶ itself, its pipeline
//! Deployment, ConfigMap, ServiceAccount ──▶ the pipeline that owns it
//! ```
//!
//! Nothing wakes across namespaces. Secrets of users are not watched: who waits for one looks every few seconds.

use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use kube::ResourceExt;
use kube::api::ObjectMeta;
use kube::core::DeserializeGuard;

use crate::objects::{Key, Stores};
use crate::pipeline::claims;
use crate::{event_schema, forwarding_rule, pipeline};

/// Returns what an EventSchema wakes.
pub fn by_schema(stores: &Stores, schema: &DeserializeGuard<EventSchema>) -> Vec<Key> {
    let (namespace, name) = (schema.namespace().unwrap_or_default(), schema.name_any());
    let mut wakes = vec![Key::new(event_schema::KIND, &namespace, &name)];
    for user in stores.pipelines_in(&namespace) {
        if user.spec.schemas.iter().any(|reference| reference.name == name) {
            wakes.push(Key::of(pipeline::KIND, &user));
            wakes.extend(rules_of(stores, &namespace, &user.name_any()));
        }
    }
    wakes
}

/// Returns what an AnalyticsPipeline wakes.
pub fn by_pipeline(stores: &Stores, changed: &DeserializeGuard<AnalyticsPipeline>) -> Vec<Key> {
    let (namespace, name) = (changed.namespace().unwrap_or_default(), changed.name_any());
    let mut wakes = vec![Key::new(pipeline::KIND, &namespace, &name)];
    wakes.extend(rules_of(stores, &namespace, &name));
    wakes.extend(
        stores
            .schema_names_in(&namespace)
            .into_iter()
            .map(|name| Key::new(event_schema::KIND, &namespace, name)),
    );
    if let Ok(changed) = &changed.0 {
        let rivals = stores.pipelines_in(&namespace).into_iter();
        let rivals = rivals.filter(|other| other.name_any() != name && claims::overlap(changed, other));
        wakes.extend(rivals.map(|other| Key::of(pipeline::KIND, &other)));
    }
    wakes
}

/// Returns what a ForwardingRule wakes.
pub fn by_rule(rule: &DeserializeGuard<ForwardingRule>) -> Vec<Key> {
    let namespace = rule.namespace().unwrap_or_default();
    let mut wakes = vec![Key::new(forwarding_rule::KIND, &namespace, rule.name_any())];
    if let Ok(rule) = &rule.0 {
        wakes.push(Key::new(pipeline::KIND, &namespace, &rule.spec.pipeline.name));
    }
    wakes
}

/// Returns the pipeline that owns an object.
pub fn by_child(metadata: &ObjectMeta) -> Option<Key> {
    let owners = metadata.owner_references.as_ref()?;
    let owner = owners
        .iter()
        .find(|owner| owner.kind == pipeline::KIND && owner.api_version.starts_with("tributary.dev/"))?;
    Some(Key::new(pipeline::KIND, metadata.namespace.clone().unwrap_or_default(), &owner.name))
}

fn rules_of(stores: &Stores, namespace: &str, pipeline: &str) -> Vec<Key> {
    stores.rules_of(namespace, pipeline).iter().map(|rule| Key::of(forwarding_rule::KIND, rule)).collect()
}

#[cfg(test)]
mod tests;
