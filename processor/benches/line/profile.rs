//! Profile: where the instructions of one workload go, by room and function.
//!
//! In: a workload. Out: two files whose places are printed: the rooms with their dearest functions, and folded stacks, which every
//! viewer of flame graphs reads. Code that was inlined is told by its source file: a room is one function for the machine.
//! Not here: Kafka's client, compression and HTTP.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::callgrind::{Profile, count};
use crate::counts::{N_EVENTS, folder};
use crate::rooms::{Figures, ROOMS, room_of};
use crate::workload::Workload;

/// How many functions of a room are told, and how many files of a function.
const N_LINES: usize = 8;

/// Instructions an event that are not worth a line.
const LEAST: u64 = 20;

/// Counts a workload and writes the two files.
///
/// # Errors
/// When it cannot be counted or written.
#[expect(clippy::print_stdout, reason = "its result is for the screen")]
pub(crate) fn show(workload: &Workload) -> anyhow::Result<()> {
    let folder = folder("profile")?;
    let raw = folder.join(workload.file_name("callgrind"));
    let profile = count(workload.name, &raw)?;
    let figures = Figures::of(&profile, N_EVENTS)?;
    let rooms = by_room(workload, &figures, &profile);
    let (rooms_file, stacks_file) =
        (folder.join(workload.file_name("rooms.txt")), folder.join(workload.file_name("folded")));
    std::fs::write(&rooms_file, &rooms)?;
    std::fs::write(&stacks_file, stacks(&profile))?;
    print!("{rooms}");
    println!("\nthis table        {}", rooms_file.display());
    println!("folded stacks     {}   (speedscope, inferno-flamegraph, flamegraph.pl)", stacks_file.display());
    println!(
        "line by line      (from the root of the repository) callgrind_annotate --auto=yes {}",
        raw.display()
    );
    Ok(())
}

fn by_room(workload: &Workload, figures: &Figures, profile: &Profile) -> String {
    let share = |number: u64| 100.0 * number as f64 / figures.all.max(1) as f64;
    let mut text = format!("{}: {} instructions an event\n", workload.name, figures.all);
    for (room, name) in ROOMS.iter().enumerate().filter(|(room, _)| figures.rooms[*room] > 0) {
        let number = figures.rooms[room];
        text += &format!("\n{number:>6} {:>5.1} %  {}\n", share(number), name.to_uppercase());
        let uses = || profile.uses.iter().filter(move |one| room_of(one) == room);
        for (function, number) in dearest(uses().map(|one| (one.name(), one.n_instructions()))) {
            text += &format!("{number:>6} {:>5.1} %    {function}\n", share(number));
            let of_function = uses().filter(|one| one.name() == function);
            let files =
                of_function.flat_map(|one| one.own.iter().map(|(file, number)| (short(file), *number)));
            for (file, number) in dearest(files).into_iter().filter(|(_, part)| *part < number) {
                text += &format!("{number:>6} {:>5.1} %      {file}\n", share(number));
            }
        }
    }
    text
}

/// Sums costs up by name, per event; the dearest come first.
fn dearest<'a>(costs: impl Iterator<Item = (&'a str, u64)>) -> Vec<(&'a str, u64)> {
    let mut sums: HashMap<&str, u64> = HashMap::new();
    costs.for_each(|(name, cost)| *sums.entry(name).or_default() += cost);
    let mut sums: Vec<_> = sums.into_iter().map(|(name, sum)| (name, sum / N_EVENTS as u64)).collect();
    sums.retain(|(_, sum)| *sum >= LEAST);
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
