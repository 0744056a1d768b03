//! Probe: `operator probe URL` asks an operator whether it does its work. `helm test` runs it, as the image has no other program.
//!
//! In: the address of `/readyz`. Out: nothing, or an error that says what was answered.
//! Not here: anything that needs rights: the pod of the test has none.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "operator probe",
    bin_name = "operator probe",
    about = "Asks an operator whether it does its work."
)]
pub struct Probe {
    /// Address of `/readyz`, such as `http://tributary-metrics:8080/readyz`.
    pub url: String,
}

impl Probe {
    /// Reads the arguments of the program; they are a probe's when the first is the word.
    pub fn of(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let program = arguments.next()?;
        (arguments.next()? == "probe").then(|| Self::parse_from(std::iter::once(program).chain(arguments)))
    }

    /// Asks.
    ///
    /// # Errors
    /// When nobody answers, or when the operator says that it does not do its work.
    pub async fn ask(&self) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .no_proxy()
            .build()
            .context("failed to make the HTTP client")?;
        let answer = client.get(&self.url).send().await.with_context(|| {
            format!("nobody answers at {}; is the operator running, and does a NetworkPolicy let its metrics port in?", self.url)
        })?;
        let status = answer.status();
        let said = answer.text().await.context("failed to read the answer")?;
        ensure!(status.is_success(), "the operator answers {status}: {}", said.trim());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
