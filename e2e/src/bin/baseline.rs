//! The two baselines of `make bench`, each a process of its own: `baseline value` and `baseline floor`.
//!
//! In: the StreamConfig and the secrets below `--root`, as the processor has them. Out: what the mode says; exit code 1 with one message
//! when something is wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use e2e::baseline::{floor, value};

// The processor's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What Tributary is measured against, on the same events.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// A JSON tree an event, checks on it, RowBinary; until it is ended.
    Value(value::Settings),
    /// Read, decode, encode and nothing else; until all events are read.
    Floor(floor::Settings),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().mode {
        Mode::Value(settings) => value::run(&settings),
        Mode::Floor(settings) => floor::run(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "{error:#}"));
            ExitCode::FAILURE
        }
    }
}
