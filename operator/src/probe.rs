//! Probe: `operator probe URL` asks an operator whether it does its work. `helm test` runs it, as the image has no other program.
//!
//! In: the address of `/readyz`. Out: nothing, or an error that says what was answered.
//! Not here: anything that needs rights: the pod of the test has none.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;

/// How long an operator that was installed a moment ago may take until its Service leads to it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

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

    /// Asks, again and again until all is well or there is no patience left.
    ///
    /// # Errors
    /// When nobody answers, or when the operator says that it does not do its work.
    pub async fn ask(&self, patience: Duration) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(ANSWER)
            .no_proxy()
            .build()
            .context("failed to make the HTTP client")?;
        let begun = Instant::now();
        loop {
            match self.ask_once(&client).await {
                Err(_) if begun.elapsed() < patience => tokio::time::sleep(PAUSE).await,
                outcome => return outcome,
            }
        }
    }

    async fn ask_once(&self, client: &reqwest::Client) -> anyhow::Result<()> {
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
