//! Plan: what applying objects would do, from nothing or from the objects of another folder.
//!
//! In: files, perhaps older files. Out: for each schema, pipeline and rule the steps that the operator would take, and what it would refuse.
//! The older objects are applied first; what the operator would have made of them is what is there then.
//! Not here: a live cluster, and drift in it; that is `online/plan.rs`, which tells what it finds in the same form.

pub(crate) mod objects;
pub(crate) mod steps;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use anyhow::bail;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use operator::clickhouse::memory::created;
use operator::pipeline::plan::Plan;
use serde::Serialize;

use crate::arguments::online::ServerArguments;
use crate::arguments::{Manifests, PlanArguments, PlanFormat};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::lint;
use crate::world::World;
use crate::world::across::{Live, judged};
use crate::world::object::{Held, Name};
use steps::{PipelineSteps, Step};

/// All that applying the objects would do.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// EventSchemas that come, change or go.
    pub(crate) schemas: Vec<Step>,
    /// AnalyticsPipelines, each with all that is done for it.
    pub(crate) pipelines: Vec<PipelineSteps>,
    /// ForwardingRules that come, change or go.
    pub(crate) rules: Vec<Step>,
    /// What would be refused; nothing of it is done.
    pub(crate) refused: Vec<Finding>,
    /// What could not be looked at, so that the plan has nothing of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unlooked: Vec<String>,
}

/// Objects by name; none where the apiserver refuses what was written, or it cannot be read.
pub(crate) type Known<K> = BTreeMap<Name, Option<K>>;

/// What there was before.
struct Before {
    schemas: Known<EventSchema>,
    rules: Known<ForwardingRule>,
    plans: BTreeMap<Name, (Plan, AnalyticsPipeline)>,
}

/// Runs `plan`.
///
/// # Errors
/// When a file cannot be read or the text cannot be written.
pub fn run(arguments: &PlanArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    if arguments.servers != ServerArguments::default() {
        bail!(
            "nobody is asked without --online; add it, or leave out the flags that say how to reach a cluster, Kafka and ClickHouse"
        );
    }
    let mut world = World::new(&arguments.manifests)?;
    let before = begin(&mut world, arguments, input)?;
    let n_before = world.n_applied();
    let findings = lint::apply(&mut world, &arguments.manifests, input)?;
    world.forget_unwritten(n_before);
    let report = Report {
        schemas: steps::schemas(&before.schemas, &objects(&world.schemas)),
        pipelines: pipelines(&before, &world)?,
        rules: steps::rules(&before.rules, &objects(&world.rules))?,
        refused: lint::lint(&world, findings).findings,
        ..Report::default()
    };
    report.tell(arguments, out)?;
    Ok(report.exit(arguments))
}

impl Report {
    /// Writes the plan in the form that was asked for.
    pub(crate) fn tell(&self, arguments: &PlanArguments, out: &mut dyn Write) -> anyhow::Result<()> {
        match arguments.format {
            PlanFormat::Human => out.write_all(text::text(self, arguments.objects).as_bytes())?,
            PlanFormat::Json => writeln!(out, "{:#}", serde_json::to_value(self)?)?,
        }
        Ok(())
    }

    /// Returns how the command ends.
    pub(crate) fn exit(&self, arguments: &PlanArguments) -> Exit {
        let loses = |steps: &PipelineSteps| steps.deletes_data || !steps.losses.is_empty();
        let is_breaking = !self.refused.is_empty() || self.pipelines.iter().any(loses);
        match (is_breaking, arguments.online || !arguments.against.is_empty()) {
            (true, true) => Exit::Breaking,
            (true, false) => Exit::Findings,
            (false, _) if !self.unlooked.is_empty() => Exit::Findings,
            (false, _) => Exit::Clean,
        }
    }
}

fn objects<K: Clone>(held: &BTreeMap<Name, Held<K>>) -> Known<K> {
    let object = |held: &Held<K>| held.object.clone().filter(|_| !held.is_refused);
    held.iter().map(|(name, held)| (name.clone(), object(held))).collect()
}

/// Applies the older objects, and makes what the operator would have made of them.
fn begin(world: &mut World, arguments: &PlanArguments, input: &mut dyn Read) -> anyhow::Result<Before> {
    if !arguments.against.is_empty() {
        let older = Manifests { filename: arguments.against.clone(), ..arguments.manifests.clone() };
        lint::apply(world, &older, input)?;
        // Only what comes now is counted and told.
        world.n_skipped = 0;
    }
    let (mut plans, mut live) = (BTreeMap::new(), BTreeMap::new());
    for (name, _, pipeline) in judged(&world.pipelines) {
        if let Ok(planned) = world.planned(pipeline) {
            let (topics, table) = (planned.plan.topics.clone(), created(&planned.plan.table));
            live.insert(name.clone(), Live { topics, table });
            plans.insert(name.clone(), (planned.plan, pipeline.clone()));
        }
    }
    world.live = live;
    Ok(Before { schemas: objects(&world.schemas), rules: objects(&world.rules), plans })
}

fn pipelines(before: &Before, world: &World) -> anyhow::Result<Vec<PipelineSteps>> {
    let mut all = Vec::new();
    for (name, _, pipeline) in judged(&world.pipelines) {
        if let Ok(planned) = world.planned(pipeline) {
            let former = before.plans.get(name).map(|(plan, _)| plan);
            all.push(PipelineSteps::new(name, &planned, former)?);
        }
    }
    for (name, (plan, pipeline)) in &before.plans {
        if !world.pipelines.contains_key(name) {
            all.push(PipelineSteps::deleted(name, plan, pipeline)?);
        }
    }
    Ok(all)
}
