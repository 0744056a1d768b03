//! Profile: where the instructions go, by room and function.
//!
//! In: a workload, or what callgrind wrote of a whole processor. Out: two files whose places are printed: the rooms with their dearest
//! functions, and folded stacks, which every viewer of flame graphs reads. Code that was inlined is told by its source file.
//! Not here: starting a whole processor; it needs a Kafka and a ClickHouse.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::callgrind::{Profile, Use, count};
use crate::counts::folder;
use crate::rooms::{n_events, place_of};
use crate::workload::Workload;

/// How many functions of a room are told, and how many files of a function.
const N_LINES: usize = 8;

/// Instructions an event that are not worth a line.
const LEAST: u64 = 20;

/// Counts a workload and writes the two files.
///
/// # Errors
/// When it cannot be counted or written.
pub(crate) fn of_workload(workload: &Workload) -> anyhow::Result<()> {
    let raw = folder("profile")?.join(workload.file_name("callgrind"));
    let profile = count(workload.name, &raw)?;
    write(workload.name, &profile, &raw)
}

/// Writes the two files of what callgrind wrote, beside it.
///
/// # Errors
/// When that cannot be read, or is not of a processor.
pub(crate) fn of_file(raw: &Path) -> anyhow::Result<()> {
    write("the whole processor", &Profile::read(raw)?, raw)
}

#[expect(clippy::print_stdout, reason = "its result is for the screen")]
fn write(title: &str, profile: &Profile, raw: &Path) -> anyhow::Result<()> {
    let n_events = n_events(profile);
    ensure!(n_events > 0, "no event was taken while callgrind counted");
    let rooms = by_room(title, profile, n_events);
    let (rooms_file, stacks_file) = (beside(raw, "rooms.txt"), beside(raw, "folded"));
    std::fs::write(&rooms_file, &rooms)?;
    std::fs::write(&stacks_file, stacks(profile))?;
    print!("{rooms}");
    println!("\nthis table      {}", rooms_file.display());
    println!(
        "folded stacks   {}, for speedscope, inferno-flamegraph or flamegraph.pl",
        stacks_file.display()
    );
    println!("line by line    callgrind_annotate --auto=yes {}, from the repository's root", raw.display());
    Ok(())
}

fn beside(raw: &Path, ending: &str) -> PathBuf {
    raw.with_extension(ending)
}

fn by_room(title: &str, profile: &Profile, n_events: u64) -> String {
    let mut rooms: HashMap<&str, Vec<&Use>> = HashMap::new();
    for one in &profile.uses {
        rooms.entry(place_of(one)).or_default().push(one);
    }
    let all: u64 = profile.uses.iter().map(Use::n_instructions).sum();
    let line = |number: u64, depth: usize, name: &str| {
        let share = 100.0 * number as f64 / all as f64;
        format!("{:>6} {share:>5.1} % {:depth$}{name}\n", number / n_events, "")
    };
    let mut text = format!("{title}: {} instructions an event, {n_events} events\n", all / n_events);
    let sums = rooms.iter().flat_map(|(room, uses)| uses.iter().map(|one| (*room, one.n_instructions())));
    for (room, number) in dearest(sums, n_events) {
        text += "\n";
        text += &line(number, 0, &room.to_uppercase());
        let uses = &rooms[room];
        for (function, number) in dearest(uses.iter().map(|one| (one.name(), one.n_instructions())), n_events)
        {
            text += &line(number, 2, function);
            let of_function = uses.iter().filter(|one| one.name() == function);
            let files = of_function.flat_map(|one| one.own.iter().map(|(file, cost)| (short(file), *cost)));
            for (file, part) in dearest(files, n_events).into_iter().filter(|(_, part)| *part < number) {
                text += &line(part, 4, file);
            }
        }
    }
    text
}

/// Sums costs up by name; the dearest come first.
fn dearest<'a>(costs: impl Iterator<Item = (&'a str, u64)>, n_events: u64) -> Vec<(&'a str, u64)> {
    let mut sums: HashMap<&str, u64> = HashMap::new();
    costs.for_each(|(name, cost)| *sums.entry(name).or_default() += cost);
    let mut sums: Vec<_> = sums.into_iter().filter(|(_, sum)| *sum >= LEAST * n_events).collect();
    sums.sort_unstable_by_key(|(name, sum)| (std::cmp::Reverse(*sum), *name));
    sums.truncate(N_LINES);
    sums
}

/// A source file without the folders that all of them are in.
fn short(file: &str) -> &str {
    let ours = file.rsplit_once("/processor/src/").map(|(_, path)| path);
    let std = || file.rsplit_once("/library/").map(|(_, path)| path);
    let crates = || {
        file.rsplit_once("/index.crates.io-").and_then(|(_, path)| path.split_once('/')).map(|(_, path)| path)
    };
    ours.or_else(std).or_else(crates).unwrap_or(file)
}

fn stacks(profile: &Profile) -> String {
    let mut text = String::new();
    for one in &profile.uses {
        let chain: Vec<&str> = one.chain.iter().rev().map(String::as_str).collect();
        let written = writeln!(text, "{} {}", chain.join(";"), one.n_instructions());
        debug_assert!(written.is_ok());
    }
    text
}
