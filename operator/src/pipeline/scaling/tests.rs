//! Decisions as tables: a row a look, with the seconds since noon, the lag, and the pods that come of it.

use super::*;

fn noon() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

fn rule(min: i32, max: i32) -> Rule {
    Rule {
        min,
        max,
        limit: "`spec.processor.autoscaling.max`".into(),
        target_lag: 100,
        scale_in_after: Duration::from_secs(60),
    }
}

/// What it is about, the bounds, pods before, seconds and lags of the looks, pods after each.
type Row = (&'static str, (i32, i32), i32, &'static [(u64, i64)], &'static [i32]);

/// Looks in a row: what each does is there at the next. Returns the pods after each, and what was said.
fn run(rule: &Rule, begin: i32, looks: &[(u64, i64)]) -> (Vec<i32>, Vec<String>) {
    let (mut replicas, mut memory) = (begin, Memory::default());
    let (mut pods, mut said) = (Vec::new(), Vec::new());
    for (second, lag) in looks {
        let now = noon() + Duration::from_secs(*second);
        let seen = Seen { replicas, is_settled: true, lag: Some(*lag) };
        let decision = decide(rule, &seen, &memory, now);
        (replicas, memory) = (decision.replicas, decision.memory);
        pods.push(replicas);
        said.extend(decision.change.map(|change| format!("{}: {}", change.reason, change.message)));
    }
    (pods, said)
}

#[test]
fn pods_follow_the_lag() {
    let table: [Row; 15] = [
        ("nothing waits", (1, 6), 1, &[(0, 0)], &[1]),
        ("as much as a pod may have", (1, 6), 1, &[(0, 100)], &[1]),
        ("one more", (1, 6), 1, &[(0, 101)], &[2]),
        ("at most twice the pods at once", (1, 8), 1, &[(0, 9999), (30, 9999), (60, 9999)], &[2, 4, 8]),
        ("no more than the bound", (1, 3), 2, &[(0, 9999), (30, 9999)], &[3, 3]),
        ("the rebalance is waited for", (1, 8), 1, &[(0, 9999), (29, 9999), (30, 9999)], &[2, 2, 4]),
        ("fewer only after a while", (1, 6), 2, &[(0, 0), (59, 0), (60, 0)], &[2, 2, 1]),
        ("at most half at once", (1, 9), 9, &[(0, 0), (60, 0), (61, 0), (121, 0)], &[9, 5, 5, 3]),
        (
            "one peak and the while begins anew",
            (1, 6),
            2,
            &[(0, 0), (30, 150), (60, 0), (119, 0), (120, 0)],
            &[2, 2, 2, 2, 1],
        ),
        ("the most of the while counts", (1, 9), 6, &[(0, 0), (30, 500), (60, 0)], &[6, 6, 5]),
        ("at the least bound", (2, 6), 2, &[(0, 0), (600, 0)], &[2, 2]),
        ("below the bounds", (2, 6), 1, &[(0, 0)], &[2]),
        ("above the bounds", (1, 3), 7, &[(0, 9999)], &[3]),
        ("a stream that begins or goes on", (1, 6), 0, &[(0, 550), (1, 9999)], &[6, 6]),
        ("one that has nothing to catch up", (2, 6), 0, &[(0, 0), (15, 0)], &[2, 2]),
    ];
    for (what, (min, max), begin, looks, pods) in table {
        assert_eq!(run(&rule(min, max), begin, looks).0, pods, "{what}");
    }
}

#[test]
fn a_change_says_from_how_many_to_how_many_and_why() {
    let said = |max, begin, looks: &[(u64, i64)]| run(&rule(1, max), begin, looks).1;
    assert_eq!(
        said(6, 2, &[(0, 350)]),
        [
            "ScaledOut: scaled out from 2 to 4 processor pods, as 350 records wait and `spec.processor.autoscaling.targetLag` is 100 a pod"
        ]
    );
    assert_eq!(
        said(3, 0, &[(0, 900)]),
        [
            "ScaledOut: scaled out from 0 to 3 processor pods, as 900 records wait and `spec.processor.autoscaling.targetLag` is 100 a pod; this is the most by `spec.processor.autoscaling.max`"
        ]
    );
    assert_eq!(
        said(6, 3, &[(0, 0), (60, 0)]),
        ["ScaledIn: scaled in from 3 to 2 processor pods, as the lag asked for at most 1 in the last 60 s"]
    );
    assert_eq!(
        said(2, 5, &[(0, 0)]),
        ["ScaledIn: scaled in from 5 to 2 processor pods, the most by `spec.processor.autoscaling.max`"]
    );
    assert_eq!(
        run(&rule(3, 6), 1, &[(0, 0)]).1,
        ["ScaledOut: scaled out from 1 to 3 processor pods, the least by `spec.processor.autoscaling.min`"]
    );
    assert_eq!(said(6, 0, &[(0, 0)]), [""; 0], "a stream that begins as the spec says is no news");
}

#[test]
fn no_pods_are_added_while_some_do_not_work() {
    let seen = Seen { replicas: 2, is_settled: false, lag: Some(9999) };
    let decision = decide(&rule(1, 6), &seen, &Memory::default(), noon());
    assert_eq!((decision.replicas, decision.change), (2, None));
    // Too many may be why: fewer are always possible.
    let low = Some(Low { since: noon() - Duration::from_secs(60), most: 1 });
    let seen = Seen { lag: Some(0), ..seen };
    assert_eq!(decide(&rule(1, 6), &seen, &Memory { low, ..Memory::default() }, noon()).replicas, 1);
}

#[test]
fn without_the_lag_pods_stay_as_they_are_within_the_bounds() {
    let low = Some(Low { since: noon() - Duration::from_secs(600), most: 1 });
    let memory = Memory { low, ..Memory::default() };
    for (replicas, expected) in [(3, 3), (9, 6), (1, 2), (0, 2)] {
        let seen = Seen { replicas, is_settled: true, lag: None };
        let decision = decide(&rule(2, 6), &seen, &memory, noon());
        assert_eq!((decision.replicas, decision.memory.low), (expected, None), "{replicas}");
    }
}

#[test]
fn what_had_to_be_taken_back_waits_twice_as_long_the_next_time() {
    let rule = rule(1, 2);
    // One pod is not enough, two are: a scale-in after a minute, then after two, then after four.
    let (pods, _) = run(
        &rule,
        2,
        &[(0, 0), (60, 0), (90, 150), (100, 0), (160, 0), (220, 0), (250, 150), (260, 0), (499, 0), (500, 0)],
    );
    assert_eq!(pods, [2, 1, 2, 2, 2, 1, 2, 2, 2, 1]);
    // A scale-in that held long enough is none to regret.
    let (pods, _) = run(&rule, 2, &[(0, 0), (60, 0), (180, 150), (190, 0), (249, 0), (250, 0)]);
    assert_eq!(pods, [2, 1, 2, 2, 2, 1]);
}

#[test]
fn patience_has_an_end() {
    let rule = rule(1, 6);
    assert_eq!(rule.patience(0), Duration::from_secs(60));
    assert_eq!(rule.patience(1), Duration::from_secs(120));
    assert_eq!(rule.patience(u32::MAX), LONGEST_PATIENCE);
}

#[test]
fn no_lag_and_no_clock_makes_it_leave_its_bounds() {
    for lag in [i64::MIN, -1, 0, 1, i64::MAX] {
        for replicas in [0, 1, 3, 6, 7, i32::MAX] {
            for second in [-9999, 0, 9999] {
                let at = noon() + jiff::SignedDuration::from_secs(second);
                let memory = Memory {
                    changed_at: Some(at),
                    low: Some(Low { since: at, most: 5 }),
                    scaled_in_at: Some(at),
                    regrets: u32::MAX,
                };
                let seen = Seen { replicas, is_settled: true, lag: Some(lag) };
                let pods = decide(&rule(2, 6), &seen, &memory, noon()).replicas;
                assert!((2..=6).contains(&pods), "{pods} pods of {replicas} with lag {lag}");
            }
        }
    }
}
