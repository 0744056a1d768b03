//! Table: figures by workload, as text that people read and that lies in git.
//!
//! In: figures. Out: the text; the figures of a text; and what moved between two tables.
//! Not here: counting, and what a move means.

use anyhow::{Context as _, ensure};

use crate::rooms::{Figures, ROOMS};

/// So few instructions are no move, so that the rooms that cost nearly nothing may be left alone.
pub(crate) const LEAST: u64 = 5;

/// How far figures may move, in hundredths. Two runs of one program differ by less than one in a thousand: the seeds of hash tables are
/// all that chance has. What remains is the compiler, which the table names, and the code.
pub(crate) const TOLERANCE: u64 = 2;

/// What moved between two tables, a line each.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// What costs more now, and workloads that only one of the tables has.
    pub(crate) grown: Vec<String>,
    /// What costs less now.
    pub(crate) fallen: Vec<String>,
}

impl Moves {
    fn add(&mut self, grew: bool, line: String) {
        if grew { &mut self.grown } else { &mut self.fallen }.push(line);
    }
}

/// The figures of all workloads.
#[derive(Debug, Default)]
pub(crate) struct Table(pub(crate) Vec<(String, Figures)>);

impl Table {
    /// Writes the table.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{:36}", "workload");
        for column in ROOMS.iter().chain(&["all"]) {
            text += &format!("{column:>9}");
        }
        text += "  allocations\n";
        for (name, figures) in &self.0 {
            text += &format!("{name:36}");
            for number in figures.rooms.iter().chain([&figures.all]) {
                text += &format!("{number:>9}");
            }
            let allocations = figures.allocations;
            text += &format!("{:>10}.{:02}\n", allocations / 100, allocations % 100);
        }
        text
    }

    /// Reads a table; lines that begin with `#` and the head are for people.
    ///
    /// # Errors
    /// When a line is none that [`Table::text`] writes.
    pub(crate) fn read(text: &str) -> anyhow::Result<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("workload"));
        lines
            .map(|line| row(line).with_context(|| format!("no figures: `{line}`")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The figures of a workload.
    pub(crate) fn of(&self, workload: &str) -> Option<&Figures> {
        self.0.iter().find(|(name, _)| name == workload).map(|(_, figures)| figures)
    }

    /// Says what moved since `old`. Allocations have no tolerance: chance has no part in them.
    pub(crate) fn moves_since(&self, old: &Self) -> Moves {
        let mut moves = Moves::default();
        for (name, new) in &self.0 {
            let Some(old) = old.of(name) else {
                moves.grown.push(format!("{name:36} is new"));
                continue;
            };
            let columns = ROOMS.iter().chain(&["all"]);
            let numbers = old.rooms.iter().chain([&old.all]).zip(new.rooms.iter().chain([&new.all]));
            for (column, (old, new)) in columns.zip(numbers) {
                if old.abs_diff(*new) > LEAST.max(old * TOLERANCE / 100) {
                    let ratio = *new as f64 / (*old).max(1) as f64;
                    moves.add(new > old, format!("{name:36} {column:>12} {old:>8} {new:>8} {ratio:>7.3}"));
                }
            }
            if old.allocations != new.allocations {
                let grew = new.allocations > old.allocations;
                let (old, new) = (old.allocations as f64 / 100.0, new.allocations as f64 / 100.0);
                moves.add(grew, format!("{name:36} {:>12} {old:>8.2} {new:>8.2}", "allocations"));
            }
        }
        let gone = old.0.iter().filter(|(name, _)| self.of(name).is_none());
        moves.grown.extend(gone.map(|(name, _)| format!("{name:36} is gone")));
        moves
    }
}

fn row(line: &str) -> anyhow::Result<(String, Figures)> {
    let (name, numbers) = line.split_at_checked(36).context("it is too short")?;
    let numbers: Vec<&str> = numbers.split_whitespace().collect();
    ensure!(numbers.len() == ROOMS.len() + 2, "it has {} numbers", numbers.len());
    let mut rooms = [0; ROOMS.len()];
    for (room, number) in rooms.iter_mut().zip(&numbers) {
        *room = number.parse()?;
    }
    let all = numbers[ROOMS.len()].parse()?;
    let allocations = numbers[ROOMS.len() + 1].replace('.', "").parse()?;
    Ok((name.trim_end().to_owned(), Figures { rooms, all, allocations }))
}
