//! Decode: one step over the bytes of a record, after which every known field has its cell.
//!
//! In: the text of a record and the [`Trie`] of the schema that describes its event type. Out: [`Event`]: a cell a field, spans
//! of what the schema does not know, and the first fault that the walk noted.
//! Nothing is built and nothing is copied but strings with escapes; the event's buffers serve every record.
//! Not here: types and constraints (check).

pub(crate) mod number;
pub(crate) mod scanner;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trie;

use std::cell::Cell as Memory;

use crds::event_schema::UnknownFields;

use crate::check::fault::{Breach, Fault, RecordFault};
use scanner::{Captures, Cell, Halt, Scanner, Stop, path_hash};
use text::{Span, Texts};
use trie::{Entry, Trie};

/// A field that the schema does not name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Captured {
    /// The object that holds it.
    pub(crate) node: u16,
    /// Its key.
    pub(crate) key: Span,
    /// Its value as it is written.
    pub(crate) value: Span,
}

/// A decoded event. One serves every record of a line.
#[derive(Debug, Default)]
pub(crate) struct Event {
    /// One cell a slot.
    pub(crate) cells: Vec<Cell>,
    /// What the schema does not know, by node in the order of the trie.
    pub(crate) captured: Vec<Captured>,
    /// Text that is not in the record as it is.
    pub(crate) arena: String,
    /// The first fault that the walk noted and that did not end it.
    pub(crate) noted: Option<Fault>,
    /// Which nodes were entered.
    entered: Vec<bool>,
    captures: Captures,
}

impl Event {
    fn clear(&mut self, n_slots: usize, n_nodes: usize) {
        self.cells.clear();
        self.cells.resize(n_slots, Cell::Missing);
        self.entered.clear();
        self.entered.resize(n_nodes, false);
        self.captured.clear();
        self.captures.paths.clear();
        self.arena.clear();
        self.noted = None;
    }

    /// The texts of this event.
    pub(crate) fn texts<'a>(&'a self, payload: &'a str) -> Texts<'a> {
        Texts { payload, arena: &self.arena }
    }
}

/// How a record is walked.
pub(crate) struct Walk<'t> {
    /// The known keys.
    pub(crate) trie: &'t Trie,
    /// Number of slots that the trie's entries fill.
    pub(crate) n_slots: usize,
    /// What happens to other keys.
    pub(crate) unknown: UnknownFields,
    /// The slot whose value ends the walk.
    pub(crate) until: Option<u16>,
}

impl Walk<'_> {
    /// Decodes a record.
    ///
    /// # Errors
    /// When the record is not a JSON object, or nested too deep. What concerns single fields is noted in the event.
    // The door of this room, for `make counts` and profilers; as those of check, map, encode and explain.
    #[inline(never)]
    pub(crate) fn decode(&self, payload: &str, event: &mut Event) -> Result<(), Fault> {
        event.clear(self.n_slots, self.trie.nodes.len());
        let Event { cells, captured, arena, noted, entered, captures } = event;
        let scanner = Scanner::new(payload, arena);
        let Self { trie, unknown, until, .. } = *self;
        let mut decoder =
            Decoder { scanner, trie, unknown, until, cells, captured, noted, entered, captures };
        let walked = decoder.record().map_err(|Stop| decoder.scanner.halt());
        match walked {
            Ok(()) => {}
            Err(Halt::Found) => return Ok(()),
            Err(Halt::NotAnObject) => return Err(Fault::Record(RecordFault::NotAnObject)),
            Err(Halt::TooDeep) => return Err(Fault::Record(RecordFault::TooDeep)),
            Err(Halt::Broken { at, expected }) => {
                return Err(Fault::Record(RecordFault::BrokenJson { at, expected }));
            }
        }
        if event.noted.is_none() {
            event.noted = given_twice(&mut event.captures.paths, &event.captured);
        }
        if event.captured.len() > 1 {
            // In the order of the trie; equal keys keep the order of the record.
            event.captured.sort_by_key(|captured| captured.node);
        }
        Ok(())
    }
}

/// Added to the index of a captured field to tell it from the slot of a JSON field.
const CAPTURED: u32 = 1 << 16;

fn given_twice(paths: &mut [(u64, u32)], captured: &[Captured]) -> Option<Fault> {
    if paths.len() < 2 {
        return None;
    }
    paths.sort_unstable();
    let (_, owner) = paths.windows(2).find(|pair| pair[0].0 == pair[1].0)?[1];
    Some(match captured.get(owner.wrapping_sub(CAPTURED) as usize) {
        Some(captured) => Fault::UnknownTwice { node: captured.node, key: captured.key },
        None => Fault::Field { slot: owner as u16, breach: Breach::JsonTwice },
    })
}

struct Decoder<'a, 'e, 't> {
    scanner: Scanner<'a, 'e>,
    trie: &'t Trie,
    unknown: UnknownFields,
    until: Option<u16>,
    cells: &'e mut [Cell],
    captured: &'e mut Vec<Captured>,
    noted: &'e mut Option<Fault>,
    entered: &'e mut [bool],
    captures: &'e mut Captures,
}

impl<'t> Decoder<'_, '_, 't> {
    fn record(&mut self) -> Result<(), Stop> {
        let is_object = self.scanner.peek() == b'{';
        if is_object {
            self.object(0)?;
        } else {
            // Whether it is JSON at all is the first question.
            self.scanner.cell(None)?;
        }
        self.scanner.end()?;
        if is_object { Ok(()) } else { Err(self.scanner.stop(Halt::NotAnObject)) }
    }

