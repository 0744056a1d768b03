//! Pages of dead letters, for people and for programs.
//!
//! In: [`Letters`]. Out: text or JSON. Pure. Only `show` holds values of an event.

use std::collections::BTreeMap;

use crds::rejection::RejectionReason;
use processor::batch::Original;
use serde_json::{Value, json};

use super::{Letter, Letters};
use crate::online::words::{count, table};

/// Returns the letters that are meant, the oldest first.
pub(crate) fn meant<'a>(letters: &'a Letters, reasons: &[String]) -> Vec<&'a Letter> {
    let is_meant = |letter: &&Letter| reasons.is_empty() || reasons.contains(&letter.reason);
    letters.all().into_iter().filter(is_meant).collect()
}

/// Returns the list: counts, then the newest letters.
pub(crate) fn list(letters: &Letters, reasons: &[String], limit: usize) -> String {
    let meant = meant(letters, reasons);
    let mut text = format!("{}\n", count(meant.len() as u64, "dead letter"));
    let mut by_reason: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for letter in &meant {
        *by_reason.entry((&letter.reason, &letter.field)).or_default() += 1;
    }
    let mut by_reason: Vec<_> = by_reason.into_iter().collect();
    by_reason.sort_by_key(|(key, n)| (std::cmp::Reverse(*n), *key));
    let rows: Vec<Vec<String>> = by_reason
        .iter()
        .map(|((reason, field), n)| {
            vec![n.to_string(), (*reason).to_owned(), (*field).to_owned(), remedy(reason).to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&table(&[">letters", "reason", "field", "to do"], &rows));
    }
    let newest = &meant[meant.len().saturating_sub(limit)..];
    if !newest.is_empty() {
        text.push_str(&format!(
            "The newest {}, the oldest of them first; `show POSITION` shows one whole:\n",
            newest.len()
        ));
        let row = |letter: &&Letter| {
            vec![
                letter.position.clone(),
                letter.at.to_string(),
                letter.reason.clone(),
                letter.field.clone(),
                remark(letter),
            ]
        };
        text.push_str(&table(
            &["position", "rejected at", "reason", "field", ""],
            &newest.iter().map(row).collect::<Vec<_>>(),
        ));
    }
    for (n, what) in [
        (letters.repeated, "came more than once and are listed once"),
        (letters.strange, "records of the topic are neither letters nor notes of a replay"),
    ] {
        if n > 0 {
            text.push_str(&format!("{n} {what}\n"));
        }
    }
    text
}

fn remedy(reason: &str) -> &'static str {
    RejectionReason::ALL
        .into_iter()
        .find(|known| known.to_string() == reason)
        .map_or("", RejectionReason::remedy)
}

fn remark(letter: &Letter) -> String {
    let remarks = [
        letter.rule.as_ref().map(|rule| format!("stored; the destination of rule {rule} refused it")),
        letter.is_cut.then(|| "cut".to_owned()),
        letter.replayed_as.as_ref().map(|position| format!("sent again as {position}")),
    ];
    remarks.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns the list for programs.
pub(crate) fn json(letters: &Letters, reasons: &[String], limit: usize) -> Value {
    let meant = meant(letters, reasons);
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for letter in &meant {
        *by_reason.entry(&letter.reason).or_default() += 1;
    }
    json!({
        "letters": meant.len(),
        "byReason": by_reason,
        "newest": &meant[meant.len().saturating_sub(limit)..],
        "repeated": letters.repeated,
        "strange": letters.strange,
    })
}

/// Returns one letter whole.
pub(crate) fn show(letter: &Letter, record: &Original) -> String {
    let mut text = format!("Dead letter of position {}, rejected at {}\n", letter.position, letter.at);
    let lines = [
        ("reason", letter.reason.as_str()),
        ("field", &letter.field),
        ("schema", &letter.schema),
        ("message", &letter.message),
        ("to do", remedy(&letter.reason)),
        ("remark", &remark(letter)),
    ];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<8} {value}\n"));
    }
    if let Some(key) = &record.key {
        text.push_str(&format!("  key      {}\n", String::from_utf8_lossy(key)));
    }
    let own = |name: &str| {
        ["reason", "field", "schema", "message", "position"]
            .map(|it| format!("tributary-{it}"))
            .contains(&name.to_owned())
    };
    for (name, value) in record.headers.iter().filter(|(name, _)| !own(name)) {
        let value = value.as_deref().map_or("(none)".into(), String::from_utf8_lossy);
        text.push_str(&format!("  header   {name}: {value}\n"));
    }
    match &record.payload {
        None => text.push_str("The record has no bytes.\n"),
        Some(bytes) => text.push_str(&format!("{}\n", String::from_utf8_lossy(bytes))),
    }
    text
}
