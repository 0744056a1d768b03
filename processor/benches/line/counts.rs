//! Counts: instructions and allocations an event, held against the table in git and against two promises.
//!
//! In: the workloads. Out: `benches/line/instructions.txt`, compared, or written anew with UPDATE=1.
//! Instructions, not times: they say the same on a busy machine. They are no times, though: see the note on hashes in the file's head.
//! Not here: how instructions are had (`callgrind.rs`) and shared out (`rooms.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::callgrind;
use crate::rooms::{Figures, PACK};
use crate::table::{LEAST, Moves, TOLERANCE, Table};
use crate::workload::{Fate, Feature, WORKLOADS, Workload};

/// Events of one round. Few, as callgrind is fifty times slower than the machine; many enough that the block's head is nothing.
pub(crate) const N_EVENTS: usize = 2_000;

/// A rejected event costs at most so many accepted ones, so that a flood of bad events is no attack.
const WORST_REJECTION: u64 = 2;

/// Allocations of an accepted event, in hundredths: none of its own, and its share of the pieces that the columns of a batch grow by.
/// So small a batch as ours has the largest share, and one of 38 fields twice that of one of 15.
const MOST_ALLOCATIONS: u64 = 60;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/line/instructions.txt");

/// Counts all workloads and judges the figures.
///
/// # Errors
/// With how many figures grew (what moved is printed), and with every promise that is broken.
#[expect(clippy::print_stdout, reason = "a benchmark prints")]
pub(crate) fn judge() -> anyhow::Result<()> {
    let folder = folder("counts")?;
    let mut new = Table::default();
    for workload in WORKLOADS {
        let profile = callgrind::count(workload.name, &folder.join(workload.file_name("callgrind")))?;
        new.0.push((workload.name.to_owned(), Figures::of(&profile, N_EVENTS)?));
    }
    print!("{}", new.text());
    let mut wrong = broken_promises(&new);
    let tools = tools()?;
    let written = std::fs::read_to_string(TABLE).unwrap_or_default();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(TABLE, format!("{}{}", head(&tools), new.text())).context(TABLE)?;
        println!("written: {TABLE}");
    } else if !written.contains(&tools) {
        println!(
            "not compared: {TABLE} was not counted with {tools}; UPDATE=1 on both sides of a change compares it"
        );
    } else {
        let Moves { grown, fallen } = new.moves_since(&Table::read(&written)?);
        show("cheaper; `UPDATE=1 make counts` keeps the gain", &fallen);
        show("dearer, new or gone", &grown);
        if !grown.is_empty() {
            wrong.push(format!(
                "dearer, new or gone: {} figures (tolerance: {TOLERANCE} %, at least {LEAST} instructions; none for allocations); when that is meant, write them with `UPDATE=1 make counts` and commit them",
                grown.len()
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn show(title: &str, moves: &[String]) {
    if !moves.is_empty() {
        println!("\n{title}\n{:36} {:>12} {:>8} {:>8} {:>7}", "workload", "room", "old", "new", "ratio");
        moves.iter().for_each(|line| println!("{line}"));
    }
}

fn broken_promises(table: &Table) -> Vec<String> {
    let mut broken = Vec::new();
    let accepted = table.0.first().map_or(0, |(_, figures)| figures.all - figures.rooms[PACK]);
    for (workload, (name, figures)) in WORKLOADS.iter().zip(&table.0) {
        if workload.fate == Fate::Rejected && figures.all > WORST_REJECTION * accepted {
            broken.push(format!(
                "{name}: {} instructions, an accepted event takes {accepted} before it is packed; twice that is the most",
                figures.all
            ));
        }
        if keeps_nothing(workload) && figures.allocations > MOST_ALLOCATIONS {
            broken.push(format!(
                "{name}: an accepted event allocates, beside its share of the columns; the line's scratch is there to be used again"
            ));
        }
    }
    // Rejections allocate: a count of none means that the allocator's functions are called otherwise now.
    if table.0.iter().all(|(_, figures)| figures.allocations == 0) {
        broken.push("no allocation was found anywhere; teach `rooms.rs` the allocator's names".to_owned());
    }
    broken
}

/// Whether accepted events must not allocate of their own: CEL builds values, and the table of ids grows.
fn keeps_nothing(workload: &Workload) -> bool {
    workload.fate == Fate::Stored && !matches!(workload.feature, Feature::CelRule | Feature::Deduplication)
}

fn head(tools: &str) -> String {
    format!(
        "# Instructions an event by room: `make counts` compares them, `UPDATE=1 make counts` writes them anew.\n\
         # Counted by {tools}, batches of {N_EVENTS} events, after one round to warm up.\n\
         # Workloads from the fifth on differ from the first in what their names say.\n\
         # Valgrind hides the processor's SHA instructions: in truth a hashed field costs less.\n"
    )
}

/// What figures depend on beside the code. Valgrind shows every processor with AVX2 to the program as one and the same.
fn tools() -> anyhow::Result<String> {
    let rustc = first_line("rustc", "--version")?;
    let rustc = rustc.split(" (").next().unwrap_or_default();
    let (valgrind, libc) = (first_line("valgrind", "--version")?, first_line("getconf", "GNU_LIBC_VERSION")?);
    Ok(format!("{rustc}, {valgrind}, {libc}, {}", machine()))
}

fn first_line(program: &str, argument: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("`{program}` does not start; install it"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

fn machine() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2";
    }
    std::env::consts::ARCH
}

/// A folder for what is made on the way, below cargo's target folder.
pub(crate) fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}
