//! The page: `docs/benchmarks.md` and its picture, written from a report; and the raw results beside the logs.
//!
//! In: the [`Report`]. Out: the part of the page between its marks; what people wrote around it stays. A quick benchmark leaves the page
//! alone. Not here: what the numbers mean; that is for the part of the page that people write.

mod picture;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::report::Report;
use super::tables::{self, Rows};
use super::workload::Workload;
use crate::screen::thousands;

const BEGIN: &str = "<!-- written by make bench: begin -->";
const END: &str = "<!-- written by make bench: end -->";
const PAGE: &str = "docs/benchmarks.md";
const PICTURE: &str = "docs/benchmarks.svg";

/// Writes page and picture.
pub fn write(repository: &Path, report: &Report) -> Result<()> {
    let page = repository.join(PAGE);
    let text = std::fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
    let (page_text, picture) = (renewed(&text, &generated(report)?)?, repository.join(PICTURE));
    std::fs::write(&page, page_text).with_context(|| format!("writing {}", page.display()))?;
    std::fs::write(&picture, picture::draw(report)?).with_context(|| format!("writing {}", picture.display()))
}

/// Writes the raw results and each contender's configuration into a folder.
pub fn keep(folder: &Path, report: &Report) -> Result<()> {
    let text = serde_json::to_string_pretty(report).context("writing the results")?;
    std::fs::write(folder.join("results.json"), text).context("writing the results")?;
    std::fs::write(folder.join("benchmarks.md"), generated(report)?).context("writing the page")?;
    std::fs::write(folder.join("benchmarks.svg"), picture::draw(report)?).context("writing the picture")?;
    for entry in &report.entries {
        std::fs::write(folder.join(format!("{}.txt", entry.name)), &entry.configuration)
            .with_context(|| format!("writing the configuration of {}", entry.name))?;
    }
    Ok(())
}

/// Replaces what stands between the marks.
fn renewed(page: &str, generated: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        bail!("{PAGE} has lost its marks; put these two lines where the results belong:\n{BEGIN}\n{END}");
    };
    Ok(format!("{before}{BEGIN}\n{generated}{END}{after}"))
}

fn generated(report: &Report) -> Result<String> {
    let plan = &report.plan;
    let mut out = String::new();
    for (name, value) in &report.machine {
        writeln!(out, "- {name}: {value}")?;
    }
    let command = if plan.quick { "make bench QUICK=1" } else { "make bench" };
    writeln!(
        out,
        "- command: `{command}`, {} events and {} pairs a contender, seed {}",
        thousands(plan.events),
        plan.rounds,
        plan.seed
    )?;
    writeln!(out, "\n![CPU an event]({})\n", PICTURE.trim_start_matches("docs/"))?;
    writeln!(out, "### {}\n", Workload::MAIN)?;
    table(&mut out, &tables::main(report))?;
    writeln!(out, "\n### Bars\n")?;
    table(&mut out, &tables::demands(report))?;
    writeln!(
        out,
        "\n### Other events\n\n{} events, {} rounds of ours, floor and value.\n",
        thousands(plan.other_events),
        plan.other_rounds
    )?;
    table(&mut out, &tables::others(report))?;
    writeln!(out, "\n### After {} kills with -9 under load\n", plan.kills)?;
    table(&mut out, &tables::kills(report))?;
    for (name, losses) in &report.losses {
        if let Err(why) = losses {
            writeln!(out, "\n{name}: {}", why.lines().next().unwrap_or_default())?;
        }
    }
    remarks(&mut out, report)?;
    contenders(&mut out, report)?;
    Ok(out)
}

fn remarks(out: &mut String, report: &Report) -> Result<()> {
    let void: Vec<_> = report.void().collect();
    if !void.is_empty() {
        writeln!(out, "\n### Void runs\n")?;
        for run in void {
            writeln!(
                out,
                "- {} ({}): {}",
                run.contender,
                run.workload,
                run.faults.join("; ").replace('\n', " ")
            )?;
        }
    }
    if !report.absent.is_empty() {
        writeln!(out, "\n### Not here\n")?;
        for (name, why) in &report.absent {
            writeln!(out, "- {name}: {why}")?;
        }
    }
    Ok(())
}

fn contenders(out: &mut String, report: &Report) -> Result<()> {
    writeln!(out, "\n### Contenders, and what each was told\n")?;
    for entry in &report.entries {
        let start =
            if entry.warms_up { "its warm-up is not counted" } else { "everything from its start counts" };
        writeln!(
            out,
            "<details><summary>{}: {}, {}; {start}</summary>\n\n```text\n{}\n```\n\n</details>\n",
            entry.name,
            entry.title,
            entry.version,
            entry.configuration.trim_end()
        )?;
    }
    Ok(())
}

fn table(out: &mut String, rows: &Rows) -> std::fmt::Result {
    for (number, row) in rows.iter().enumerate() {
        writeln!(out, "| {} |", row.join(" | "))?;
        if number == 0 {
            let right = vec!["---:"; row.len().saturating_sub(1)];
            writeln!(out, "|---|{}|", right.join("|"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, renewed};

    #[test]
    fn what_people_wrote_stays() {
        let page = format!("# Before\n{BEGIN}\nold\n{END}\nafter\n");
        let written = renewed(&page, "new\n").unwrap();
        assert_eq!(written, format!("# Before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(renewed(&written, "new\n").unwrap(), written);
        assert!(renewed("no marks", "new").is_err());
    }

    #[test]
    fn the_page_of_the_repository_has_its_marks() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(renewed(page, "").is_ok());
    }
}
