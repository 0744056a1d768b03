//! Findings as annotations of GitHub Actions: they stand beside the line in the pull request.
//!
//! In: findings. Out: a workflow command a line.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use super::human::push;
use crate::finding::Finding;

/// Writes findings as workflow commands.
pub(super) fn annotations(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let Finding { file, line, object, reason, .. } = finding;
        let place = if file == "-" { String::new() } else { format!("file={},line={line},", property(file)) };
        let title = property(&format!("{reason} {object}"));
        push(
            &mut text,
            format_args!("::error {place}title={}::{}\n", title.trim_end(), data(&finding.told())),
        );
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
