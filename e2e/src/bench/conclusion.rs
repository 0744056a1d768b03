//! The end of a benchmark: kills, configurations, tables, bars, the page.
//!
//! In: what was measured. Out: lines on the screen, and the page when the whole benchmark was run and no count was wrong.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::contender::{Contender, Done};
use super::tables::{self, Rows};
use super::{Bench, growth, kills, page};
use crate::screen::thousands;

impl Bench {
    /// Kills every contender that writes, one after the other.
    pub(super) async fn kill_all(&mut self) -> Result<()> {
        let (kills, seed) = (self.report.plan.kills, self.report.plan.seed);
        if kills == 0 {
            return Ok(());
        }
        self.screen
            .step(&format!("Kill each contender {kills} times with -9 while events keep coming"), "")?;
        let writers = self.contenders.iter().filter(|contender| contender.done() != Done::OwnWord);
        for contender in writers.cloned().collect::<Vec<Arc<dyn Contender>>>() {
            let name = contender.name();
            let losses = kills::kill(&mut self.ground, &contender, kills, seed).await;
            let words = match &losses {
                Ok(losses) => format!(
                    "{} kills, {} events: {} lost, {} doubled",
                    losses.kills,
                    thousands(losses.events),
                    thousands(losses.lost),
                    thousands(losses.doubled)
                ),
                Err(error) => format!("no result: {error:#}"),
            };
            self.screen.line(&format!("   {name:<16} {words}"))?;
            self.report.losses.push((name, losses.map_err(|error| format!("{error:#}"))));
        }
        Ok(())
    }

    /// Shows what came out, and writes the page.
    pub(super) fn conclude(&mut self, begun: Instant) -> Result<()> {
        let report = &self.report;
        let parts = self.settings.part.clone();
        let mut shown: Vec<(&str, Rows, &[usize])> = vec![
            ("The main workload", tables::main(report), &[]),
            ("Other workloads", tables::others(report), &[]),
            ("After the kills", tables::kills(report), &[]),
            ("From the app's call to the row", tables::latency(report), &[]),
            ("Small streams", tables::streams(report), &[]),
            ("The operator with many pipelines", tables::pipelines(report), &[]),
            ("Bars", tables::demands(report, &parts), &[1, 2]),
        ];
        shown.extend(
            growth::families().iter().map(|family| (family.title, tables::growth(report, family), &[][..])),
        );
        // A part that was not measured has a table of nothing but its head, or of dashes.
        let is_measured = |row: &Vec<String>| row.iter().skip(1).any(|cell| cell != "–");
        shown.retain(|(_, rows, _)| rows.iter().skip(1).any(is_measured));
        for (title, rows, text) in shown {
            self.screen.step(title, "")?;
            self.screen.table(&rows, text)?;
        }
        for run in self.report.void() {
            let faults = run.faults.join("; ");
            self.screen.line(&format!("   VOID: {} ({}): {faults}", run.contender, run.workload))?;
        }
        let folder = self.ground.folder.display().to_string();
        self.screen.line(&format!("\n   results, configurations and logs: {folder}"))?;
        if self.settings.is_whole() && self.report.is_right() {
            page::write(&self.ground.settings.repository, &self.report, &parts)?;
            self.screen.line("   docs/benchmarks.md is written")?;
        } else {
            self.screen.line("   docs/benchmarks.md is left as it is: it holds the whole benchmark, with every count right")?;
        }
        let seconds = begun.elapsed().as_secs();
        Ok(self.screen.line(&format!("   it took {} min {} s", seconds / 60, seconds % 60))?)
    }
}
