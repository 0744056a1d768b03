//! Rooms: which instructions belong to which room of the processor.
//!
//! In: a [`Profile`]. Out: [`Figures`], per event. A room begins at its door, a function that the compiler may not inline, and has all
//! that happens until the door is left; of two doors on the way to a function the inner one counts.
//! Not here: where the doors are; each stands in its room and says so.

use anyhow::ensure;

use crate::callgrind::{Profile, Use};

/// The rooms in the order of the way. `reject` writes why, copies the record for the dead-letter topic and lets the copy go.
/// `rest` is all that has no door: UTF-8, finding the schema, the event id, the batch.
pub(crate) const ROOMS: [&str; 7] = ["decode", "check", "map", "encode", "pack", "reject", "rest"];

/// Compression: an event that is rejected has none here, as Kafka's client does it for its letter.
pub(crate) const PACK: usize = 4;

const REST: usize = ROOMS.len() - 1;

/// The doors, and the room behind each.
const DOORS: [(&str, usize); 8] = [
    ("processor::decode::Walk::decode", 0),
    ("processor::check::check", 1),
    ("processor::map::append", 2),
    ("processor::columns::encode", 3),
    ("processor::columns::frame::Packer::pack", PACK),
    ("processor::check::fault::Fault::explain", 5),
    ("line::stand::letter", 5),
    ("line::stand::let_go", 5),
];

/// What stands around the rooms in a whole processor, by how the names of its functions begin.
const AROUND: [(&str, &[&str]); 4] = [
    ("kafka", &["rd_", "rdkafka::", "LZ4_", "ZSTD_"]),
    ("compress", &["lz4_flex::"]),
    ("send", &["clickhouse::", "hyper", "http::", "rustls::", "cityhash"]),
    ("flow", &["processor::"]),
];

/// What one event costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Instructions by room.
    pub(crate) rooms: [u64; ROOMS.len()],
    /// Instructions.
    pub(crate) all: u64,
    /// Calls of the allocator for memory, in hundredths.
    pub(crate) allocations: u64,
}

impl Figures {
    /// Sums a profile up.
    ///
    /// # Errors
    /// When a room is empty that no event can pass by: its door was renamed.
    pub(crate) fn of(profile: &Profile, n_events: usize) -> anyhow::Result<Self> {
        let n_events = n_events as u64;
        let mut rooms = [0; ROOMS.len()];
        for one in &profile.uses {
            rooms[room_of(one)] += one.n_instructions();
        }
        ensure!(rooms[0] > 0, "no function is called {}", DOORS[0].0);
        let n_allocations: u64 =
            profile.uses.iter().filter(|one| is_allocation(one)).map(|one| one.n_calls).sum();
        Ok(Self {
            rooms: rooms.map(|sum| (sum + n_events / 2) / n_events),
            all: (rooms.iter().sum::<u64>() + n_events / 2) / n_events,
            allocations: (n_allocations * 100).div_ceil(n_events),
        })
    }
}

/// The room that a use of a function belongs to.
fn room_of(one: &Use) -> usize {
    behind_door(one).unwrap_or(REST)
}

fn behind_door(one: &Use) -> Option<usize> {
    let door = |name: &String| DOORS.iter().find(|(door, _)| name == door).map(|(_, room)| *room);
    one.chain.iter().find_map(door)
}

/// The name of the room that a use belongs to, or of what stands around the rooms.
pub(crate) fn place_of(one: &Use) -> &'static str {
    let around = |name: &String| {
        let name = name.trim_start_matches(['<', '&']);
        let begins =
            |(_, beginnings): &&(&str, &[&str])| beginnings.iter().any(|begin| name.starts_with(begin));
        AROUND.iter().find(begins).map(|(place, _)| *place)
    };
    match behind_door(one) {
        Some(room) => ROOMS[room],
        None => one.chain.iter().find_map(around).unwrap_or(ROOMS[REST]),
    }
}

/// How many events were taken: each was appended or explained.
pub(crate) fn n_events(profile: &Profile) -> u64 {
    let ends = profile.uses.iter().filter(|one| [DOORS[2].0, DOORS[4].0].contains(&one.name()));
    ends.map(|one| one.n_calls).sum()
}

/// Whether it is the allocator, asked for memory by somebody else: jemalloc's own functions have other names than those that it is asked by.
fn is_allocation(one: &Use) -> bool {
    let asks = |name: &str| matches!(name, "malloc" | "calloc" | "realloc" | "mallocx" | "rallocx");
    let caller = one.chain.get(1).map_or("", String::as_str);
    asks(one.name()) && !asks(caller)
}
