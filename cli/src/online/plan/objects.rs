//! Objects: the three kinds of some namespaces, as the apiserver gives them.
//!
//! In: the apiserver, namespaces. Out: values by kind and name, which become the operator's stores and typed objects.
//! Not here: what a file makes of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use kube::{Client, Resource};
use operator::objects::Stores;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::dry_run::code;
use crate::plan::Known;
use crate::world::object::{API_VERSION, Kind, Name};

/// The three kinds of some namespaces.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects(BTreeMap<Kind, BTreeMap<Name, Value>>);

impl Objects {
    /// Lists what is there. Without all of it nothing can be planned: who may not list it is told so.
    pub(super) async fn list(client: &Client, namespaces: &BTreeSet<String>) -> Result<Self> {
        let mut objects = Self::default();
        for namespace in namespaces {
            for kind in Kind::ALL {
                let listed = list(client, kind, Some(namespace)).await?;
                listed.into_iter().for_each(|object| objects.put(kind, object));
            }
        }
        Ok(objects)
    }

    /// Puts an object there, or another in its place.
    pub(super) fn put(&mut self, kind: Kind, object: Value) {
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let name = Name { namespace: text("namespace"), name: text("name") };
        self.0.entry(kind).or_default().insert(name, object);
    }

    /// Returns an object.
    pub(super) fn get(&self, kind: Kind, name: &Name) -> Option<&Value> {
        self.0.get(&kind)?.get(name)
    }

    /// Goes through all of a kind, by name.
    pub(super) fn each(&self, kind: Kind) -> impl Iterator<Item = (&Name, &Value)> {
        self.0.get(&kind).into_iter().flatten()
    }

    /// Goes through all of them, each with the path at which the apiserver has it.
    pub(super) fn by_path(&self) -> impl Iterator<Item = (String, &Value)> {
        self.0.iter().flat_map(|(kind, objects)| objects.iter().map(|(name, it)| (path(*kind, name), it)))
    }

    /// Reads all of a kind; none in the place of one that cannot be read as its kind.
    pub(super) fn typed<K: DeserializeOwned>(&self, kind: Kind) -> Known<K> {
        let read = |value: &Value| serde_json::from_value(value.clone()).ok();
        self.each(kind).map(|(name, value)| (name.clone(), read(value))).collect()
    }

    /// Makes the operator's stores of them, with pipelines of other namespaces beside them, which caps count.
    pub(super) fn stores(&self, elsewhere: &[Value]) -> Result<Stores> {
        let all = |kind| self.each(kind).map(|(_, value)| value.clone()).collect::<Vec<_>>();
        let mut pipelines = all(Kind::AnalyticsPipeline);
        pipelines.extend_from_slice(elsewhere);
        Ok(Stores::of((all(Kind::EventSchema), pipelines, all(Kind::ForwardingRule)))?)
    }
}

/// Lists a kind, in one namespace or in all.
pub(super) async fn list(client: &Client, kind: Kind, namespace: Option<&str>) -> Result<Vec<Value>> {
    let (plural, within) =
        (plural(kind), namespace.map(|it| format!("/namespaces/{it}")).unwrap_or_default());
    let request = http::Request::get(format!("/apis/{API_VERSION}{within}/{plural}")).body(Vec::new())?;
    let place = namespace.map_or_else(|| "all namespaces".to_owned(), |it| format!("namespace `{it}`"));
    let mut list: Value = match client.request(request).await {
        Ok(list) => list,
        Err(error) if code(&error) == Some(403) => {
            bail!(
                "you may not `list` {plural} of tributary.dev in {place}; the role `view` there has that right"
            )
        }
        Err(error) if code(&error) == Some(404) => {
            bail!("the cluster does not know {plural} of tributary.dev; is Tributary installed?")
        }
        Err(error) => return Err(error).with_context(|| format!("failed to list {plural} in {place}")),
    };
    let mut items = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    for item in &mut items {
        item["apiVersion"] = json!(API_VERSION);
        item["kind"] = json!(kind.to_string());
    }
    Ok(items)
}

/// Returns the word for a kind in paths and rights.
pub(super) fn plural(kind: Kind) -> Cow<'static, str> {
    match kind {
        Kind::EventSchema => EventSchema::plural(&()),
        Kind::AnalyticsPipeline => AnalyticsPipeline::plural(&()),
        Kind::ForwardingRule => ForwardingRule::plural(&()),
    }
}

/// Returns the path of an object at the apiserver.
pub(super) fn path(kind: Kind, Name { namespace, name }: &Name) -> String {
    format!("/apis/{API_VERSION}/namespaces/{namespace}/{}/{name}", plural(kind))
}
