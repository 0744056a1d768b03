//! Page: a snapshot as one page for people.
//!
//! In: a [`Snapshot`]. Out: text. Pure. What is wrong stands first, each with what to do.

use std::collections::BTreeMap;
use std::fmt::Write;

use crds::conditions::Reason;
use crds::processor_report::Counters;
use crds::rejection::RejectionReason;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;

use super::{ProcessorSeen, Snapshot};
use crate::online::words::{bytes, count, span, table};

/// Reasons of rejection that are shown.
const TOP: usize = 5;

/// Returns the page.
pub(crate) fn page(snapshot: &Snapshot) -> String {
    let parts = [
        head(snapshot),
        conditions(snapshot),
        processors(snapshot),
        partitions(snapshot),
        warehouse(snapshot),
        rejections(snapshot),
        forwarding(snapshot),
        unasked(snapshot),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(snapshot: &Snapshot) -> String {
    let pipeline = &snapshot.pipeline;
    let name = format!("{}/{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any());
    let status = pipeline.status.clone().unwrap_or_default();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let ready = ready.map_or("the operator has said nothing yet".to_owned(), |it| match it.status.as_str() {
        "True" => format!("Ready, {}", it.reason),
        _ => format!("not Ready, {}", it.reason),
    });
    let mut text = format!("AnalyticsPipeline {name}: {ready}\n");
    if status.observed_generation.is_some() && status.observed_generation != pipeline.metadata.generation {
        text.push_str("  the operator has not looked at the newest spec yet\n");
    }
    let known = [
        ("topic", status.topic),
        ("table", status.table),
        ("schemas", (!status.schemas.is_empty()).then(|| status.schemas.join(", "))),
    ];
    let known = known.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?)));
    let known = known.collect::<Vec<_>>().join("; ");
    if !known.is_empty() {
        text.push_str(&format!("  {known}\n"));
    }
    text
}

fn conditions(snapshot: &Snapshot) -> String {
    let conditions =
        snapshot.pipeline.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if conditions.is_empty() {
        return String::new();
    }
    let mut text = "Conditions\n".to_owned();
    text.push_str(&lines(conditions, snapshot.at, "  "));
    text
}

/// One line a condition; below one that is not as it should be, its message and what to do for its reason.
fn lines(conditions: &[Condition], now: Timestamp, indent: &str) -> String {
    let mut text = String::new();
    let mut told: Vec<&str> = Vec::new();
    for condition in conditions {
        let Condition { type_, status, reason, message, .. } = condition;
        let since = span(condition.last_transition_time.0, now);
        text.push_str(&format!("{indent}{type_:<20} {status:<7} {reason}, for {since}\n"));
        let is_good = status == "True" && type_ != "Stalled" && type_ != "Reconciling";
        // Ready and Stalled repeat what a condition below them says.
        if !is_good && !told.contains(&message.as_str()) {
            text.push_str(&format!("{indent}  {message}\n"));
            if let Some(reason) = known(reason) {
                text.push_str(&format!("{indent}  To do: {}\n", reason.remedy()));
            }
            told.push(message);
        }
    }
    text
}

fn known(word: &str) -> Option<Reason> {
    Reason::ALL.into_iter().find(|reason| reason.as_str() == word)
}

fn processors(snapshot: &Snapshot) -> String {
    let status = snapshot.pipeline.status.as_ref().and_then(|status| status.processor.as_ref());
    let (summary, image) = status.map_or(("", ""), |it| (it.summary.as_str(), it.image.as_str()));
    if snapshot.processors.is_empty() && summary.is_empty() {
        return String::new();
    }
    let mut text = format!("Processors {summary} ready {image}\n");
    for processor in &snapshot.processors {
        text.push_str(&line(processor));
    }
    let counted = sum(&snapshot.processors);
    if counted.read > 0 {
        let Counters { read, stored, dead_lettered, filtered, deduplicated } = counted;
        text.push_str(&format!(
            "  since they started: {read} read = {stored} stored + {dead_lettered} dead-lettered + {filtered} filtered + {deduplicated} deduplicated\n"
        ));
    }
    text
}

fn line(processor: &ProcessorSeen) -> String {
    let ProcessorSeen { pod, phase, restarts, report } = processor;
    let mut text =
        format!("  {pod}  {phase}, {}", count(u64::try_from(*restarts).unwrap_or_default(), "restart"));
    match report {
        None => text.push_str(", says nothing"),
        Some(report) => {
            let n = count(report.partitions.len() as u64, "partition");
            text.push_str(&format!(", {n}, lag {}", report.lag));
            if let Some(reason) = report.reason {
                text.push_str(&format!("\n    {reason}: {}\n    To do: {}", report.message, reason.remedy()));
            }
        }
    }
    text + "\n"
}

