//! The Deployment of the processor: one a stream, as little right as a pod can have.
//!
//! In: the plan. Out: a Deployment that the restricted pod security standard admits.
//! A rollout starts the new pod before it stops an old one: a configuration that cannot start leaves the old pods at work, and
//! the consumer group (cooperative-sticky) moves only the partitions that the new pod takes over.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, LocalObjectReference,
    ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecurityContext, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ObjectMeta;

use super::volumes;
use crate::kubernetes::labels;
use crate::pipeline::build::{metadata, object_name};
use crate::pipeline::plan::Plan;
use crate::processors::PORT;

/// User and group of the processor; nobody's.
const NOBODY: i64 = 65_532;
/// Variable with the pod's own name.
const POD: &str = "TRIBUTARY_POD";
/// How long a pod may take to write what it holds and to commit, seconds.
const GRACE_PERIOD: i64 = 30;

pub(super) fn build(plan: &Plan) -> Deployment {
    let spec = DeploymentSpec {
        // A rollout that somebody paused by hand would never end.
        paused: Some(false),
        // Without a number KEDA decides.
        replicas: plan.pods.replicas,
        revision_history_limit: Some(2),
        selector: selector(plan),
        strategy: Some(DeploymentStrategy {
            type_: Some("RollingUpdate".into()),
            rolling_update: Some(RollingUpdateDeployment {
                max_surge: Some(IntOrString::Int(1)),
                max_unavailable: Some(IntOrString::Int(0)),
            }),
        }),
        template: PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(labels::labels(&plan.name)),
                annotations: Some(BTreeMap::from([(labels::CONFIG_HASH.into(), plan.config_hash.clone())])),
                ..ObjectMeta::default()
            }),
            spec: Some(pod(plan)),
        },
        ..DeploymentSpec::default()
    };
    Deployment { metadata: metadata(plan), spec, status: None }
}

fn selector(plan: &Plan) -> LabelSelector {
    LabelSelector { match_labels: Some(labels::selector(&plan.name)), ..LabelSelector::default() }
}

fn pod(plan: &Plan) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container(plan)],
        enable_service_links: Some(false),
        image_pull_secrets: pull_secrets(plan),
        security_context: Some(PodSecurityContext {
            fs_group: Some(NOBODY),
            run_as_group: Some(NOBODY),
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".into(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        service_account_name: Some(object_name(&plan.name)),
        termination_grace_period_seconds: Some(GRACE_PERIOD),
        topology_spread_constraints: Some(vec![TopologySpreadConstraint {
            label_selector: Some(selector(plan)),
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".into(),
            when_unsatisfiable: "ScheduleAnyway".into(),
            ..TopologySpreadConstraint::default()
        }]),
        volumes: Some(volumes::volumes(plan)),
        ..PodSpec::default()
    }
}

/// They stand in the team's namespace, as a pod pulls with nobody else's.
fn pull_secrets(plan: &Plan) -> Option<Vec<LocalObjectReference>> {
    let secrets: Vec<_> =
        plan.image_pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    (!secrets.is_empty()).then_some(secrets)
}

fn container(plan: &Plan) -> Container {
    let requests = BTreeMap::from([
        ("cpu".into(), Quantity(plan.resources.cpu.clone())),
        ("memory".into(), Quantity(plan.resources.memory.clone())),
    ]);
    let limits = BTreeMap::from([("memory".into(), Quantity(plan.resources.memory.clone()))]);
    Container {
        name: "processor".into(),
        // The image's own, whatever somebody wrote there.
        command: Some(Vec::new()),
        args: Some(Vec::new()),
        env: Some(variables(plan)),
        image: Some(plan.image.clone()),
        image_pull_policy: Some(plan.image_pull_policy.clone()),
        liveness_probe: Some(probe("/livez", 10)),
        ports: Some(vec![ContainerPort {
            container_port: i32::from(PORT),
            name: Some("metrics".into()),
            protocol: Some("TCP".into()),
            ..ContainerPort::default()
        }]),
        readiness_probe: Some(probe("/readyz", 5)),
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            limits: Some(limits),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), ..Capabilities::default() }),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        // What the process said last becomes part of the condition when it ends again and again.
        termination_message_policy: Some("FallbackToLogsOnError".into()),
        volume_mounts: Some(volumes::mounts(plan)),
        ..Container::default()
    }
}

fn variables(plan: &Plan) -> Vec<EnvVar> {
    let Some(collector) = &plan.collector else { return Vec::new() };
    let field = ObjectFieldSelector { field_path: "metadata.name".into(), ..ObjectFieldSelector::default() };
    let pod = EnvVar {
        name: POD.into(),
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
        ..EnvVar::default()
    };
    // The kubelet puts the pod's name in, as its variable stands before this one.
    let attributes = format!(
        "k8s.namespace.name={},k8s.pod.name=$({POD}),tributary.pipeline={}",
        plan.namespace, plan.name
    );
    let mut variables = vec![
        pod,
        variable("OTEL_SERVICE_NAME", "tributary-processor"),
        variable("OTEL_RESOURCE_ATTRIBUTES", &attributes),
    ];
    variables.extend(collector.variables().iter().map(|(name, value)| variable(name, value)));
    variables
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), ..EnvVar::default() }
}

fn probe(path: &str, period: i32) -> Probe {
    Probe {
        failure_threshold: Some(3),
        http_get: Some(HTTPGetAction {
            path: Some(path.into()),
            port: IntOrString::String("metrics".into()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(3),
        ..Probe::default()
    }
}
