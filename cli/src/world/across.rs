//! Across: what objects say of each other, by the operator's own checks and plan.
//!
//! In: a [`World`] in which everything was applied. Out: what the operator would have gathered, and from that its plan or its faults.
//! What no file shows is taken to be right: Secrets hold what is asked of them, topics of no pipeline exist.
//! Not here: any rule of its own.

use std::collections::BTreeMap;

use crds::shared::{ObjectReference, SecretKeyReference};
use crds::{AnalyticsPipeline, ForwardingRule};
use kube::ResourceExt;
use operator::clickhouse::table::ActualTable;
use operator::event_schema::in_force::Named;
use operator::fault::Fault;
use operator::forwarding_rule::check::{self, Checked};
use operator::forwarding_rule::gather::Gathered as RuleGathered;
use operator::kafka::topic::Topic;
use operator::objects::Found;
use operator::pipeline::apply::{Changes, diff};
use operator::pipeline::claims;
use operator::pipeline::gather::{Children, Gathered};
use operator::pipeline::plan::{Plan, plan};
use operator::secret::SecretValue;
use operator::settings::Settings;
use operator::tenants::Standing;

use super::World;
use super::object::{Held, Name};
use crate::finding::Finding;

/// Stands for a secret that no file shows: a key of `privacy: Hash`, and a signing secret.
pub const UNKNOWN_SECRET: &[u8] = b"whsec_dW5rbm93bi11bmtub3duLXVua25vd24tdW5rbm93bg==";

/// Topics and table of a pipeline that are there already.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Topics.
    pub topics: Vec<Topic>,
    /// The table.
    pub table: ActualTable,
}

/// What must be, and the steps there.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// What must be.
    pub plan: Plan,
    /// The steps of topics and table.
    pub changes: Changes,
}

