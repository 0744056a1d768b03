//! The program behind `make demo`: exits with 0 only if every number is what the generator says.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use e2e::demo;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let is_right = demo::run(demo::Settings::parse()).await?;
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
