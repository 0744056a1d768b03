//! The binary `kubectl-tributary`: kubectl finds it on the PATH and runs it as `kubectl tributary`.
//!
//! In: the command line. Out: the command's text on standard output, what kept it from running on standard error, and the exit
//! code of [`cli::exit::Exit`].

use std::io::{Write, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser;
use cli::arguments::Arguments;
use cli::exit::Exit;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = stdout().lock();
    let exit = cli::run(&arguments, &mut stdin().lock(), &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    let exit = exit.unwrap_or_else(|error| {
        // Where even standard error is closed, the exit code still tells.
        writeln!(stderr(), "error: {error:#}").ok();
        Exit::NotRun
    });
    ExitCode::from(exit.code())
}
