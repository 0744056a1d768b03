//! Page: an audit for people.
//!
//! In: an [`Audit`]. Out: text. Pure.

use super::judge::{Audit, Counts};
use crate::online::words::{count, table};

const HEAD: [&str; 10] = [
    ">partition",
    ">settled",
    ">stored",
    ">dead-lettered",
    ">filtered",
    ">deduplicated",
    ">expired",
    ">gaps",
    ">lost",
    ">doubled",
];

/// Returns the page.
pub(crate) fn page(audit: &Audit) -> String {
    let stream = &audit.stream;
    let mut text = format!(
        "Audit of {}: topic {} against table {} and dead letters\n",
        stream.pipeline, stream.topic, stream.table
    );
    let mut rows: Vec<Vec<String>> =
        audit.partitions.iter().map(|(partition, counts)| row(&partition.to_string(), counts)).collect();
    rows.push(row("all", &audit.all));
    text.push_str(&table(&HEAD, &rows));
    text.push_str(&notes(audit));
    for wrong in &audit.wrong {
        text.push_str(&format!("  {} {}\n", wrong.position, wrong.what));
    }
    text.push_str(&conclusion(audit));
    text
}

fn row(name: &str, counts: &Counts) -> Vec<String> {
    let Counts {
        settled, stored, dead_lettered, filtered, deduplicated, expired, gaps, lost, doubled, ..
    } = counts;
    let numbers = [settled, stored, dead_lettered, filtered, deduplicated, expired, gaps, lost, doubled];
    std::iter::once(name.to_owned()).chain(numbers.iter().map(ToString::to_string)).collect()
}

fn notes(audit: &Audit) -> String {
    let all = &audit.all;
    let stream = &audit.stream;
    let notes = [
        (all.waiting > 0).then(|| {
            format!("{} behind the acknowledged ones are not settled yet, and not judged.", count(all.waiting, "position"))
        }),
        (all.gaps > 0)
            .then(|| "Gaps are positions without a record: transactions of producers leave them, and so does a replay.".to_owned()),
        (all.expired > 0).then(|| "Expired: the row is older than the table's `ttl`, or its dead letter is gone from the topic.".to_owned()),
        (stream.epoch > 1).then(|| {
            format!("The topic is in its life number {}; rows and dead letters of earlier lives are not looked at.", stream.epoch)
        }),
        (stream.repeated_letters > 0).then(|| {
            format!("{} came again, which is allowed: dead letters come at least once.", count(stream.repeated_letters, "dead letter"))
        }),
    ];
    notes.into_iter().flatten().map(|note| format!("{note}\n")).collect()
}

fn conclusion(audit: &Audit) -> String {
    let Counts { lost, doubled, both, settled, .. } = audit.all;
    if audit.is_clean() {
        return format!(
            "Nothing is lost and nothing is doubled among {}.\n",
            count(settled, "settled position")
        );
    }
    format!(
        "{lost} lost, {}, {} with row and dead letter, of {}.\n",
        count(doubled, "row") + " too many",
        count(both, "position"),
        count(settled, "settled position")
    )
}