impl World {
    /// Returns what is wrong between the objects.
    #[must_use]
    pub fn check_across(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, held, pipeline) in judged(&self.pipelines) {
            let faults = self.planned(pipeline).err().unwrap_or_default();
            let label = format!("AnalyticsPipeline {name}");
            findings.extend(faults.iter().map(|fault| Finding::of_fault(&held.document, &label, fault)));
        }
        for (name, held, rule) in judged(&self.rules) {
            let faults = self.checked(rule).err().unwrap_or_default();
            let label = format!("ForwardingRule {name}");
            findings.extend(faults.iter().map(|fault| Finding::of_fault(&held.document, &label, fault)));
        }
        findings
    }

    /// Plans a pipeline, and finds the steps from what is there.
    ///
    /// # Errors
    /// With all the faults that the operator would tell.
    pub fn planned(&self, pipeline: &AnalyticsPipeline) -> Result<Planned, Vec<Fault>> {
        let live = self.live.get(&name_of(pipeline));
        let topics = live.map(|live| live.topics.clone()).unwrap_or_default();
        let table = live.map(|live| live.table.clone());
        let gathered = self.gathered(pipeline, &topics, table.clone());
        let plan = plan(pipeline, &gathered, &self.settings)?;
        let changes = diff(&plan, &topics, table.as_ref())?;
        Ok(Planned { plan, changes })
    }

    fn gathered(
        &self,
        pipeline: &AnalyticsPipeline,
        topics: &[Topic],
        table: Option<ActualTable>,
    ) -> Gathered {
        let Name { namespace, name } = name_of(pipeline);
        let rules = self.rules_in(&namespace);
        let rules = rules.iter().filter(|rule| rule.spec.pipeline.name == name && !rule.spec.suspend);
        let hash_key = pipeline.spec.privacy.as_ref();
        let standing = standing(&self.settings);
        Gathered {
            fellows: Ok(Vec::new()),
            names: claims::names(pipeline, &standing),
            marks: Ok(Vec::new()),
            standing: Ok(standing),
            schemas: self.named(&namespace, &pipeline.spec.schemas),
            neighbours: self.pipelines_in(&namespace),
            rules: rules.map(|rule| (rule.name_any(), self.checked(rule))).collect(),
            hash_key: hash_key.map(|privacy| self.secret(&namespace, &privacy.hash_key)),
            connection: Ok(BTreeMap::new()),
            topics: Ok(topics.to_vec()),
            cluster: None,
            topic_id: None,
            table: Ok(table),
            scaling: None,
            children: Children::default(),
            processors: Vec::new(),
        }
    }

    /// Checks a rule.
    ///
    /// # Errors
    /// With all the faults that the operator would tell.
    pub fn checked(&self, rule: &ForwardingRule) -> Result<Checked, Vec<Fault>> {
        let namespace = rule.namespace().unwrap_or_default();
        let name = Name { namespace: namespace.clone(), name: rule.spec.pipeline.name.clone() };
        let pipeline = found(self.pipelines.get(&name));
        let schemas = match &pipeline {
            Found::Object(pipeline) => self.named(&namespace, &pipeline.spec.schemas),
            Found::Missing | Found::Unreadable => Named::new(),
        };
        let destination = &rule.spec.destination;
        let webhook = destination.webhook.as_ref();
        let gathered = RuleGathered {
            standing: Ok(standing(&self.settings)),
            pipeline,
            schemas,
            secret: webhook.map(|webhook| self.secret(&namespace, &webhook.secret_ref)),
            pipelines: self.pipelines_in(&namespace),
            rules: self.rules_in(&namespace),
            has_topic: destination.kafka.as_ref().map(|_| Ok(true)),
        };
        check::check(rule, &gathered, &self.settings.egress())
    }

    /// Returns the value of a Secret, or one that fits where no file shows it.
    #[must_use]
    pub fn secret(&self, namespace: &str, reference: &SecretKeyReference) -> SecretValue {
        let name = Name { namespace: namespace.to_owned(), name: reference.name.clone() };
        match self.secrets.get(&name) {
            None => SecretValue::Value(UNKNOWN_SECRET.to_vec()),
            Some(values) => {
                values.get(&reference.key).cloned().map_or(SecretValue::NoKey, SecretValue::Value)
            }
        }
    }

    fn named(&self, namespace: &str, references: &[ObjectReference]) -> Named {
        let look_up = |reference: &ObjectReference| {
            let name = Name { namespace: namespace.to_owned(), name: reference.name.clone() };
            (reference.name.clone(), found(self.schemas.get(&name)))
        };
        references.iter().map(look_up).collect()
    }

    fn pipelines_in(&self, namespace: &str) -> Vec<AnalyticsPipeline> {
        within(&self.pipelines, namespace)
    }

    fn rules_in(&self, namespace: &str) -> Vec<ForwardingRule> {
        within(&self.rules, namespace)
    }
}

/// Which tenant has a namespace, no file shows: names have no prefix here, and nothing is capped.
fn standing(settings: &Settings) -> Standing {
    Standing::of_a_single_team(settings.allow_adopt)
}

/// The objects that the operator would look at: those that the apiserver took.
pub fn judged<K>(objects: &BTreeMap<Name, Held<K>>) -> impl Iterator<Item = (&Name, &Held<K>, &K)> {
    objects
        .iter()
        .filter(|(_, held)| !held.is_refused)
        .filter_map(|(name, held)| Some((name, held, held.object.as_ref()?)))
}

fn name_of(pipeline: &AnalyticsPipeline) -> Name {
    Name { namespace: pipeline.namespace().unwrap_or_default(), name: pipeline.name_any() }
}

fn found<K: Clone>(held: Option<&Held<K>>) -> Found<K> {
    match held.map(|held| &held.object) {
        None => Found::Missing,
        Some(None) => Found::Unreadable,
        Some(Some(object)) => Found::Object(object.clone()),
    }
}

fn within<K: Clone>(objects: &BTreeMap<Name, Held<K>>, namespace: &str) -> Vec<K> {
    let here = objects.iter().filter(|(name, _)| name.namespace == namespace);
    here.filter_map(|(_, held)| held.object.clone()).collect()
}
