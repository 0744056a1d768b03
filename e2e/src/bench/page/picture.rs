//! The picture: a bar a contender, its CPU an event, the mover's and ClickHouse's shares apart.
//!
//! In: the [`Report`]. Out: SVG that reads in light and in dark. Not here: numbers that are not in the tables.

use std::fmt::Write as _;

use anyhow::Result;

use crate::bench::report::{Entry, Report};
use crate::bench::run::Outcome;
use crate::bench::workload::Workload;

const WIDTH: f64 = 760.0;
const LABELS: f64 = 130.0;
const NUMBERS: f64 = 120.0;
const ROW: f64 = 34.0;
const TOP: f64 = 56.0;

/// Median microseconds an event: of the mover's own process, of ClickHouse.
struct Bar<'a> {
    entry: &'a Entry,
    mover: f64,
    server: f64,
}

/// Draws the picture.
pub(super) fn draw(report: &Report) -> Result<String> {
    let median = |entry: &Entry, number: fn(&Outcome) -> f64| {
        report.peers.spread(entry.name, &entry.workload, number).map(|spread| spread.median)
    };
    let bars: Vec<Bar<'_>> = report
        .entries
        .iter()
        .filter_map(|entry| {
            // No rows cost ClickHouse nothing, and where ClickHouse itself moves the events, nobody else does.
            let server = median(entry, Outcome::server).unwrap_or(0.0);
            let mover = median(entry, |run| if run.is_server { 0.0 } else { run.mover() })?;
            Some(Bar { entry, mover, server })
        })
        .collect();
    let most = bars.iter().map(|bar| bar.mover + bar.server).fold(0.1, f64::max);
    let scale = (WIDTH - LABELS - NUMBERS) / most;
    let height = TOP + ROW * bars.len() as f64 + 8.0;
    let mut out = String::new();
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13" role="img">
<title>CPU an event, by contender</title>
<style>text{{fill:#333}}.mover{{fill:#1f6feb}}.server{{fill:#d29922}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}}}</style>
<text x="0" y="16">CPU an event in microseconds, less is better: {}</text>
<rect class="mover" x="0" y="28" width="12" height="12"/><text x="18" y="39">mover</text>
<rect class="server" x="80" y="28" width="12" height="12"/><text x="98" y="39">ClickHouse</text>"#,
        Workload::MAIN
    )?;
    for (number, bar) in bars.iter().enumerate() {
        row(&mut out, bar, TOP + ROW * number as f64, scale)?;
    }
    writeln!(out, "</svg>")?;
    Ok(out)
}

fn row(out: &mut String, bar: &Bar<'_>, y: f64, scale: f64) -> std::fmt::Result {
    let (mover, server) = (bar.mover * scale, bar.server * scale);
    let (text, end) = (y + 15.0, LABELS + mover + server + 8.0);
    writeln!(out, r#"<text x="0" y="{text:.0}">{}</text>"#, bar.entry.name)?;
    writeln!(out, r#"<rect class="mover" x="{LABELS}" y="{y:.0}" width="{mover:.1}" height="20"/>"#)?;
    let from = LABELS + mover;
    writeln!(out, r#"<rect class="server" x="{from:.1}" y="{y:.0}" width="{server:.1}" height="20"/>"#)?;
    let shares = [bar.mover, bar.server].into_iter().filter(|share| *share > 0.0);
    let numbers = shares.map(|share| format!("{share:.2}")).collect::<Vec<_>>().join(" + ");
    writeln!(out, r#"<text x="{end:.1}" y="{text:.0}">{numbers}</text>"#)
}
