//! The generator keeps its promises: same seed, same bytes; every defect; every record has one fate.

use std::collections::BTreeSet;

use crds::rejection::RejectionReason;

use super::defect::Defect;
use super::expected::Expected;
use super::{App, Fate, Generator, MINUTES, Record, Request};

const NOW: i64 = 1_795_860_000_000;

fn records(app: App, seed: u64) -> Vec<Record> {
    Generator::new(Request { app, seed, events: 20_000, now: NOW, defects: true }).collect()
}

fn expected(records: &[Record]) -> Expected {
    let mut expected = Expected::default();
    records.iter().for_each(|record| expected.add(&record.fate));
    expected
}

#[test]
fn equal_seeds_give_equal_records_and_other_seeds_others() {
    assert_eq!(records(App::Ios, 7), records(App::Ios, 7));
    assert_ne!(records(App::Ios, 7), records(App::Ios, 8));
}

#[test]
fn about_three_in_a_hundred_are_bad_in_every_way_there_is() {
    let expected = expected(&records(App::Ios, 7));
    let share = expected.dead_lettered() as f64 / expected.sent as f64;
    assert!((0.025..0.035).contains(&share), "{share}");
    let reasons: BTreeSet<RejectionReason> = Defect::ALL.iter().map(|defect| defect.reason()).collect();
    assert_eq!(expected.dead_letters.keys().copied().collect::<BTreeSet<_>>(), reasons);
    assert!(reasons.len() >= 12);
}

#[test]
fn every_record_has_exactly_one_fate() {
    for app in App::ALL {
        let expected = expected(&records(app, 7));
        assert_eq!(
            expected.sent,
            expected.stored() + expected.dead_lettered() + expected.filtered + expected.deduplicated
        );
    }
}

#[test]
fn only_android_filters_and_repeats_and_only_ios_forwards() {
    let (ios, android) = (expected(&records(App::Ios, 7)), expected(&records(App::Android, 7)));
    assert_eq!(ios.filtered, 0);
    assert!(android.filtered > 0);
    assert_eq!(ios.deduplicated, 0);
    assert!(android.deduplicated > 50);
    assert!(!ios.forwarded.is_empty());
    assert!(android.forwarded.is_empty());
}

#[test]
fn events_lie_within_the_last_half_hour_and_their_rate_swings() {
    let mut by_minute = vec![0_u32; MINUTES as usize];
    for record in records(App::Ios, 7) {
        let Fate::Stored { .. } = record.fate else { continue };
        let value: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        let time: jiff::Timestamp = value["event_time"].as_str().unwrap().parse().unwrap();
        by_minute[((time.as_millisecond() - NOW) / 60_000 + MINUTES - 1) as usize] += 1;
    }
    let (least, most) = (by_minute.iter().min().unwrap(), by_minute.iter().max().unwrap());
    assert!(*least > 0 && most > &(least * 2), "{by_minute:?}");
}

#[test]
fn a_stored_event_has_an_id_of_its_own() {
    let records = records(App::Android, 7);
    let ids: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| match &record.fate {
            Fate::Stored { id, .. } => Some(id.as_str()),
            Fate::DeadLettered(_) | Fate::Filtered | Fate::Deduplicated => None,
        })
        .collect();
    assert_eq!(ids.len() as u64, expected(&records).stored());
}

#[test]
fn a_repeated_event_is_one_that_was_stored_before_under_the_same_key() {
    let mut stored = BTreeSet::new();
    for record in records(App::Android, 7) {
        match record.fate {
            Fate::Stored { .. } => assert!(stored.insert((record.key, record.value))),
            Fate::Deduplicated => assert!(stored.contains(&(record.key, record.value))),
            Fate::DeadLettered(_) | Fate::Filtered => {}
        }
    }
}