fn sum(processors: &[ProcessorSeen]) -> Counters {
    let mut all = Counters::default();
    for Counters { read, stored, dead_lettered, filtered, deduplicated } in
        processors.iter().filter_map(|processor| processor.report.as_ref()).map(|report| report.counters)
    {
        all.read += read;
        all.stored += stored;
        all.dead_lettered += dead_lettered;
        all.filtered += filtered;
        all.deduplicated += deduplicated;
    }
    all
}

fn partitions(snapshot: &Snapshot) -> String {
    if snapshot.partitions.is_empty() {
        return String::new();
    }
    let total: i64 = snapshot.partitions.iter().map(super::PartitionSeen::lag).sum();
    let rows: Vec<Vec<String>> = snapshot
        .partitions
        .iter()
        .map(|it| {
            let acknowledged = it.acknowledged.map_or("none".to_owned(), |offset| offset.to_string());
            let processor = it.processor.clone().unwrap_or_else(|| "nobody".to_owned());
            vec![
                it.partition.to_string(),
                it.first.to_string(),
                acknowledged,
                it.end.to_string(),
                it.lag().to_string(),
                processor,
            ]
        })
        .collect();
    let head = [">partition", ">first", ">acknowledged", ">end", ">behind", "read by"];
    let reports: Vec<_> = snapshot.processors.iter().filter_map(|it| it.report.as_ref()).collect();
    let lag = if reports.is_empty() {
        String::new()
    } else {
        format!("; lag as the processors say: {}", reports.iter().map(|report| report.lag).sum::<i64>())
    };
    let n = count(total.unsigned_abs(), "position");
    format!("Partitions, {n} not acknowledged{lag}\n{}", table(&head, &rows))
}

fn warehouse(snapshot: &Snapshot) -> String {
    let Some(size) = &snapshot.table else { return String::new() };
    let name = snapshot.pipeline.status.as_ref().and_then(|status| status.table.clone()).unwrap_or_default();
    let mut text = format!("Table {name}: {}, {}\n", count(size.rows, "row"), bytes(size.bytes));
    if let Some(at) = size.last_insert {
        text.push_str(&format!("  last insert {} ago\n", span(at, snapshot.at)));
    }
    match size.newest {
        Some(newest) => text
            .push_str(&format!("  newest row: its record reached Kafka {} ago\n", span(newest, snapshot.at))),
        None => text.push_str("  no row yet\n"),
    }
    text
}

fn rejections(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    if let Some(letters) = &snapshot.dead_letters {
        let records = count(u64::try_from(letters.records).unwrap_or_default(), "record");
        text.push_str(&format!("Dead letters: {records} in topic {}\n", letters.topic));
    }
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for report in snapshot.processors.iter().filter_map(|processor| processor.report.as_ref()) {
        for (reason, n) in &report.rejected {
            *reasons.entry(reason).or_default() += n;
        }
    }
    let mut reasons: Vec<(&str, u64)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, n)| (std::cmp::Reverse(*n), *reason));
    if reasons.is_empty() {
        return text;
    }
    text.push_str("  since the processors started, by reason:\n");
    for (word, n) in reasons.iter().take(TOP) {
        let reason = RejectionReason::ALL.into_iter().find(|reason| reason.to_string() == *word);
        let remedy = reason.map_or("", RejectionReason::remedy);
        text.push_str(&format!("  {n:>8}  {word}. {remedy}\n"));
    }
    if reasons.len() > TOP {
        text.push_str(&format!("            and {} more\n", count((reasons.len() - TOP) as u64, "reason")));
    }
    text
}

fn forwarding(snapshot: &Snapshot) -> String {
    if snapshot.rules.is_empty() {
        return String::new();
    }
    let mut text = "Forwarding\n".to_owned();
    for rule in &snapshot.rules {
        let name = rule.name_any();
        let reports = snapshot.processors.iter().filter_map(|processor| processor.report.as_ref());
        let mine: Vec<_> = reports.flat_map(|report| &report.rules).filter(|it| it.name == name).collect();
        let sum =
            |of: fn(&crds::processor_report::RuleReport) -> u64| mine.iter().map(|it| of(it)).sum::<u64>();
        let lag: i64 = mine.iter().map(|it| it.lag).sum();
        let told = format!(
            "{} matched, {} sent, {} dead-lettered, lag {lag}",
            sum(|it| it.matched),
            sum(|it| it.sent),
            sum(|it| it.dead_lettered)
        );
        let told = if mine.is_empty() { "no processor runs it".to_owned() } else { told };
        text.push_str(&format!("  ForwardingRule {name}: {told}\n"));
        let conditions = rule.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        text.push_str(&lines(conditions, snapshot.at, "    "));
    }
    text
}

fn unasked(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for reason in &snapshot.unasked {
        writeln!(text, "Not asked: {reason}").ok();
    }
    text
}
