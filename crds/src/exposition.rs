//! Exposition: the text of `/metrics`, read back, and the table that documents it.
//!
//! In: what a registry wrote (OpenMetrics), or a page of `docs/reference`. Out: every metric with kind, unit, labels and meaning,
//! and the names and labels that a query may use of it. Pure; who compares and writes pages is a test of the binary concerned.
//! Not here: values, and label values that hold `{`, `}` or a quotation mark: no label of ours does.

use std::collections::BTreeSet;

/// One metric, under the name that queries use: a counter's ends in `_total`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// Unit, when the name ends in one.
    pub unit: String,
    /// Labels that it has of its own; a scrape adds others.
    pub labels: BTreeSet<String>,
    /// What it means.
    pub help: String,
}

impl Metric {
    /// Returns the names of its samples, with the labels of each.
    pub fn samples(&self) -> Vec<(String, BTreeSet<String>)> {
        let sample = |suffix: &str, more: Option<&str>| {
            let labels = self.labels.iter().cloned().chain(more.map(str::to_owned));
            (format!("{}{suffix}", self.name), labels.collect())
        };
        match self.kind.as_str() {
            "histogram" => vec![sample("_bucket", Some("le")), sample("_sum", None), sample("_count", None)],
            _ => vec![sample("", None)],
        }
    }
}

/// Reads the text of `/metrics`. A family without a sample is not in it.
pub fn read(text: &str) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            metrics.push(Metric { name: name.into(), help: help.into(), ..Metric::default() });
        }
        let Some(metric) = metrics.last_mut() else { continue };
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            metric.kind = kind.into();
            if kind == "counter" {
                metric.name.push_str("_total");
            }
        } else if let Some((_, unit)) = line.strip_prefix("# UNIT ").and_then(|rest| rest.split_once(' ')) {
            metric.unit = unit.into();
        } else if !line.starts_with('#') {
            metric.labels.extend(labels(line).map(str::to_owned));
        }
    }
    metrics
}

/// Names of the labels of a sample; the bound of a bucket is the histogram's, not ours.
fn labels(sample: &str) -> impl Iterator<Item = &str> {
    let inside =
        sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
    // Between two quotation marks stands a value; what is left are names.
    let names = inside.split('"').step_by(2);
    names.map(|name| name.trim_matches([',', '='])).filter(|name| !name.is_empty() && *name != "le")
}

/// Head of the table.
const HEAD: &str = "| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|\n";

/// Returns the table of metrics, by name.
pub fn table(metrics: &[Metric]) -> String {
    let mut sorted = metrics.to_vec();
    sorted.sort();
    let row = |metric: &Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let Metric { name, kind, unit, help, .. } = metric;
        format!("| `{name}` | {kind} | {unit} | {} | {} |\n", labels.join(", "), help.replace('|', "\\|"))
    };
    sorted.iter().map(row).fold(HEAD.to_owned(), |table, row| table + &row)
}

/// Reads every table of a page that [`table`] wrote.
pub fn read_page(page: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, unit, labels, help] = cells[..] else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        let labels = labels.split(", ").map(|label| label.trim_matches('`').to_owned());
        metrics.push(Metric {
            name: name.into(),
            kind: kind.into(),
            unit: unit.into(),
            labels: labels.filter(|label| !label.is_empty()).collect(),
            help: help.replace("\\|", "|"),
        });
    }
    metrics
}

/// Returns the page with another text between `<!-- section -->` and `<!-- /section -->`; a page without both stays as it is.
pub fn with_section(page: &str, section: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- /{section} -->"));
    match page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1))) {
        Some((before, after)) => format!("{before}{begin}{text}{end}{after}"),
        None => page.to_owned(),
    }
}

#[cfg(test)]
mod tests;
