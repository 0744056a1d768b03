//! Processor: how the pods of a pipeline stand. Pure.
//!
//! In: the Deployment, its pods and what they say of themselves. Out: a fault, what is waited for, or that all is well.
//! The reason nearest to the cause wins: an image that cannot be had, a container that ends again and again, a pod that
//! cannot be placed or made, a data path that does not work, a rollout that takes too long; only then "still starting".

use crds::analytics_pipeline::ProcessorStatus;
use crds::conditions::{ConditionType, Reason};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::fault::{Cure, Fault};
use crate::processors::Processor;
use crate::status::shortened;

/// Name of the processor's container.
const CONTAINER: &str = "processor";
/// Longest piece of a container's last words in a condition, in bytes.
const LAST_WORDS: usize = 500;

/// How the pods of a pipeline stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Something is wrong.
    Faulty(Fault),
    /// They are starting, or being replaced.
    Starting(String),
    /// None is wanted and none runs.
    Stopped,
    /// They read and write.
    Working(String),
}

/// Judges the pods of a pipeline.
pub fn judge(deployment: &Deployment, processors: &[Processor]) -> Verdict {
    let running =
        || processors.iter().filter(|processor| processor.pod.metadata.deletion_timestamp.is_none());
    let desired = desired(deployment);
    if desired == 0 {
        return match processors.len() {
            0 => Verdict::Stopped,
            n_pods => Verdict::Starting(format!("{n_pods} processor pods are stopping")),
        };
    }
    let fault = running()
        .find_map(|processor| container_fault(&processor.pod))
        .or_else(|| running().find_map(|processor| placement_fault(&processor.pod)))
        .or_else(|| deployment_fault(deployment, |it| is(it, "ReplicaFailure", "True")))
        .or_else(|| running().find_map(data_path_fault))
        .or_else(|| deployment_fault(deployment, is_overdue));
    if let Some((reason, message)) = fault {
        return Verdict::Faulty(Fault::new(ConditionType::ProcessorReady, reason, Cure::Retry, message));
    }
    let status = deployment.status.clone().unwrap_or_default();
    let is_seen = status.observed_generation >= deployment.metadata.generation;
    let updated = if is_seen { status.updated_replicas.unwrap_or(0) } else { 0 };
    let ready = ready(deployment);
    if updated < desired {
        Verdict::Starting(format!("{updated} of {desired} processor pods have the present configuration"))
    } else if ready < desired {
        Verdict::Starting(format!("{ready} of {desired} processor pods are ready"))
    } else if status.replicas.unwrap_or(0) > desired {
        Verdict::Starting("processor pods of the configuration before are stopping".into())
    } else {
        Verdict::Working(format!("{desired} of {desired} processor pods read and write"))
    }
}

/// Describes the pods of a pipeline for its status.
pub fn describe(deployment: &Deployment) -> ProcessorStatus {
    let (desired, ready) = (desired(deployment), ready(deployment));
    let pod = deployment.spec.template.spec.as_ref();
    let container = pod.and_then(|pod| pod.containers.iter().find(|container| container.name == CONTAINER));
    let image = container.and_then(|container| container.image.clone());
    ProcessorStatus {
        desired,
        replicas: deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0),
        ready,
        summary: format!("{ready}/{desired}"),
        selector: selector(deployment),
        image: image.unwrap_or_default(),
    }
}

/// Sums the records not read yet; absent when no pod answered.
pub fn lag(processors: &[Processor]) -> Option<i64> {
    let mut lags =
        processors.iter().filter_map(|processor| processor.report.as_ref()).map(|report| report.lag);
    let first = lags.next()?;
    Some(lags.fold(first, i64::saturating_add))
}

/// The labels of the pods, as the API takes them.
fn selector(deployment: &Deployment) -> String {
    let labels = deployment.spec.selector.match_labels.iter().flatten();
    labels.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Returns how many pods are wanted.
pub fn desired(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

fn ready(deployment: &Deployment) -> i32 {
    deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0)
}

fn container_fault(pod: &Pod) -> Option<(Reason, String)> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    // Others may put containers of their own beside it.
    let container = containers.iter().find(|container| container.name == CONTAINER)?;
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let said = waiting.message.as_deref().unwrap_or_default();
    match waiting.reason.as_deref()? {
        "CrashLoopBackOff" => Some((
            Reason::ProcessorCrashLooping,
            format!(
                "processor pod `{name}` ends again and again: {}; see its log: kubectl -n {} logs {name} --previous",
                last_words(container),
                pod.metadata.namespace.as_deref().unwrap_or_default(),
            ),
        )),
        // The kubelet alternates between several of these, so that its own words are left out: they would change all the time.
        "ImagePullBackOff"
        | "ErrImagePull"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable" => Some((
            Reason::ProcessorImagePullFailed,
            format!(
                "image `{}` cannot be pulled; the platform team checks `processor.image` of the Helm values and the node's access to the registry",
                container.image
            ),
        )),
        reason @ ("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => Some((
            Reason::ProcessorNotStarted,
            format!("processor pod `{name}` cannot be started: {reason}: {said}"),
        )),
        _ => None,
    }
}

fn last_words(container: &ContainerStatus) -> String {
    let ended = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let Some(ended) = ended else { return "the kubelet does not say why".into() };
    if ended.reason.as_deref() == Some("OOMKilled") {
        return "it was out of memory; raise `spec.processor.resources.memory`".into();
    }
    match ended.message.as_deref().map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => {
            let line = message.lines().last().unwrap_or_default();
            format!("exit code {}, last words: {}", ended.exit_code, shortened(line, LAST_WORDS))
        }
        None => format!("exit code {} ({})", ended.exit_code, ended.reason.as_deref().unwrap_or("no reason")),
    }
}

fn placement_fault(pod: &Pod) -> Option<(Reason, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let placed = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    if placed.status != "False" || placed.reason.as_deref() != Some("Unschedulable") {
        return None;
    }
    let why = placed.message.as_deref().unwrap_or("no node fits");
    Some((
        Reason::ProcessorNotStarted,
        format!("no node takes the processor pod: {why}; lower `spec.processor.resources` or add nodes"),
    ))
}

fn deployment_fault(
    deployment: &Deployment,
    is_failure: impl Fn(&DeploymentCondition) -> bool,
) -> Option<(Reason, String)> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|condition| is_failure(condition))?;
    let why = failure.message.as_deref().unwrap_or("the apiserver does not say why");
    Some((Reason::ProcessorNotStarted, format!("processor pods cannot be started: {why}")))
}

fn is(condition: &DeploymentCondition, type_: &str, status: &str) -> bool {
    condition.type_.as_deref() == Some(type_) && condition.status.as_deref() == Some(status)
}

/// A rollout that takes too long is only the consequence of what a pod can say better.
fn is_overdue(condition: &DeploymentCondition) -> bool {
    is(condition, "Progressing", "False") && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
}

fn data_path_fault(processor: &Processor) -> Option<(Reason, String)> {
    let report = processor.report.as_ref().filter(|report| !report.ready)?;
    let name = processor.pod.metadata.name.as_deref().unwrap_or_default();
    Some((report.reason?, format!("processor pod `{name}`: {}", report.message)))
}

#[cfg(test)]
mod tests;
