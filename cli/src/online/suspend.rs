//! Suspend and resume: the one word of a spec that this program changes.
//!
//! In: a name. Out: `spec.suspend` set, and what follows from it. Where a repository is applied again and again, its word wins.

use std::io::Write;

use anyhow::Result;

use super::cluster::Cluster;
use crate::arguments::online::StreamArguments;
use crate::exit::Exit;

/// Runs `suspend` and `resume`.
///
/// # Errors
/// When the pipeline cannot be read or changed.
pub(super) async fn run(stream: &StreamArguments, is_suspended: bool, out: &mut dyn Write) -> Result<Exit> {
    let cluster = Cluster::connect(&stream.reach).await?;
    let before = cluster.suspend(&stream.name, is_suspended).await?;
    writeln!(out, "{}", told(&format!("{}/{}", cluster.namespace, stream.name), before, is_suspended))?;
    Ok(Exit::Clean)
}

/// Returns what has happened.
fn told(name: &str, before: bool, is_suspended: bool) -> String {
    match (before, is_suspended) {
        (true, true) => format!("{name} is suspended already; nothing was changed"),
        (false, false) => format!("{name} is not suspended; nothing was changed"),
        (false, true) => format!(
            "{name} is suspended: its processors stop, topic, table and position stay; records wait in the topic, no longer than its retention"
        ),
        (true, false) => format!("{name} is resumed: its processors go on where they stopped"),
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn it_is_told_whether_anything_was_changed() {
        assert!(told("shop/ios", true, true).ends_with("nothing was changed"));
        assert!(told("shop/ios", false, false).ends_with("nothing was changed"));
        assert!(told("shop/ios", false, true).starts_with("shop/ios is suspended:"));
        assert!(told("shop/ios", true, false).starts_with("shop/ios is resumed:"));
    }
}
