//! What becomes of a record that panics, or that ends the process.

use std::panic::panic_any;

use super::*;

#[test]
fn a_record_that_panics_three_times_is_a_dead_letter_and_the_rest_goes_on() {
    let (world, runtime) = world_with(&[GOOD; 12]);
    let mut member = Member::start(&world, &runtime, 1, &[0], config());
    let tries = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = Arc::clone(&tries);
    member.flow.intake.trap(Trap(Box::new(move |record| {
        if record.position.offset == 5 {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            panic!("as asked");
        }
    })));
    assert!(member.turns(20));
    assert_eq!(tries.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(world.state().letters, [(0, 5, "PoisonRecord".to_owned())]);
    assert_eq!(stored(&world, 0).len(), 11);
    assert_eq!(committed(&world, 0).0, 12);
}

#[test]
fn a_record_that_ends_the_process_is_a_dead_letter_after_three_tries() {
    let (world, runtime) = world_with(&[GOOD; 700]);
    let poisons = [333, 334, 650];
    let mut n_deaths = 0;
    for number in 1..60 {
        let mut member =
            Member::start(&world, &runtime, number, if number == 1 { &[0] } else { &[] }, config());
        if number > 1 {
            world.expel(number - 1, number);
        }
        member.flow.intake.trap(Trap(Box::new(move |record| {
            if poisons.contains(&record.position.offset) {
                panic_any(Crash);
            }
        })));
        if member.turns(1500) {
            break;
        }
        n_deaths += 1;
    }
    let dead: Vec<i64> = world.state().letters.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(dead, poisons);
    assert!(world.state().letters.iter().all(|(_, _, reason)| reason == "PoisonRecord"));
    assert_eq!(stored(&world, 0).len(), 697);
    // Each costs the death that nobody can explain, and three tries; the first of them may fall into a range of its own.
    assert!((12..=18).contains(&n_deaths), "{n_deaths}");
}
