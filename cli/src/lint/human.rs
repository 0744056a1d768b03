//! Findings for people and editors: `file:line: object: Reason: message`.
//!
//! In: findings. Out: text, a line a finding with its remedy below, and a line that counts.

use std::fmt::Write;

use crds::conditions::Reason;

use super::Linted;

/// Writes findings for people.
pub(crate) fn text(linted: &Linted) -> String {
    let Linted { findings, n_objects, n_skipped } = linted;
    let mut text = String::new();
    for finding in findings {
        push(&mut text, format_args!("{finding}\n"));
        // A message about a spec says itself what to change.
        if finding.reason != Reason::SpecInvalid {
            push(&mut text, format_args!("    {}\n", finding.remedy));
        }
    }
    let found = counted(findings.len(), "finding");
    push(&mut text, format_args!("{}, {found}", counted(*n_objects, "object")));
    if *n_skipped > 0 {
        push(&mut text, format_args!("; {} of other kinds skipped", counted(*n_skipped, "document")));
    }
    text.push('\n');
    text
}

/// Writes a number with its noun.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Appends to a text, which always takes it.
pub(crate) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok());
}
