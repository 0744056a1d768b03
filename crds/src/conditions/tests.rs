//! Conditions: kstatus reads the right outcome from them, and their times move only with the status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::*;

/// The outcome that `kubectl wait`, Flux and Argo CD see.
#[derive(Debug, PartialEq)]
enum Outcome {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// The algorithm of kstatus (`pkg/kstatus/status/generic.go` of sigs.k8s.io/cli-utils), in its order.
fn kstatus(deleted: bool, generation: i64, observed: Option<i64>, conditions: &[Condition]) -> Outcome {
    let is_true = |kind: &str| conditions.iter().any(|c| c.type_ == kind && c.status == "True");
    let ready = conditions.iter().find(|c| c.type_ == "Ready");
    if deleted {
        Outcome::Terminating
    } else if observed.is_some_and(|observed| observed != generation) || is_true("Reconciling") {
        Outcome::InProgress
    } else if is_true("Stalled") {
        Outcome::Failed
    } else if ready.is_some_and(|ready| ready.status != "True") {
        Outcome::InProgress
    } else {
        Outcome::Current
    }
}

fn time(second: i64) -> Time {
    Time(jiff::Timestamp::from_second(second).unwrap())
}

fn steps(topic: State, table: State) -> Vec<Step> {
    vec![
        Step::new(ConditionType::TopicReady, topic, "about the topic"),
        Step::new(ConditionType::TableReady, table, "about the table"),
    ]
}

fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

#[test]
fn kstatus_reads_the_right_outcome_from_every_state() {
    let done = || State::Done(Reason::Succeeded);
    let cases = [
        (steps(done(), done()), Outcome::Current, "Succeeded"),
        (steps(done(), State::Done(Reason::Suspended)), Outcome::Current, "Suspended"),
        (steps(done(), State::Progressing(Reason::Progressing)), Outcome::InProgress, "Progressing"),
        (
            steps(State::Retrying(Reason::KafkaUnreachable), State::NotReached),
            Outcome::InProgress,
            "KafkaUnreachable",
        ),
        (steps(done(), State::Stalled(Reason::OwnershipMismatch)), Outcome::Failed, "OwnershipMismatch"),
        (
            steps(State::Retrying(Reason::KafkaUnreachable), State::Stalled(Reason::SpecInvalid)),
            Outcome::Failed,
            "SpecInvalid",
        ),
    ];
    for (steps, outcome, reason) in cases {
        let conditions = report(&[], &steps, Some(3), &time(1));
        assert_eq!(kstatus(false, 3, Some(3), &conditions), outcome, "{steps:?}");
        assert_eq!(find(&conditions, "Ready").unwrap().reason, reason, "{steps:?}");
        assert_eq!(kstatus(false, 4, Some(3), &conditions), Outcome::InProgress, "an older generation");
        assert_eq!(kstatus(true, 3, Some(3), &conditions), Outcome::Terminating, "deleted");
    }
}

#[test]
fn an_object_that_nobody_has_looked_at_is_in_progress() {
    assert_eq!(kstatus(false, 1, Some(-1), &[]), Outcome::InProgress, "the default of the CRD");
    assert_eq!(kstatus(false, 1, None, &[]), Outcome::Current, "the trap that the default closes");
}

#[test]
fn reconciling_and_stalled_are_present_only_when_true() {
    let mut conditions =
        report(&[], &steps(State::Stalled(Reason::SpecInvalid), State::NotReached), Some(1), &time(1));
    assert!(find(&conditions, "Stalled").is_some() && find(&conditions, "Reconciling").is_none());
    conditions = report(
        &conditions,
        &steps(State::Progressing(Reason::Progressing), State::NotReached),
        Some(2),
        &time(2),
    );
    assert!(find(&conditions, "Stalled").is_none() && find(&conditions, "Reconciling").is_some());
    conditions = report(
        &conditions,
        &steps(State::Done(Reason::Succeeded), State::Done(Reason::Succeeded)),
        Some(2),
        &time(3),
    );
    let kinds: Vec<&str> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(kinds, ["TopicReady", "TableReady", "Ready"]);
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let done = || State::Done(Reason::Succeeded);
    let first = report(&[], &steps(done(), done()), Some(1), &time(1));
    let same = report(&first, &steps(done(), done()), Some(1), &time(2));
    assert_eq!(first, same, "a settled object costs no write");
    let newer = report(&same, &steps(done(), done()), Some(2), &time(3));
    assert!(newer.iter().all(|c| c.observed_generation == Some(2) && c.last_transition_time == time(1)));
    let failed =
        report(&newer, &steps(done(), State::Retrying(Reason::ClickHouseUnreachable)), Some(2), &time(4));
    assert_eq!(find(&failed, "TopicReady").unwrap().last_transition_time, time(1));
    assert_eq!(find(&failed, "TableReady").unwrap().last_transition_time, time(4));
    assert_eq!(find(&failed, "Ready").unwrap().last_transition_time, time(4));
}

#[test]
fn a_message_is_cut_to_what_the_apiserver_takes() {
    let long = "ä".repeat(20_000);
    let step = Step::new(ConditionType::TableReady, State::Stalled(Reason::SpecInvalid), long);
    let conditions = report(&[], &[step], Some(1), &time(1));
    assert!(conditions.iter().all(|condition| condition.message.len() <= 32_768));
}

#[test]
fn every_reason_is_its_variants_name_and_has_cause_and_remedy() {
    for reason in Reason::ALL {
        assert_eq!(reason.as_str(), format!("{reason:?}"));
        assert!(reason.cause().ends_with('.') && reason.remedy().ends_with('.'), "{reason}");
    }
    let distinct: std::collections::BTreeSet<_> = Reason::ALL.into_iter().collect();
    assert_eq!(distinct.len(), Reason::ALL.len());
}
