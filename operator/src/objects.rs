//! Objects: the three kinds as the watches last showed them, for one scope (all namespaces, or one).
//!
//! In: reflectors, filled by `controllers.rs`. Out: look-ups inside one namespace; only counting for caps crosses one.
//! An object that cannot be read as its kind stays in the store as such ([`DeserializeGuard`]): it never stops the others.

use std::fmt;
use std::sync::Arc;

use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::{Writer, WriterDropped};
use kube::runtime::reflector::{self, Lookup, ObjectRef, Store};
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Names one object, for metrics and retries.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Kind.
    pub kind: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// Names an object.
    pub fn new(kind: &'static str, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    /// Names an object by its own metadata.
    pub fn of<K: ResourceExt>(kind: &'static str, object: &K) -> Self {
        Self::new(kind, object.namespace().unwrap_or_default(), object.name_any())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Orders objects by when they were made; of two in one second, the UID decides.
pub fn age<K: ResourceExt>(object: &K) -> (Option<jiff::Timestamp>, String) {
    (object.creation_timestamp().map(|time| time.0), object.uid().unwrap_or_default())
}

/// What a look-up by name found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<K> {
    /// Nothing of that name.
    Missing,
    /// Something that cannot be read as its kind.
    Unreadable,
    /// The object.
    Object(K),
}

/// The three kinds as the watches last showed them.
#[derive(Clone)]
pub struct Stores {
    /// EventSchemas.
    pub schemas: Store<DeserializeGuard<EventSchema>>,
    /// AnalyticsPipelines.
    pub pipelines: Store<DeserializeGuard<AnalyticsPipeline>>,
    /// ForwardingRules.
    pub rules: Store<DeserializeGuard<ForwardingRule>>,
}

/// The ends of [`Stores`] that the watches fill.
pub struct Writers {
    /// EventSchemas.
    pub schemas: Writer<DeserializeGuard<EventSchema>>,
    /// AnalyticsPipelines.
    pub pipelines: Writer<DeserializeGuard<AnalyticsPipeline>>,
    /// ForwardingRules.
    pub rules: Writer<DeserializeGuard<ForwardingRule>>,
}

impl Stores {
    /// Makes empty stores.
    pub fn new() -> (Self, Writers) {
        let (schemas, schemas_writer) = reflector::store();
        let (pipelines, pipelines_writer) = reflector::store();
        let (rules, rules_writer) = reflector::store();
        let writers = Writers { schemas: schemas_writer, pipelines: pipelines_writer, rules: rules_writer };
        (Self { schemas, pipelines, rules }, writers)
    }

    /// Makes stores that hold these objects, as the apiserver gives them, and learn of nothing more.
    pub fn of((schemas, pipelines, rules): (Vec<Value>, Vec<Value>, Vec<Value>)) -> serde_json::Result<Self> {
        let (stores, mut writers) = Self::new();
        fill(&mut writers.schemas, schemas)?;
        fill(&mut writers.pipelines, pipelines)?;
        fill(&mut writers.rules, rules)?;
        Ok(stores)
    }

    /// Waits until all three kinds have been listed: what is not in a store is missing only then.
    pub async fn wait_until_listed(&self) -> Result<(), WriterDropped> {
        self.schemas.wait_until_ready().await?;
        self.pipelines.wait_until_ready().await?;
        self.rules.wait_until_ready().await
    }

    /// Looks up an EventSchema.
    pub fn schema(&self, namespace: &str, name: &str) -> Found<EventSchema> {
        find(&self.schemas, namespace, name)
    }

    /// Looks up an AnalyticsPipeline.
    pub fn pipeline(&self, namespace: &str, name: &str) -> Found<AnalyticsPipeline> {
        find(&self.pipelines, namespace, name)
    }

    /// Looks at all readable pipelines of the scope, in no order; only a tenant's caps ask beyond a namespace.
    pub fn each_pipeline<T>(&self, look: impl Fn(&AnalyticsPipeline) -> T) -> Vec<T> {
        self.pipelines.state().iter().filter_map(|guard| guard.0.as_ref().ok().map(&look)).collect()
    }

    /// Returns the readable pipelines of a namespace, by name.
    pub fn pipelines_in(&self, namespace: &str) -> Vec<AnalyticsPipeline> {
        readable_in(&self.pipelines, namespace)
    }

    /// Returns the names of all schemas of a namespace, readable or not, in order.
    pub fn schema_names_in(&self, namespace: &str) -> Vec<String> {
        let all = self.schemas.state();
        let here = all.iter().filter(|guard| Lookup::namespace(guard.as_ref()).as_deref() == Some(namespace));
        let mut names: Vec<String> = here.map(|guard| guard.name_any()).collect();
        names.sort();
        names
    }

    /// Returns the readable rules of a namespace, by name.
    pub fn rules_in(&self, namespace: &str) -> Vec<ForwardingRule> {
        readable_in(&self.rules, namespace)
    }

    /// Returns the readable rules of a namespace that name a pipeline, by name.
    pub fn rules_of(&self, namespace: &str, pipeline: &str) -> Vec<ForwardingRule> {
        let mut rules = self.rules_in(namespace);
        rules.retain(|rule| rule.spec.pipeline.name == pipeline);
        rules
    }
}

fn fill<K>(writer: &mut Writer<DeserializeGuard<K>>, objects: Vec<Value>) -> serde_json::Result<()>
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    writer.apply_watcher_event(&Event::Init);
    for object in objects {
        writer.apply_watcher_event(&Event::InitApply(serde_json::from_value(object)?));
    }
    writer.apply_watcher_event(&Event::InitDone);
    Ok(())
}

fn find<K>(store: &Store<DeserializeGuard<K>>, namespace: &str, name: &str) -> Found<K>
where
    K: Clone + kube::Resource<DynamicType = ()> + 'static,
{
    let reference = ObjectRef::<DeserializeGuard<K>>::new(name).within(namespace);
    let Some(guard) = store.get(&reference) else { return Found::Missing };
    match &guard.0 {
        Err(_) => Found::Unreadable,
        Ok(object) => Found::Object(object.clone()),
    }
}

fn readable_in<K>(store: &Store<DeserializeGuard<K>>, namespace: &str) -> Vec<K>
where
    K: Clone + kube::Resource<DynamicType = ()> + 'static,
{
    let mut objects: Vec<K> = store
        .state()
        .iter()
        .filter(|guard| Lookup::namespace(guard.as_ref()).as_deref() == Some(namespace))
        .filter_map(|guard: &Arc<DeserializeGuard<K>>| guard.0.as_ref().ok().cloned())
        .collect();
    // A store gives its objects in no order; what is built from them must not depend on it.
    objects.sort_by_key(ResourceExt::name_any);
    objects
}
