//! World: what would stand in a cluster after the documents were applied, one after the other.
//!
//! In: [`Document`]s, in order. Out: the objects as the apiserver would hold them, the schemas as the operator would accept
//! them, and every [`Finding`] that one object alone gives. What objects say of each other is found in `across.rs`.
//! An object that comes twice is a change of the first: the rules on changes and the evolution of schemas are asked.
//! Not here: a clock. An object is as old as its place among the documents says.

pub mod across;
pub mod object;
pub(crate) mod secrets;

use std::collections::BTreeMap;
use std::rc::Rc;

use crds::admission::judge::{Judge, NoSchema};
use crds::conditions::Reason;
use crds::definition::definitions;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use operator::event_schema::{check, status};
use operator::settings::Settings;
use serde_json::Value;

use crate::arguments::Manifests;
use crate::documents::Document;
use crate::finding::Finding;
use object::{Asked, Header, Held, Kind, Name, ask};

/// What would stand in a cluster.
#[derive(Debug)]
pub struct World {
    /// What the platform team decides, as far as it is known here.
    pub settings: Settings,
    /// EventSchemas.
    pub schemas: BTreeMap<Name, Held<EventSchema>>,
    /// AnalyticsPipelines.
    pub pipelines: BTreeMap<Name, Held<AnalyticsPipeline>>,
    /// ForwardingRules.
    pub rules: BTreeMap<Name, Held<ForwardingRule>>,
    /// Topics and tables that are there already, by pipeline.
    pub live: BTreeMap<Name, across::Live>,
    secrets: BTreeMap<Name, BTreeMap<String, Vec<u8>>>,
    judges: BTreeMap<Kind, Judge>,
    namespace: String,
    n_applied: usize,
    /// Documents of kinds that are not ours.
    pub n_skipped: usize,
}

/// The world cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// A definition cannot be used.
    #[error(transparent)]
    Definition(#[from] NoSchema),
}

impl World {
    /// Begins with an empty cluster.
    ///
    /// # Errors
    /// When the arguments cannot be used.
    pub fn new(manifests: &Manifests) -> Result<Self, WorldError> {
        let mut judges = BTreeMap::new();
        for definition in definitions() {
            if let Some(kind) = Kind::of(&definition.spec.names.kind) {
                judges.insert(kind, Judge::new(&definition)?);
            }
        }
        Ok(Self {
            settings: settings(manifests)?,
            schemas: BTreeMap::new(),
            pipelines: BTreeMap::new(),
            rules: BTreeMap::new(),
            live: BTreeMap::new(),
            secrets: BTreeMap::new(),
            judges,
            namespace: manifests.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            n_applied: 0,
            n_skipped: 0,
        })
    }

    /// Returns how many objects of our kinds there are.
    #[must_use]
    pub fn n_objects(&self) -> usize {
        self.schemas.len() + self.pipelines.len() + self.rules.len()
    }

    /// Returns how many documents were applied.
    #[must_use]
    pub fn n_applied(&self) -> usize {
        self.n_applied
    }

    /// Takes the objects away that no document wrote after the first `n`.
    pub fn forget_unwritten(&mut self, n: usize) {
        self.schemas.retain(|_, held| held.written > n);
        self.pipelines.retain(|_, held| held.written > n);
        self.rules.retain(|_, held| held.written > n);
    }

    /// Applies documents in their order; returns what is wrong with each by itself.
    pub fn apply(&mut self, documents: Vec<Document>) -> Vec<Finding> {
        documents.into_iter().flat_map(|document| self.apply_one(document)).collect()
    }

