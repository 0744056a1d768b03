//! The page: `docs/benchmarks.md` and its picture, written from a report; and the raw results beside the logs.
//!
//! In: the [`Report`]. Out: the sections of the page between their marks, one for each part that was measured; what people wrote around
//! them stays, and so do the sections of other parts. A quick benchmark leaves the page alone.
//! Not here: what the numbers mean; that is for the part of the page that people write.

mod picture;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::report::Report;
use super::tables::{self, Rows};
use super::workload::Workload;
use super::{Part, growth};
use crate::screen::thousands;

const PAGE: &str = "docs/benchmarks.md";
const PICTURE: &str = "docs/benchmarks.svg";

/// Writes the sections of parts, and the picture when ours was measured beside its peers.
pub fn write(repository: &Path, report: &Report, parts: &[Part]) -> Result<()> {
    let page = repository.join(PAGE);
    let mut text = std::fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
    for part in parts {
        text = renewed(&text, *part, &section(report, *part)?)?;
    }
    std::fs::write(&page, text).with_context(|| format!("writing {}", page.display()))?;
    if parts.contains(&Part::Peers) {
        let picture = repository.join(PICTURE);
        std::fs::write(&picture, picture::draw(report)?)
            .with_context(|| format!("writing {}", picture.display()))?;
    }
    Ok(())
}

/// Writes the raw results and each contender's configuration into a folder.
pub fn keep(folder: &Path, report: &Report) -> Result<()> {
    let text = serde_json::to_string_pretty(report).context("writing the results")?;
    std::fs::write(folder.join("results.json"), text).context("writing the results")?;
    let sections = Part::ALL.iter().map(|part| section(report, *part)).collect::<Result<Vec<_>>>()?;
    std::fs::write(folder.join("benchmarks.md"), sections.join("\n")).context("writing the page")?;
    std::fs::write(folder.join("benchmarks.svg"), picture::draw(report)?).context("writing the picture")?;
    for entry in &report.entries {
        std::fs::write(folder.join(format!("{}.txt", entry.name)), &entry.configuration)
            .with_context(|| format!("writing the configuration of {}", entry.name))?;
    }
    Ok(())
}

/// Replaces what stands between the marks of a part.
fn renewed(page: &str, part: Part, section: &str) -> Result<String> {
    let mark = |end: &str| format!("<!-- {}, written by make bench: {end} -->", part.name());
    let (begin, end) = (mark("begin"), mark("end"));
    let around = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = around else {
        bail!("{PAGE} has lost its marks; put these two lines where the results belong:\n{begin}\n{end}");
    };
    Ok(format!("{before}{begin}\n{section}{end}{after}"))
}

/// What was measured of a part, under the machine and the command.
fn section(report: &Report, part: Part) -> Result<String> {
    let mut out = String::new();
    head(&mut out, report, part)?;
    match part {
        Part::Peers => peers(&mut out, report)?,
        Part::Growth => growth(&mut out, report)?,
        Part::Latency => table(&mut out, &tables::latency(report))?,
        Part::Streams => streams(&mut out, report)?,
        Part::Pipelines => table(&mut out, &tables::pipelines(report))?,
    }
    let bars = tables::demands(report, &[part]);
    if bars.len() > 1 {
        writeln!(out, "\n### Bars\n")?;
        table(&mut out, &bars)?;
    }
    Ok(out)
}

fn head(out: &mut String, report: &Report, part: Part) -> Result<()> {
    let plan = &report.plan;
    for (name, value) in &report.machine {
        writeln!(out, "- {name}: {value}")?;
    }
    let quick = if plan.quick { " QUICK=1" } else { "" };
    let extent = match part {
        Part::Peers => format!("{} events and {} pairs a contender", thousands(plan.events), plan.rounds),
        Part::Growth => format!("{} events and {} rounds", thousands(plan.other_events), plan.other_rounds),
        Part::Latency => format!("{} s a run", plan.seconds),
        Part::Streams => format!("{} s a reading", 2 * plan.seconds),
        Part::Pipelines => "one run each".to_owned(),
    };
    writeln!(out, "- command: `make bench PART={}{quick}`, {extent}, seed {}\n", part.name(), plan.seed)?;
    Ok(())
}

fn peers(out: &mut String, report: &Report) -> Result<()> {
    let plan = &report.plan;
    writeln!(out, "![CPU an event]({})\n", PICTURE.trim_start_matches("docs/"))?;
    writeln!(out, "### {}\n", Workload::MAIN)?;
    table(out, &tables::main(report))?;
    writeln!(
        out,
        "\n### Other events\n\n{} events, {} rounds of ours, floor and value.\n",
        thousands(plan.other_events),
        plan.other_rounds
    )?;
    table(out, &tables::others(report))?;
    writeln!(out, "\n### After {} kills with -9 under load\n", plan.kills)?;
    table(out, &tables::kills(report))?;
    for (name, losses) in &report.losses {
        if let Err(why) = losses {
            writeln!(out, "\n{name}: {}", why.lines().next().unwrap_or_default())?;
        }
    }
    remarks(out, report)?;
    contenders(out, report)
}

fn growth(out: &mut String, report: &Report) -> Result<()> {
    for family in growth::families() {
        writeln!(out, "\n### {}\n", family.title)?;
        table(out, &tables::growth(report, &family))?;
    }
    Ok(())
}

fn streams(out: &mut String, report: &Report) -> Result<()> {
    table(out, &tables::streams(report))?;
    writeln!(out, "\nRequests of an idle stream to Kafka in a minute: {}.", tables::requests(report))?;
    Ok(())
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
    use super::{Part, renewed};

    #[test]
    fn what_people_wrote_stays() {
        let page = |text: &str| {
            format!(
                "# Before\n<!-- latency, written by make bench: begin -->\n{text}<!-- latency, written by make bench: end -->\nafter\n"
            )
        };
        let written = renewed(&page("old\n"), Part::Latency, "new\n").unwrap();
        assert_eq!(written, page("new\n"));
        assert_eq!(renewed(&written, Part::Latency, "new\n").unwrap(), written);
        assert!(renewed(&written, Part::Streams, "new").is_err(), "the marks are another part's");
    }

    #[test]
    fn the_page_of_the_repository_has_its_marks() {
        let page = include_str!("../../../docs/benchmarks.md");
        assert!(Part::ALL.iter().all(|part| renewed(page, *part, "").is_ok()));
    }
}
