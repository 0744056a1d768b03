//! When the next look is due.

use super::*;

fn key() -> Key {
    Key::new("AnalyticsPipeline", "shop", "ios")
}

fn next(pace: Pace) -> Option<Duration> {
    let look = Look { reason: Reason::Succeeded, is_ready: true, pace };
    look.next(&key(), &Retries::default(), Duration::from_secs(60))
}

#[test]
fn a_users_error_is_left_alone_for_ten_minutes() {
    assert_eq!(Pace::of_faults(&[Fault::spec("x")]), Pace::Stalled);
    assert_eq!(next(Pace::Stalled), Some(Duration::from_secs(600)));
}

#[test]
fn a_settled_object_whose_pods_follow_its_lag_is_looked_at_four_times_a_minute() {
    assert_eq!(next(Pace::Settled.by_lag()), Some(Duration::from_secs(15)));
    assert_eq!(Pace::Failing.by_lag(), Pace::Failing);
    // What is under way is waited for.
    let conditions = serde_json::json!([{"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "", "lastTransitionTime": "2026-01-02T12:00:00Z"}]);
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap();
    assert_eq!(Look::new(&conditions, Pace::Scaling).pace, Pace::Waiting);
}

#[test]
fn who_waits_for_another_object_looks_every_five_seconds() {
    let faults = [Fault::dependency(Reason::SecretNotFound, "x")];
    assert_eq!(Pace::of_faults(&faults), Pace::Waiting);
    assert_eq!(next(Pace::Waiting), Some(Duration::from_secs(5)));
}

#[test]
fn what_goes_by_itself_is_tried_again_soon_and_then_less_and_less() {
    let retries = Retries::default();
    let look = Look { reason: Reason::KafkaUnreachable, is_ready: false, pace: Pace::Failing };
    let mut last = Duration::ZERO;
    for _ in 0..6 {
        let next = look.next(&key(), &retries, Duration::from_secs(60)).unwrap();
        assert!(next > last, "{next:?} after {last:?}");
        last = next;
    }
}

#[test]
fn what_a_server_refuses_is_looked_at_again_at_the_resync() {
    let fault = Fault::new(ConditionType::TopicReady, Reason::KafkaRejected, Cure::Change, "x");
    assert_eq!(Pace::of_faults(&[fault]), Pace::Settled);
}

#[test]
fn what_may_be_mended_at_topic_table_or_deployment_is_looked_at_again_at_the_resync() {
    for (about, reason) in [
        (ConditionType::TopicReady, Reason::TopicPartitionsDecreaseNotSupported),
        (ConditionType::TopicReady, Reason::SpecInvalid),
        (ConditionType::TableReady, Reason::SpecInvalid),
        (ConditionType::TableReady, Reason::OwnershipMismatch),
        (ConditionType::ProcessorReady, Reason::ResourceConflict),
    ] {
        let fault = Fault::new(about, reason, Cure::Change, "x");
        assert_eq!(Pace::of_faults(&[Fault::spec("y"), fault]), Pace::Settled, "{about} {reason}");
    }
}

#[test]
fn what_is_under_way_is_looked_at_again_soon() {
    let mut conditions = crate::status::Conditions::new(&[], None, jiff::Timestamp::UNIX_EPOCH);
    conditions.stand(&crate::status::Standing::Progressing("x"));
    let look = Look::new(&conditions.finish(), Pace::Settled);
    assert_eq!(look, Look { reason: Reason::Progressing, is_ready: false, pace: Pace::Waiting });
}
