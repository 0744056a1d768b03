//! Online: what asks a running stream, and the few things that change it.
//!
//! ```text
//! flags, kubeconfig ─▶ cluster ─▶ reach ─▶ kafka, clickhouse ─▶ status, audit, letters, replay, send, tail, report
//!                      (asks)     (addresses)  (ask)             (decide and tell; what decides is pure)
//! ```
//! In: arguments. Out: text for people or tools, and how it ended. `cluster.rs`, `kafka.rs` and `clickhouse.rs` are the only places with IO;
//! `plan` has its own, through the operator's gateways.
//! Not here: any judgement of a spec; the operator has judged it, and its status is shown. Of a plan, it judges here.

mod audit;
mod clickhouse;
mod cluster;
mod ends;
mod kafka;
mod letters;
pub(crate) mod plan;
mod reach;
mod replay;
mod report;
mod send;
mod status;
mod suspend;
mod tail;
mod words;

use std::io::{Read, Write};

use anyhow::{Context, Result};

use crate::arguments::PlanArguments;
use crate::arguments::online::OnlineCommand;
use crate::exit::Exit;

/// Runs `plan --online`.
///
/// # Errors
/// When a file cannot be read, or the apiserver does not answer.
pub fn plan(arguments: &PlanArguments, input: &mut dyn Read, out: &mut dyn Write) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("failed to start")?.block_on(plan::run(arguments, input, out))
}

/// Runs a command that asks a running stream.
///
/// # Errors
/// When somebody does not answer, or a name is not there.
pub fn run(command: &OnlineCommand, input: &mut dyn Read, out: &mut dyn Write) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.context("failed to start")?.block_on(async {
        match command {
            OnlineCommand::Status(arguments) => status::run(arguments, out).await,
            OnlineCommand::Audit(arguments) => audit::run(arguments, out).await,
            OnlineCommand::DeadLetters(arguments) => letters::run(arguments, out).await,
            OnlineCommand::Suspend(stream) => suspend::run(stream, true, out).await,
            OnlineCommand::Resume(stream) => suspend::run(stream, false, out).await,
            OnlineCommand::Report(arguments) => report::run(arguments, out).await,
            OnlineCommand::Send(arguments) => send::run(arguments, input, out).await,
            OnlineCommand::Tail(arguments) => tail::run(arguments, out).await,
        }
    })
}

#[cfg(test)]
mod cases;
