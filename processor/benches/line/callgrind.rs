//! Callgrind: one round of a workload under valgrind, and what its output says.
//!
//! In: the name of a workload, or a file of callgrind's. Out: a [`Profile`]: instructions of every function, told apart by who called it.
//! Why not a crate: `gungraun` (once iai-callgrind) compares whole functions with files below `target`, and needs a runner of its exact
//! version beside it. Rooms of one run, figures an event and a table in git would be written here all the same.
//! Not here: which function is which room (`rooms.rs`).

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

/// How many callers tell one use of a function from another. A use whose chain is cut before the round fails the reading.
const CALLERS: usize = 100;

/// The allocator gives memory back to the system, and sorts what its threads keep, a while after it was freed, whatever happened by then:
/// a busy machine would count more than an idle one, 4 % of the room `rest` were seen. -1 is never.
const NO_CLOCK: (&str, &str) = (
    "MALLOC_CONF",
    "background_thread:false,dirty_decay_ms:-1,muzzy_decay_ms:-1,experimental_tcache_gc:false",
);

/// What the counted round is called, as callgrind shows it.
const ROUND: &str = "line::stand::counted_round";

/// One function, called in one way.
#[derive(Debug, Default)]
pub(crate) struct Use {
    /// The function and its callers up to the round, innermost first.
    pub(crate) chain: Vec<String>,
    /// Instructions of itself, by source file of the code that was inlined into it.
    pub(crate) own: HashMap<String, u64>,
    /// How often it was called.
    pub(crate) n_calls: u64,
}

/// What one counted round costs.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) uses: Vec<Use>,
}

/// Counts one round of a workload in a process of its own; `file` keeps callgrind's output.
///
/// # Errors
/// When valgrind is not there or fails, or when its output cannot be read.
pub(crate) fn count(workload: &str, file: &Path) -> anyhow::Result<Profile> {
    let program = std::env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=yes"])
        .arg(format!("--separate-callers={CALLERS}"))
        .arg(format!("--toggle-collect={ROUND}*"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(["round", workload])
        .env(NO_CLOCK.0, NO_CLOCK.1)
        .output()
        .context("valgrind does not start; install it: apt-get install valgrind")?;
    if !output.status.success() {
        // Valgrind's own lines begin so.
        let errors = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = errors.lines().filter(|line| !line.starts_with("==")).collect();
        bail!("`{workload}` ended with {} under valgrind: {}", output.status, errors.join("\n").trim());
    }
    let profile = Profile::read(file)?;
    if let Some(cut) = profile.uses.iter().find(|one| !one.chain.iter().any(|name| name == ROUND)) {
        bail!("the callers of {:?} do not reach {ROUND}; tell more of them apart", cut.chain);
    }
    Ok(profile)
}

impl Profile {
    /// Reads a file in callgrind's format, version 1.
    ///
    /// # Errors
    /// When it is in another one, or when nothing was counted.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {name}"))?;
        let mut reading = Reading::default();
        for line in text.lines() {
            reading.line(line).with_context(|| format!("{name} is not callgrind's: `{line}`"))?;
        }
        let uses: Vec<Use> = reading.uses.into_values().filter(|one| one.n_instructions() > 0).collect();
        let sum: u64 = uses.iter().map(Use::n_instructions).sum();
        ensure!(sum > 0, "{name} holds no costs");
        ensure!(sum == reading.total, "the costs in {name} are {sum}, not {} as it says", reading.total);
        Ok(Self { uses })
    }
}

impl Use {
    /// Instructions of itself.
    pub(crate) fn n_instructions(&self) -> u64 {
        self.own.values().sum()
    }

    /// The function.
    pub(crate) fn name(&self) -> &str {
        self.chain.first().map_or("", String::as_str)
    }
}

/// State between two lines. Names come once, behind a number that stands for them later.
#[derive(Default)]
struct Reading {
    uses: HashMap<u32, Use>,
    files: HashMap<u32, String>,
    function: u32,
    file: u32,
    /// The next line of costs is what a call cost, which the called function counts for itself.
    is_call: bool,
    callee: u32,
    total: u64,
}

impl Reading {
    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        match line.split_once(['=', ':']) {
            Some(("fn", name)) => self.function = self.function(name)?,
            Some(("cfn", name)) => self.callee = self.function(name)?,
            Some(("fl" | "fi" | "fe", name)) => self.file = self.file(name)?,
            Some(("cfi" | "cfl", name)) => drop(self.file(name)?),
            Some(("calls", numbers)) => {
                let n_calls: u64 = first(numbers)?;
                self.uses.entry(self.callee).or_default().n_calls += n_calls;
                self.is_call = true;
            }
            Some(("totals", total)) => self.total = first(total)?,
            Some(_) => {}
            None if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) => {
                self.costs(line)?;
            }
            None => {}
        }
        Ok(())
    }

    fn costs(&mut self, line: &str) -> anyhow::Result<()> {
        if std::mem::take(&mut self.is_call) {
            return Ok(());
        }
        let (_place, cost) = line.split_once(' ').with_context(|| format!("no costs in `{line}`"))?;
        let file = self.files.get(&self.file).cloned().unwrap_or_default();
        *self.uses.entry(self.function).or_default().own.entry(file).or_default() += first::<u64>(cost)?;
        Ok(())
    }

    /// Reads `(12) name'caller'caller` or `(12)`.
    fn function(&mut self, text: &str) -> anyhow::Result<u32> {
        let (number, name) = numbered(text)?;
        if let Some(name) = name {
            // A number is the depth of a recursion.
            let names = name.split('\'').filter(|name| name.parse::<u32>().is_err());
            self.uses.entry(number).or_default().chain = names.map(plain).collect();
        }
        Ok(number)
    }

    fn file(&mut self, text: &str) -> anyhow::Result<u32> {
        let (number, name) = numbered(text)?;
        if let Some(name) = name {
            self.files.insert(number, name.to_owned());
        }
        Ok(number)
    }
}

fn numbered(text: &str) -> anyhow::Result<(u32, Option<&str>)> {
    let inner = text.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (number, name) = inner.with_context(|| format!("no number in `{text}`"))?;
    Ok((number.parse()?, name.strip_prefix(' ')))
}

fn first<N: std::str::FromStr<Err = std::num::ParseIntError>>(numbers: &str) -> anyhow::Result<N> {
    let number = numbers.split_whitespace().next().with_context(|| format!("no number in `{numbers}`"))?;
    Ok(number.parse()?)
}

/// A name without the compiler's hash and without angle brackets around a type.
fn plain(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => name,
    };
    name.to_owned()
}
