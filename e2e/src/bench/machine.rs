//! The machine and what runs on it, in words, for whoever compares numbers.
//!
//! In: `/proc`, the cache, git. Out: names and values. What cannot be found is left out.

use std::process::Command;

use super::ground::Ground;

/// Describes the machine, the programs and the state of the code.
pub(super) async fn describe(ground: &Ground) -> Vec<(String, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(':').nth(1)).map(|value| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let gibibytes =
        memory.and_then(|text| text.split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() >> 20;
    let mut lines = vec![
        ("machine".to_owned(), format!("{cores} cores of {processor}, {gibibytes} GiB of memory")),
        ("kernel".to_owned(), read("/proc/sys/kernel/osrelease").trim().to_owned()),
    ];
    if let Ok(version) = ground.server.version().await {
        lines.push(("ClickHouse".to_owned(), format!("{version} (the development server over libchdb)")));
    }
    if let Some(version) = kafka_version(ground) {
        lines.push(("Kafka".to_owned(), version));
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(&ground.settings.repository).args(arguments).output();
        output.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(commit) = git(&["rev-parse", "--short", "HEAD"]).filter(|commit| !commit.is_empty()) {
        let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
        lines.push(("commit".to_owned(), format!("{commit}{}", if changed { ", with changes" } else { "" })));
    }
    lines.push(("date".to_owned(), jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()));
    lines
}

fn kafka_version(ground: &Ground) -> Option<String> {
    let jars = std::fs::read_dir(ground.settings.cache.join("kafka/lib")).ok()?;
    let names = jars.filter_map(|jar| jar.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| Some(name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned()))
        .next()
}
