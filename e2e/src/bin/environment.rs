//! The one program that owns the local environment: `up`, `down`, `status`, `logs`, `images`, `check`, `crash`,
//! and what tests and other programs ask of it: `stop`, `start`, `programs`.
//!
//! In: the command line. Out: lines for the person who waits, and exit code 1 with one message on the standard error output when
//! something is wrong.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use e2e::environment::settings::Settings;
use e2e::environment::{check, commands, crash, down, images, probe, programs, status, up};

/// A real Kubernetes, Kafka and ClickHouse on this machine, for development and tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Brings the environment up; a second time it mends what is not running.
    Up,
    /// Takes everything down and removes its data; built programs stay in the cache.
    Down,
    /// Shows each part with its process, address and memory.
    Status,
    /// Builds programs into the cache without bringing anything up: `programs kubectl helm`.
    Programs {
        /// Which ones; all when none is named.
        names: Vec<String>,
    },
    /// Compiles our programs and brings their images into the cluster.
    Images {
        /// Which ones: operator, processor; both when none is named.
        names: Vec<String>,
    },
    /// Stops one part, for a test of what happens without it.
    Stop {
        /// The part, as `status` names it.
        part: String,
    },
    /// Starts one part again and waits until it answers.
    Start {
        /// The part, as `status` names it.
        part: String,
    },
    /// Shows the end of the log of a part.
    Logs {
        /// The part, as `status` names it.
        part: String,
        /// How many lines.
        #[arg(long, default_value_t = 100)]
        lines: usize,
    },
    /// Proves with pods of its own that the environment does what Tributary needs.
    Check,
    /// Kills `up` and the parts again and again, and proves that `down` leaves the machine as it was; up afterwards.
    Crash,
    /// What the pods of `check` run.
    #[command(hide = true)]
    Probe {
        /// Serve over HTTP afterwards.
        #[arg(long)]
        serve: bool,
        /// Ask this Service too.
        #[arg(long)]
        service: Option<String>,
    },
}

fn main() -> ExitCode {
    let settings = Settings::from_environment();
    let outcome = match Arguments::parse().action {
        Action::Up => up::up(&settings),
        Action::Down => down::down(&settings),
        Action::Status => status::status(&settings),
        Action::Programs { names } => programs::programs(&settings, &names),
        Action::Images { names } => images::images(&settings, &names),
        Action::Stop { part } => up::stop(&settings, &part),
        Action::Start { part } => up::start(&settings, &part),
        Action::Logs { part, lines } => status::logs(&settings, &part, lines),
        Action::Check => check::check(&settings),
        Action::Crash => crash::crash(&settings),
        Action::Probe { serve, service } => probe::probe(serve, service.as_deref()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::complain(format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
