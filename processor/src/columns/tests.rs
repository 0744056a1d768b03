//! Buffers and blocks: widths of dictionaries, missing values, ranges, memory that is used again.

use crds::columns::{Column, ColumnType, ScalarType, table_columns};
use serde_json::{Value, json};

use super::buffer::Buffer;
use super::frame::Packer;
use super::read::Block;
use super::{Rows, envelope};

/// Builds the columns of a table without schemas, and these before `extra`.
fn rows(columns: &[(&str, ColumnType)]) -> Rows {
    let mut all = table_columns(&[]).unwrap();
    for (name, column_type) in columns {
        let column =
            Column { name: (*name).to_owned(), column_type: column_type.clone(), comment: String::new() };
        all.insert(all.len() - 1, column);
    }
    Rows::new(&all)
}

fn block(rows: &Rows, range: std::ops::Range<usize>) -> Block {
    Block::of(rows, range)
}

/// Index of the first column behind the envelope.
const FIRST: usize = 7;

#[test]
fn a_dictionary_takes_one_two_or_four_bytes_a_row_as_it_grows() {
    for n_keys in [1, 255, 256, 65_535, 65_536, 70_000] {
        let mut rows = rows(&[("word", ColumnType::LowCardinality)]);
        for index in 0..n_keys {
            rows.column(FIRST).push_text(format!("word {index}").as_bytes());
            rows.end_row(1);
        }
        let block = block(&rows, 0..n_keys);
        for index in [0, n_keys / 2, n_keys - 1] {
            assert_eq!(*block.value(index, "word"), json!(format!("word {index}")), "{n_keys} keys");
        }
    }
}

#[test]
fn a_nullable_dictionary_tells_null_from_the_empty_string() {
    let mut rows = rows(&[("word", ColumnType::LowCardinalityNullable)]);
    let words = [None, Some(""), None, Some("a"), Some(""), Some(""), Some("a")];
    for word in words {
        if let Some(word) = word {
            rows.column(FIRST).push_text(word.as_bytes());
        }
        rows.end_row(1);
    }
    let block = block(&rows, 0..words.len());
    let read: Vec<&Value> = (0..words.len()).map(|row| block.value(row, "word")).collect();
    assert_eq!(json!(read), json!(words));
}

#[test]
fn columns_that_no_row_touched_are_written_as_missing_values() {
    let types = [
        ("plain", ColumnType::Plain(ScalarType::Int16), json!(0)),
        ("text", ColumnType::Plain(ScalarType::String), json!("")),
        ("nullable", ColumnType::Nullable(ScalarType::Float64), json!(null)),
        ("list", ColumnType::Array(ScalarType::String), json!([])),
        ("json", ColumnType::Json, json!({})),
        ("low", ColumnType::LowCardinality, json!("")),
        ("lownull", ColumnType::LowCardinalityNullable, json!(null)),
        ("uuid", ColumnType::Nullable(ScalarType::Uuid), json!(null)),
    ];
    let columns: Vec<(&str, ColumnType)> =
        types.iter().map(|(name, kind, _)| (*name, kind.clone())).collect();
    let mut rows = rows(&columns);
    (0..3).for_each(|_| rows.end_row(1));
    rows.column(FIRST).push_fixed(5_i16.to_le_bytes());
    rows.end_row(1);
    for range in [0..4, 1..4, 0..2, 3..4, 2..2] {
        let block = block(&rows, range.clone());
        for (row, (name, _, missing)) in
            range.clone().flat_map(|row| types.iter().map(move |kind| (row, kind)))
        {
            let expected = if row == 3 && *name == "plain" { json!(5) } else { missing.clone() };
            assert_eq!(*block.value(row - range.start, name), expected, "{name} of row {row}");
        }
    }
}