    /// Walks an object whose brace is next.
    fn object(&mut self, node: u16) -> Result<(), Stop> {
        let here = &self.trie.nodes[usize::from(node)];
        self.scanner.descend()?;
        if self.scanner.peek() == b'}' {
            self.scanner.ascend();
            return Ok(());
        }
        // Where this object remembers which entry is likely next.
        let mut memory = &here.first;
        loop {
            if self.scanner.peek() != b'"' {
                return Err(self.scanner.broken("a field name"));
            }
            self.scanner.step();
            let entry = match here.entries.get(usize::from(memory.get())) {
                Some(entry) if self.scanner.step_over_key(&entry.key) => Some(entry),
                _ => self.unlikely(node, memory)?,
            };
            if let Some(entry) = entry {
                memory = &entry.follower;
                self.scanner.colon()?;
                self.known(entry)?;
            }
            match self.scanner.peek() {
                b',' => self.scanner.step(),
                b'}' => {
                    self.scanner.ascend();
                    return Ok(());
                }
                _ => return Err(self.scanner.broken("a comma or the end of the object")),
            }
        }
    }

    /// Steps over a key that was not foreseen: one that is known is remembered, an unknown one is done with together with its value.
    fn unlikely(&mut self, node: u16, memory: &Memory<u16>) -> Result<Option<&'t Entry>, Stop> {
        let here = &self.trie.nodes[usize::from(node)];
        let key = self.scanner.string()?;
        let Some(index) = here.find(self.scanner.get(key).as_bytes()) else {
            self.scanner.colon()?;
            self.unknown(node, key)?;
            return Ok(None);
        };
        memory.set(index);
        Ok(here.entries.get(usize::from(index)))
    }

    /// Walks the value of a known key.
    #[inline(always)]
    fn known(&mut self, entry: &'t Entry) -> Result<(), Stop> {
        let Some(slot) = entry.only_slot else { return self.known_with_more(entry) };
        let cell = self.scanner.cell(None)?;
        if cell == Cell::Missing { Ok(()) } else { self.fill(slot, cell) }
    }

    /// The same where the value is an object with fields, goes into a JSON column, or fills several slots.
    fn known_with_more(&mut self, entry: &'t Entry) -> Result<(), Stop> {
        let cell = match entry.child {
            _ if entry.is_json => self.json(entry)?,
            Some(child) if self.scanner.peek() == b'{' => return self.child(child),
            _ => self.scanner.cell(None)?,
        };
        if cell == Cell::Missing {
            return Ok(());
        }
        if let (Some(child), true) = (entry.child, entry.slots.is_empty()) {
            self.noted.get_or_insert(Fault::ObjectExpected { node: child });
        }
        entry.slots.iter().try_for_each(|slot| self.fill(*slot, cell))
    }

    #[inline]
    fn fill(&mut self, slot: u16, cell: Cell) -> Result<(), Stop> {
        let place = &mut self.cells[usize::from(slot)];
        if matches!(place, Cell::Missing) {
            *place = cell;
        } else {
            self.noted.get_or_insert(Fault::Field { slot, breach: Breach::Duplicate });
        }
        if self.until == Some(slot) { Err(self.scanner.stop(Halt::Found)) } else { Ok(()) }
    }

    /// Walks a value for a JSON column; the envelope may have places inside it.
    fn json(&mut self, entry: &'t Entry) -> Result<Cell, Stop> {
        let (child, slot) = (entry.child, entry.slots.first().copied().unwrap_or_default());
        self.captures.oversized = false;
        self.captures.owner = u32::from(slot);
        self.scanner.peek();
        let start = self.scanner.at();
        let cell = self.scanner.cell(Some((json_scope(slot), &mut *self.captures)))?;
        if self.captures.oversized {
            self.noted.get_or_insert(Fault::Field { slot, breach: Breach::JsonNumber });
        }
        if let (Some(child), Cell::Object(_)) = (child, cell) {
            self.scanner.go_to(start);
            let unknown = std::mem::replace(&mut self.unknown, UnknownFields::Drop);
            let walked = self.child(child);
            self.unknown = unknown;
            walked?;
        }
        Ok(cell)
    }

    fn child(&mut self, child: u16) -> Result<(), Stop> {
        if std::mem::replace(&mut self.entered[usize::from(child)], true) {
            self.noted.get_or_insert(Fault::ObjectTwice { node: child });
        }
        self.object(child)
    }

    fn unknown(&mut self, node: u16, key: Span) -> Result<(), Stop> {
        match self.unknown {
            UnknownFields::Drop => self.scanner.skip(None),
            UnknownFields::Reject => {
                if self.scanner.peek() != b'n' {
                    self.noted.get_or_insert(Fault::UnknownField { node, key });
                }
                self.scanner.skip(None)
            }
            UnknownFields::Capture => self.capture(node, key),
        }
    }

    fn capture(&mut self, node: u16, key: Span) -> Result<(), Stop> {
        let is_null = self.scanner.peek() == b'n';
        let start = self.scanner.at();
        let path = path_hash(self.trie.nodes[usize::from(node)].hash, self.scanner.get(key).as_bytes());
        self.captures.oversized = false;
        self.captures.owner = CAPTURED + self.captured.len() as u32;
        self.scanner.skip(Some((path, &mut *self.captures)))?;
        if self.captures.oversized {
            self.noted.get_or_insert(Fault::UnknownNumber { node, key });
        }
        if !is_null {
            self.captures.paths.push((path, self.captures.owner));
            self.captured.push(Captured { node, key, value: Span::payload(start, self.scanner.at()) });
        }
        Ok(())
    }
}

/// Paths inside a JSON column are apart from those of `extra` and of other JSON columns.
fn json_scope(slot: u16) -> u64 {
    (u64::from(slot) + 1) << 32
}

#[cfg(test)]
pub(crate) mod tests;
