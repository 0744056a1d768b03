//! Pods in the states that users meet.

use super::*;

fn deployment(yaml: &str) -> Deployment {
    serde_yaml::from_str(&format!("metadata: {{name: ios-processor, generation: 2}}\n{yaml}")).unwrap()
}

fn settled(replicas: i32) -> Deployment {
    deployment(&format!(
        "spec: {{replicas: {replicas}, selector: {{}}, template: {{}}}}
status: {{observedGeneration: 2, replicas: {replicas}, updatedReplicas: {replicas}, readyReplicas: {replicas}}}"
    ))
}

fn pod(status: &str) -> Processor {
    let pod = serde_yaml::from_str(&format!(
        "metadata: {{name: ios-processor-x, namespace: shop}}\nstatus:\n  {status}"
    ))
    .unwrap();
    Processor { pod, report: None }
}

fn container(state: &str) -> Processor {
    pod(&format!(
        "containerStatuses: [{{name: processor, image: tributary/processor:dev, imageID: '', ready: false, restartCount: 3, {state}}}]"
    ))
}

fn fault(deployment: &Deployment, processor: Processor) -> (Reason, String) {
    match judge(deployment, &[processor]) {
        Verdict::Faulty(fault) => (fault.reason, fault.message),
        other @ (Verdict::Starting(_) | Verdict::Stopped | Verdict::Working(_)) => {
            panic!("no fault: {other:?}")
        }
    }
}

#[test]
fn pods_that_read_and_write_are_working() {
    assert_eq!(judge(&settled(2), &[]), Verdict::Working("2 of 2 processor pods read and write".into()));
}

#[test]
fn a_rollout_is_seen_even_before_the_deployment_controller_wakes_up() {
    let stale = deployment(
        "spec: {replicas: 1, selector: {}, template: {}}\nstatus: {observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1, replicas: 1}",
    );
    assert_eq!(
        judge(&stale, &[]),
        Verdict::Starting("0 of 1 processor pods have the present configuration".into())
    );
}

#[test]
fn a_crash_loop_gives_the_last_words_and_the_command_to_see_more() {
    let processor = container(
        "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1, message: \"first\\nno such table\\n\"}}",
    );
    let (reason, message) = fault(&settled(1), processor);
    assert_eq!(reason, Reason::ProcessorCrashLooping);
    assert_eq!(
        message,
        "processor pod `ios-processor-x` ends again and again: exit code 1, last words: no such table; see its log: kubectl -n shop logs ios-processor-x --previous"
    );
}

#[test]
fn a_processor_that_was_out_of_memory_names_the_field_to_raise() {
    let oom = "state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled, message: last}}";
    let (reason, message) = fault(&settled(1), container(oom));
    assert_eq!(reason, Reason::ProcessorCrashLooping);
    assert!(message.contains("out of memory; raise `spec.processor.resources.memory`"), "{message}");
}

#[test]
fn a_container_beside_the_processor_is_not_taken_for_it() {
    let mut processor = container("state: {waiting: {reason: CrashLoopBackOff}}");
    let containers = processor.pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap();
    let mut sidecar = containers[0].clone();
    sidecar.name = "mesh-proxy".into();
    sidecar.state = None;
    containers.insert(0, sidecar);
    assert_eq!(fault(&settled(1), processor).0, Reason::ProcessorCrashLooping);
}

#[test]
fn an_image_that_cannot_be_had_names_the_image() {
    for word in ["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull"] {
        let (reason, message) =
            fault(&settled(1), container(&format!("state: {{waiting: {{reason: {word}}}}}")));
        assert_eq!(reason, Reason::ProcessorImagePullFailed);
        assert!(message.contains("tributary/processor:dev"), "{message}");
    }
}

#[test]
fn a_container_without_its_configuration_is_not_started() {
    let processor =
        container("state: {waiting: {reason: CreateContainerConfigError, message: secret not found}}");
    let (reason, message) = fault(&settled(1), processor);
    assert_eq!(reason, Reason::ProcessorNotStarted);
    assert!(message.contains("secret not found"), "{message}");
}

#[test]
fn a_pod_that_no_node_takes_says_what_is_lacking() {
    let processor = pod(
        "conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: Insufficient memory}]",
    );
    let (reason, message) = fault(&settled(1), processor);
    assert_eq!(reason, Reason::ProcessorNotStarted);
    assert!(message.contains("Insufficient memory"), "{message}");
}

#[test]
fn a_quota_that_refuses_pods_is_told() {
    let refused = deployment(
        "spec: {replicas: 1, selector: {}, template: {}}\nstatus: {conditions: [{type: ReplicaFailure, status: 'True', message: exceeded quota}]}",
    );
    match judge(&refused, &[]) {
        Verdict::Faulty(fault) => assert!(fault.message.contains("exceeded quota")),
        other @ (Verdict::Starting(_) | Verdict::Stopped | Verdict::Working(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_processor_that_cannot_write_says_why() {
    let mut processor = pod("phase: Running");
    processor.report = Some(crds::processor_report::ProcessorReport {
        reason: Some(Reason::ClickHouseAuthFailed),
        message: "password refused".into(),
        ..Default::default()
    });
    assert_eq!(
        fault(&settled(1), processor),
        (Reason::ClickHouseAuthFailed, "processor pod `ios-processor-x`: password refused".into())
    );
}

#[test]
fn a_rollout_that_takes_too_long_does_not_hide_why() {
    let overdue = deployment(
        "spec: {replicas: 1, selector: {}, template: {}}\nstatus: {conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: timed out}]}",
    );
    let mut processor = pod("phase: Running");
    assert_eq!(fault(&overdue, processor.clone()).0, Reason::ProcessorNotStarted);
    processor.report = Some(crds::processor_report::ProcessorReport {
        reason: Some(Reason::KafkaAuthFailed),
        message: "password refused".into(),
        ..Default::default()
    });
    assert_eq!(fault(&overdue, processor).0, Reason::KafkaAuthFailed);
}

#[test]
fn a_suspended_pipeline_is_stopped_when_its_last_pod_is_gone() {
    let suspended = settled(0);
    assert_eq!(judge(&suspended, &[]), Verdict::Stopped);
    assert!(matches!(judge(&suspended, &[pod("phase: Running")]), Verdict::Starting(_)));
}

#[test]
fn lag_is_summed_and_unknown_when_nobody_answers() {
    let report = |lag| Some(crds::processor_report::ProcessorReport { lag, ..Default::default() });
    let (mut a, mut b) = (pod("phase: Running"), pod("phase: Running"));
    assert_eq!(lag(&[a.clone(), b.clone()]), None);
    (a.report, b.report) = (report(3), report(4));
    assert_eq!(lag(&[a, b]), Some(7));
}