#[test]
fn a_range_of_rows_is_what_the_whole_block_has_there() {
    let mut rows = rows(&[
        ("text", ColumnType::Plain(ScalarType::String)),
        ("list", ColumnType::Array(ScalarType::String)),
        ("low", ColumnType::LowCardinality),
    ]);
    for index in 0..50_usize {
        if index % 3 != 0 {
            rows.column(FIRST).push_text("x".repeat(index * 7).as_bytes());
        }
        if index % 4 != 0 {
            (0..index % 5)
                .for_each(|element| rows.column(FIRST + 1).push_element_text(&[b'a' + element as u8]));
            rows.column(FIRST + 1).end_list(index % 5);
        }
        if index % 2 == 0 && index < 40 {
            rows.column(FIRST + 2).push_text(format!("w{}", index % 6).as_bytes());
        }
        rows.end_row(1);
    }
    let whole = block(&rows, 0..50);
    for (from, to) in [(0, 50), (0, 1), (49, 50), (10, 40), (39, 50), (25, 25), (45, 60)] {
        let part = block(&rows, from..to);
        assert_eq!(part.n_rows, to.min(50) - from);
        for (column, values) in part.columns.iter().enumerate() {
            assert_eq!(
                values[..],
                whole.columns[column][from..to.min(50)],
                "rows {from} to {to} of column {column}"
            );
        }
    }
}

/// Rows with a text of so many bytes each, packed as they come, which lack every seventh offset.
fn long_rows(n_rows: usize, length: usize) -> Rows {
    let mut rows = rows(&[("text", ColumnType::Plain(ScalarType::String))]);
    let mut packer = Packer::default();
    for row in 0..n_rows {
        rows.column(envelope::OFFSET).push_fixed((row as i64 + row as i64 / 6).to_le_bytes());
        rows.column(FIRST).push_text(format!("{row:length$}").as_bytes());
        rows.end_row(length);
        rows.pack_when_full(&mut packer);
    }
    rows
}

#[test]
fn a_large_batch_is_packed_piece_by_piece_and_any_range_of_it_is_whole() {
    let rows = long_rows(5_000, 1_000);
    let frames: Vec<_> = rows.frames(0..5_000).collect::<Result<_, _>>().unwrap();
    assert!(frames.len() > 5, "{} pieces", frames.len());
    assert_eq!(rows.frames(0..0).count(), 0);
    assert!(rows.memory() < rows.n_bytes() / 3, "{} of {}", rows.memory(), rows.n_bytes());
    for range in [0..5_000, 0..1, 900..1_100, 1_500..1_501, 4_000..5_000, 4_999..5_000] {
        let block = block(&rows, range.clone());
        assert_eq!(block.n_rows, range.len(), "{range:?}");
        for (at, row) in range.enumerate() {
            assert_eq!(*block.value(at, "text"), json!(format!("{row:1000}")));
            assert_eq!(*block.value(at, "_offset"), json!(rows.offset_of(row)));
            assert_eq!(rows.offset_of(row), row as i64 + row as i64 / 6);
        }
    }
}

#[test]
fn a_second_try_sends_what_was_packed_for_the_first() {
    let rows = long_rows(3_000, 1_000);
    let frames = || rows.frames(0..3_000).collect::<Result<Vec<_>, _>>().unwrap();
    let (first, second) = (frames(), frames());
    assert_eq!(first, second);
    assert_eq!(first[0].as_ptr(), second[0].as_ptr(), "a piece is copied");
}

#[test]
fn strings_longer_than_a_length_byte_are_written_whole() {
    let column = Column {
        name: "t".into(),
        column_type: ColumnType::Plain(ScalarType::String),
        comment: String::new(),
    };
    for length in [127, 128, 16_383, 16_384, 100_000] {
        let mut buffer = Buffer::new(&column);
        buffer.push_text("y".repeat(length).as_bytes());
        buffer.push_text(b"z");
        let mut bytes = vec![1, 1];
        buffer.encode(1..2, &mut bytes);
        assert_eq!(Block::read(&bytes).columns[0], [json!("z")], "after {length} bytes");
    }
}
