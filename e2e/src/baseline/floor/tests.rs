//! The fixed structs hold what the generator writes, and their columns are as long as their rows are many.

use crds::columns::ENVELOPE;

use super::cells::milliseconds;
use super::columns::Columns;
use super::events::Position;
use super::filler;
use crate::bench::workload::generator::{Fate, Flaw, Generator};
use crate::bench::workload::{Shape, Size, Workload};

const POSITION: Position<'_> = Position { topic: "t", received: 0, partition: 0, offset: 0 };

fn check(size: Size, shape: Shape) {
    let workload = Workload { size, shape, rejected: 20, ..Workload::MAIN };
    let fill = filler(size, shape);
    let mut generator = Generator::new(&workload, 11).unwrap();
    let (mut event, mut columns, mut stored) = (String::new(), Columns::default(), 0);
    for _ in 0..1_000 {
        let fate = generator.next(&mut event).unwrap();
        let is_decoded = fill(event.as_bytes(), POSITION, &mut columns);
        let wanted = matches!(fate, Fate::Stored { .. } | Fate::Rejected(Flaw::OutOfRange));
        assert_eq!(is_decoded, wanted, "{fate:?}: {event}");
        stored += usize::from(wanted);
    }
    assert_eq!(columns.rows(), stored);
    let mut block = Vec::new();
    columns.encode(&mut block);
    // All of the table's columns but the one for unknown fields.
    assert_eq!(usize::from(block[0]), ENVELOPE.len() + workload.size.fields());
}

#[test]
fn every_workload_decodes_into_its_struct() {
    for size in [Size::Small, Size::Large] {
        for shape in [Shape::Flat, Shape::Nested] {
            check(size, shape);
        }
    }
}

#[test]
fn moments_are_milliseconds_since_1970() {
    for (text, wanted) in [
        ("1970-01-01T00:00:00.000Z", Some(0)),
        ("2026-01-31T10:00:00.123Z", Some(1_769_853_600_123)),
        ("2024-02-29T23:59:59.999Z", Some(1_709_251_199_999)),
        ("yesterday", None),
    ] {
        assert_eq!(milliseconds(text.as_bytes()), wanted, "{text}");
    }
}
