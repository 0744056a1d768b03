//! Clock: nanoseconds an event.
//!
//! In: the workloads. Out: one printed line each. The least of several rounds is printed: other work on the machine only ever adds.
//! Not here: any judgement; times are noisy, instructions are not (`counts.rs`).

use std::time::Instant;

use crate::stand::Stand;
use crate::workload::WORKLOADS;

/// Events of one batch.
const N_EVENTS: usize = 50_000;

/// How often each workload runs.
const N_ROUNDS: usize = 12;

/// Measures all workloads.
///
/// # Errors
/// When an event does not end as its workload says.
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
pub(crate) fn measure() -> anyhow::Result<()> {
    println!("{:36} {:>9} {:>9}", "workload", "bytes", "ns");
    for workload in WORKLOADS {
        let events = workload.events(N_EVENTS);
        let n_bytes: usize = events.iter().map(String::len).sum();
        let mut stand = Stand::new(&workload)?;
        let mut best = u128::MAX;
        for _ in 0..N_ROUNDS {
            let start = Instant::now();
            stand.round(&events)?;
            best = best.min(start.elapsed().as_nanos());
        }
        println!("{:36} {:9} {:9}", workload.name, n_bytes / N_EVENTS, best / N_EVENTS as u128);
    }
    Ok(())
}
