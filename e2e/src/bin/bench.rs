//! The program behind `make bench`: exits with 0 only if every count was right.
//!
//! In: the command line, and KAFKA of the environment. Out: lines on the screen; what it measured is in `e2e/src/bench.rs`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use e2e::bench;
use tokio::signal::unix::{SignalKind, signal};

/// How long an interrupted benchmark may take to end what it has started.
const ENDING: Duration = Duration::from_secs(30);

/// Measures Tributary against what people would use instead.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    settings: bench::Settings,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let run = || -> anyhow::Result<Option<bool>> {
        let runtime = tokio::runtime::Runtime::new()?;
        let outcome = runtime.block_on(until_ended(arguments));
        // What is under way ends its processes when it is dropped.
        runtime.shutdown_timeout(ENDING);
        outcome
    };
    match run() {
        Ok(Some(true)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // With nobody to read the message, the exit code still tells.
            drop(writeln!(std::io::stderr(), "\nthe benchmark cannot go on: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the benchmark; nothing when it is interrupted, and whatever it has started ends with it.
async fn until_ended(arguments: Arguments) -> anyhow::Result<Option<bool>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        outcome = bench::run(arguments.settings) => outcome.map(Some),
        _ = interrupt.recv() => Ok(None),
        _ = terminate.recv() => Ok(None),
    }
}
