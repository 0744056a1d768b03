//! What one event costs in the processor's pure middle.
//!
//! ```text
//! cargo bench -p processor --bench line                        nanoseconds an event, by the clock
//! cargo bench -p processor --bench line -- counts              instructions an event, held against instructions.txt (make counts)
//! cargo bench -p processor --bench line -- profile [WORKLOAD]  instructions by room and function (make profile)
//! cargo bench -p processor --bench line -- read FILE           the same of a whole processor that ran under callgrind
//! ```
//! In: workloads, which are defined once (`workload.rs`). Out: tables. Not here: Kafka, compression, ClickHouse.

mod callgrind;
mod clock;
mod counts;
mod event;
mod profile;
mod rooms;
mod stand;
mod table;
mod workload;

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use crate::counts::N_EVENTS;
use crate::stand::Stand;
use crate::workload::Workload;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "what is wrong is for the screen")]
            {
                eprintln!("\n{error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // cargo adds `--bench`.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => clock::measure(),
        ["counts"] => counts::judge(),
        ["profile"] => profile::of_workload(&workload::WORKLOADS[0]),
        ["profile", name] => profile::of_workload(&Workload::named(name)?),
        ["read", file] => profile::of_file(Path::new(file)),
        ["round", name] => one_round(&Workload::named(name)?),
        _ => bail!("say nothing, `counts`, `profile` with the name of a workload, or `read` with a file"),
    }
}

/// What callgrind runs: a round to warm up, and one that is counted.
fn one_round(workload: &Workload) -> anyhow::Result<()> {
    let events = workload.events(N_EVENTS);
    let mut stand = Stand::new(workload)?;
    stand.round(&events)?;
    stand::counted_round(&mut stand, &events)
}