    fn apply_one(&mut self, document: Document) -> Vec<Finding> {
        self.n_applied += 1;
        match ask(&document.value, &self.namespace) {
            Asked::Ours(header) => match header.kind {
                Kind::EventSchema => self.apply_schema(document, &header),
                Kind::AnalyticsPipeline => {
                    let before = self.pipelines.remove(&header.name);
                    let (held, findings) = self.take(document, &header, before);
                    self.pipelines.insert(header.name, held);
                    findings
                }
                Kind::ForwardingRule => {
                    let before = self.rules.remove(&header.name);
                    let (held, findings) = self.take(document, &header, before);
                    self.rules.insert(header.name, held);
                    findings
                }
            },
            Asked::Secret(name) => {
                self.secrets.insert(name, secrets::read(&document.value));
                self.n_skipped += 1;
                Vec::new()
            }
            Asked::Other => {
                self.n_skipped += 1;
                Vec::new()
            }
            Asked::Broken { object, path, message } => {
                vec![Finding::new(&document, &object, path, (Reason::Unreadable, message))]
            }
        }
    }

    fn apply_schema(&mut self, document: Document, header: &Header) -> Vec<Finding> {
        let before = self.schemas.remove(&header.name);
        let former = before.as_ref().and_then(|before| before.object.clone());
        let (mut held, mut findings) = self.take(document, header, before);
        if let Some(schema) = &mut held.object {
            let label = header.label();
            let accepted = former.and_then(|former| former.status).and_then(|status| status.accepted);
            let judged = if findings.is_empty() {
                check::check(&header.name.name, &schema.spec, accepted.as_ref())
            } else {
                let refused = operator::fault::Fault::spec("the apiserver refuses it");
                check::Judged { accepted, faults: vec![refused] }
            };
            if findings.is_empty() {
                findings.extend(
                    judged.faults.iter().map(|fault| Finding::of_fault(&held.document, &label, fault)),
                );
            }
            schema.status = Some(status::status(schema, &judged, 0, jiff::Timestamp::UNIX_EPOCH));
        }
        self.schemas.insert(header.name.clone(), held);
        findings
    }

    /// Judges a document as the apiserver, and holds the object that stands there afterwards.
    fn take<K: object::Object>(
        &self,
        document: Document,
        header: &Header,
        before: Option<Held<K>>,
    ) -> (Held<K>, Vec<Finding>) {
        let label = header.label();
        let standing = before.as_ref().filter(|before| !before.is_refused).map(|before| &before.value);
        let asked = object::as_applied(&document.value);
        let Some(judge) = self.judges.get(&header.kind) else {
            // There is a judge for every kind.
            return (Held::nothing(Rc::new(document)), Vec::new());
        };
        let mut findings: Vec<Finding> = object::check_name(&header.name.name)
            .into_iter()
            .chain(judge.refusals(&asked, standing))
            .map(|refusal| Finding::of_refusal(&document, &label, refusal))
            .collect();
        let age = before.as_ref().map_or(self.n_applied, |before| before.age);
        let is_refused = !findings.is_empty();
        let value: Value = judge.complete(&asked);
        let read = object::read::<K>(&value, header, age);
        let object = read
            .map_err(|error| {
                if !is_refused {
                    findings.push(Finding::new(&document, &label, "spec", (Reason::Unreadable, error)));
                }
            })
            .ok();
        let written = self.n_applied;
        (Held { object, value, document: Rc::new(document), age, written, is_refused }, findings)
    }
}

/// The platform team's settings stand in for themselves: offline, nobody knows them.
fn settings(manifests: &Manifests) -> Result<Settings, WorldError> {
    use clap::Parser;
    let known = [
        "operator",
        "--kafka-bootstrap=kafka.bootstrapServers",
        "--clickhouse-url=clickhouse.url",
        "--processor-image=processor.image",
        "--processor-image-pull-policy=IfNotPresent",
    ];
    let networks = manifests.forwarding_allowed_networks.iter();
    let networks = networks.map(|network| format!("--forwarding-allowed-network={network}"));
    let arguments: Vec<String> = known.iter().map(|known| (*known).to_owned()).chain(networks).collect();
    let mut settings =
        Settings::try_parse_from(arguments).map_err(|error| WorldError::Settings(error.to_string()))?;
    // The environment of the operator is not ours.
    settings.kafka_properties = Vec::new();
    settings.processor_image_pull_secrets = Vec::new();
    settings.forwarding_allow_http = manifests.forwarding_allow_http;
    settings.forwarding_allowed_networks.clone_from(&manifests.forwarding_allowed_networks);
    Ok(settings)
}
