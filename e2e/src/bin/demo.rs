//! The program behind `make demo`: exits with 0 only if every number is what the generator says.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use e2e::demo;

#[tokio::main]
async fn main() -> ExitCode {
    match demo::run(demo::Settings::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // With nobody to read the message, the exit code still tells.
            drop(writeln!(std::io::stderr(), "\nthe demo cannot go on: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
