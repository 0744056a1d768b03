//! The generator: the same seed gives the same bytes, sizes are as the names say, and each flaw is what it is called.

use serde_json::Value;

use super::generator::{Expected, Fate, Flaw, Generator};
use super::{Compression, Shape, Size, Workload};

fn events(workload: &Workload, n: usize) -> Vec<(String, Fate)> {
    let mut generator = Generator::new(workload, 7).unwrap();
    let mut event = String::new();
    (0..n)
        .map(|_| {
            let fate = generator.next(&mut event).unwrap();
            (event.clone(), fate)
        })
        .collect()
}

fn all() -> impl Iterator<Item = Workload> {
    [Workload::MAIN].into_iter().chain(Workload::OTHERS)
}

#[test]
fn the_same_seed_gives_the_same_events() {
    assert_eq!(events(&Workload::MAIN, 500), events(&Workload::MAIN, 500));
}

#[test]
fn sizes_are_as_the_names_say() {
    for workload in all().filter(|workload| workload.rejected < 50) {
        let events = events(&workload, 1_000);
        let mean = events.iter().map(|(event, _)| event.len()).sum::<usize>() / events.len();
        let wanted = match workload.size {
            Size::Small => 470..=530,
            Size::Large => 1_500..=1_700,
        };
        assert!(wanted.contains(&mean), "{workload}: {mean} bytes");
    }
}

#[test]
fn as_many_are_rejected_as_asked() {
    for (percent, range) in [(0, 0..=0), (1, 60..=140), (50, 4_800..=5_200)] {
        let workload = Workload { rejected: percent, ..Workload::MAIN };
        let mut expected = Expected::default();
        events(&workload, 10_000).iter().for_each(|(event, fate)| expected.add(event.len(), *fate));
        assert!(range.contains(&expected.rejected), "{expected:?}");
        assert_eq!((expected.rows + expected.rejected, expected.events), (10_000, 10_000));
    }
}

#[test]
fn each_flaw_is_what_it_is_called() {
    for shape in [Shape::Flat, Shape::Nested] {
        let workload = Workload { shape, rejected: 50, size: Size::Large, compression: Compression::None };
        for (event, fate) in events(&workload, 400) {
            let parsed = serde_json::from_str::<Value>(&event);
            let order = |key: &str| match (&parsed, shape) {
                (Ok(event), Shape::Flat) => event[format!("order_{key}")].clone(),
                (Ok(event), Shape::Nested) => event["order"][key].clone(),
                (Err(_), _) => Value::Null,
            };
            let (amount, quantity) = (order("amount").as_f64(), order("quantity"));
            let seen = match (&parsed, amount, quantity) {
                (Err(_), ..) => Fate::Rejected(Flaw::BrokenJson),
                (_, _, Value::Null) => Fate::Rejected(Flaw::FieldMissing),
                (_, _, Value::String(_)) => Fate::Rejected(Flaw::WrongType),
                (_, Some(amount), _) if amount < 0.0 => Fate::Rejected(Flaw::OutOfRange),
                (_, amount, _) => Fate::Stored { cents: (amount.unwrap_or_default() * 100.0).round() as u64 },
            };
            assert_eq!(seen, fate, "{event}");
        }
    }
}

#[test]
fn flat_and_nested_events_fill_the_same_columns() {
    let nested = Workload { shape: Shape::Nested, ..Workload::MAIN };
    assert_eq!(Workload::MAIN.columns().unwrap(), nested.columns().unwrap());
    assert_eq!(Workload::MAIN.columns().unwrap().len(), 7 + 15 + 1);
}
