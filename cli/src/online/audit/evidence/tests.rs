//! Tests of [`super`].

use std::collections::BTreeMap;

use processor::position::Range;

use super::{Bounds, Evidence, Stored, Word, stored, within};

fn runs(list: &[(i64, i64)]) -> Vec<Range> {
    list.iter().map(|(first, last)| Range { first: *first, last: *last }).collect()
}

fn word(number: i64, bits: u64) -> Word {
    Word { partition: 0, number, bits, rows: u64::from(bits.count_ones()) }
}

#[test]
fn words_become_runs_across_their_borders() {
    let words = [word(0, u64::MAX), word(1, 0b1011), word(3, 1 << 63)];
    let found = stored(&words);
    let expected = Stored { runs: runs(&[(0, 65), (67, 67), (255, 255)]), positions: 68, rows: 68 };
    assert_eq!(found, BTreeMap::from([(0, expected)]));
    assert!(within(&found[&0].runs, 65) && !within(&found[&0].runs, 66) && found[&0].has(255));
}

#[test]
fn words_are_read_as_clickhouse_writes_them() {
    let words = [Word { partition: -1, number: 1 << 40, bits: u64::MAX - 1, rows: 99 }, word(7, 5)];
    let mut bytes = Vec::new();
    for Word { partition, number, bits, rows } in words {
        bytes.extend(partition.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(rows.to_le_bytes());
    }
    assert_eq!(Word::read_all(&bytes), Some(words.to_vec()));
    assert_eq!(Word::read_all(&bytes[..40]), None, "an answer that was cut off is no answer");
}

#[test]
fn a_hole_is_a_settled_position_with_neither_row_nor_letter() {
    let evidence = Evidence {
        low: 10,
        acknowledged: 30,
        high: 40,
        stored: Stored { runs: runs(&[(12, 14), (20, 22)]), positions: 6, rows: 6 },
        letters: [10, 15, 16, 19, 25].into(),
    };
    assert_eq!(evidence.holes(), runs(&[(11, 11), (17, 18), (23, 24), (26, 29)]));
    assert_eq!(Evidence { low: 5, acknowledged: 5, ..Evidence::default() }.holes(), []);
}

#[test]
fn every_set_of_rows_and_letters_leaves_exactly_the_rest() {
    // All sets of rows and letters among seven offsets.
    for rows in 0..128_u64 {
        for letters in 0..128_u64 {
            let evidence = Evidence {
                low: 0,
                acknowledged: 7,
                high: 7,
                stored: stored(&[word(0, rows)]).remove(&0).unwrap_or_default(),
                letters: (0..7).filter(|offset| letters >> offset & 1 == 1).collect(),
            };
            let holes = evidence.holes();
            for offset in 0..7 {
                let is_hole = (rows | letters) >> offset & 1 == 0;
                assert_eq!(
                    within(&holes, offset),
                    is_hole,
                    "rows {rows:b}, letters {letters:b}, offset {offset}"
                );
            }
        }
    }
}

#[test]
fn rows_of_an_earlier_topic_are_not_asked_for() {
    let ranges = BTreeMap::from([(0, Range { first: 0, last: 9 }), (2, Range { first: 5, last: 6 })]);
    let bounds = Bounds { ranges, since: Some(1_700_000_000_000) };
    assert_eq!(
        bounds.condition(),
        "(_partition = 0 AND _offset BETWEEN 0 AND 9 OR _partition = 2 AND _offset BETWEEN 5 AND 6) \
         AND received_at >= fromUnixTimestamp64Milli(1700000000000, 'UTC')"
    );
    assert_eq!(Bounds { ranges: BTreeMap::new(), since: None }.condition(), "0");
}
