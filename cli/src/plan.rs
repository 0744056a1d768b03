//! Plan: what applying objects would do, from nothing or from the objects of another folder.
//!
//! In: files, perhaps older files. Out: for each schema, pipeline and rule the steps that the operator would take, and what it would refuse.
//! The older objects are applied first; what the operator would have made of them is what is there then.
//! Not here: a live cluster, and drift in it.

mod objects;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use crds::AnalyticsPipeline;
use operator::clickhouse::memory::created;
use operator::pipeline::plan::Plan;
use serde::Serialize;

use crate::arguments::{Manifests, PlanArguments, PlanFormat};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::lint;
use crate::world::World;
use crate::world::across::{Live, judged};
use crate::world::object::{Held, Name};
use steps::{PipelineSteps, Step};

/// All that applying the objects would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// EventSchemas that come, change or go.
    schemas: Vec<Step>,
    /// AnalyticsPipelines, each with all that is done for it.
    pipelines: Vec<PipelineSteps>,
    /// ForwardingRules that come, change or go.
    rules: Vec<Step>,
    /// What would be refused; nothing of it is done.
    refused: Vec<Finding>,
}

/// What there was before.
struct Before {
    schemas: BTreeMap<Name, Held<crds::EventSchema>>,
    rules: BTreeMap<Name, Held<crds::ForwardingRule>>,
    plans: BTreeMap<Name, (Plan, AnalyticsPipeline)>,
}

/// Runs `plan`.
///
/// # Errors
/// When a file cannot be read or the text cannot be written.
pub fn run(arguments: &PlanArguments, input: &mut dyn Read, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut world = World::new(&arguments.manifests)?;
    let before = begin(&mut world, arguments, input)?;
    let n_before = world.n_applied();
    let findings = lint::apply(&mut world, &arguments.manifests, input)?;
    world.forget_unwritten(n_before);
    let report = Report {
        schemas: steps::schemas(&before.schemas, &world.schemas),
        pipelines: pipelines(&before, &world)?,
        rules: steps::rules(&before.rules, &world.rules),
        refused: lint::lint(&world, findings).findings,
    };
    match arguments.format {
        PlanFormat::Human => out.write_all(text::text(&report, arguments.objects).as_bytes())?,
        PlanFormat::Json => writeln!(out, "{:#}", serde_json::to_value(&report)?)?,
    }
    let is_breaking = !report.refused.is_empty() || report.pipelines.iter().any(|steps| steps.deletes_data);
    Ok(match (is_breaking, arguments.against.is_empty()) {
        (false, _) => Exit::Clean,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Breaking,
    })
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
    Ok(Before { schemas: world.schemas.clone(), rules: world.rules.clone(), plans })
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
