//! Manifests that are wrong in themselves are refused by the apiserver, with the words that say what to do: the same cases that
//! `cargo test` judges offline, here before the real one. The samples that show mistakes tell what they promise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use crds::admission::case::Case;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::install::repository;
use e2e::trial::{Trial, with_namespace};
use serde_json::Value;

fn cases(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            cases(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

fn named(trial: &Trial, mut object: Value) -> Value {
    object["metadata"]["namespace"] = trial.namespace.clone().into();
    object
}

async fn judge(trial: &Trial, path: &Path) -> Result<()> {
    let case = Case::parse(&std::fs::read_to_string(path)?)?;
    let object = named(trial, case.object);
    let before = match case.before {
        None => None,
        Some(before) => {
            let applied = trial.cluster.apply(&named(trial, before), false).await;
            Some(applied.context("the object before is not accepted")?)
        }
    };
    let judged = trial.cluster.judge(&object).await;
    if let Some(before) = before {
        trial.cluster.delete(&before).await?;
    }
    match (case.message, judged) {
        (None, Ok(())) => Ok(()),
        (Some(message), Err(refused)) => {
            let said = refused.to_string();
            ensure!(said.contains(&message), "refused with other words than `{message}`: {said}");
            Ok(())
        }
        (None, Err(refused)) => Err(refused).context("refused, but it must be accepted"),
        (Some(message), Ok(())) => anyhow::bail!("accepted, but it must be refused with `{message}`"),
    }
}

#[test]
fn the_apiserver_accepts_and_refuses_every_case_as_the_offline_judge_does() {
    with_namespace("admission", async |trial| {
        let mut paths = Vec::new();
        cases(&repository().join("crds/cases/admission"), &mut paths)?;
        ensure!(paths.len() > 20, "only {} cases", paths.len());
        let mut wrong = Vec::new();
        for path in paths {
            if let Err(error) = judge(&trial, &path).await {
                wrong.push(format!("{}: {error:#}", path.display()));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    });
}

#[test]
fn the_samples_of_mistakes_tell_what_they_promise() {
    with_namespace("mistakes", async |trial| {
        let mut first_stream = trial.sample("first-stream")?;
        for object in first_stream.iter_mut().filter(|object| object["kind"] == "AnalyticsPipeline") {
            object["spec"]["suspend"] = true.into();
        }
        trial.apply(&first_stream).await?;
        trial.ready::<AnalyticsPipeline>("ios").await?;

        let mut paths = Vec::new();
        cases(&repository().join("manifests/samples/invalid"), &mut paths)?;
        for path in paths {
            mistake(&trial, &path).await.with_context(|| path.display().to_string())?;
        }
        Ok(())
    });
}

async fn mistake(trial: &Trial, path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let first = text.lines().next().unwrap_or_default();
    let Some(promised) = first.strip_prefix("# condition: ") else { return refused(trial, &text).await };
    let object = Case::parse(&text)?.object;
    trial.apply(&[named(trial, object)]).await?;
    let words: Vec<&str> = promised.split(' ').collect();
    let [kind, name, condition, reason] = words[..] else {
        anyhow::bail!("not `Kind name Condition Reason`: {promised}")
    };
    let message = match kind {
        "EventSchema" => trial.reason::<EventSchema>(name, condition, reason).await?,
        "AnalyticsPipeline" => trial.reason::<AnalyticsPipeline>(name, condition, reason).await?,
        "ForwardingRule" => trial.reason::<ForwardingRule>(name, condition, reason).await?,
        _ => anyhow::bail!("no kind {kind}"),
    };
    ensure!(message.len() > 20, "the message says what to do: {message}");
    Ok(())
}

/// Some of the mistakes are changes of what stands there already.
async fn refused(trial: &Trial, text: &str) -> Result<()> {
    let case = Case::parse(text)?;
    let object = named(trial, case.object);
    let Err(refused) = trial.cluster.judge(&object).await else { anyhow::bail!("it is accepted") };
    let (said, message) = (refused.to_string(), case.message.context("no `# message:`")?);
    ensure!(said.contains(&message), "refused with other words than `{message}`: {said}");
    Ok(())
}
