//! Generator: seeded, realistic events of a shop's two apps, and what must become of each of them.
//!
//! In: a seed, a number, the time that counts as now. Out: [`Record`]s in the order of time, over the thirty minutes before
//! now, about three in a hundred spoiled in one of the ways of [`defect::Defect`]; each carries its [`Fate`], and
//! [`expected::Expected`] adds the fates up, so that the demo and the tests know every number beforehand.
//! The same arguments give the same bytes. It sends nothing; the schemas that the fates speak of are those of
//! `manifests/samples/first-stream/`.

pub mod defect;
pub mod expected;
mod fact;
pub(crate) mod random;
mod shape;

#[cfg(test)]
mod tests;

use crds::rejection::RejectionReason;

use defect::Defect;
use fact::{EventType, Happening};
use random::Random;

/// The minutes before now over which events are spread.
pub const MINUTES: i64 = 30;
/// Purchases of more than this many cents are forwarded by the sample's rule.
const FORWARDED_ABOVE_CENTS: u64 = 10_000;
const USERS: u64 = 2_000;

/// Which of the two apps sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum App {
    /// Flat envelope, nested device, snake case.
    Ios,
    /// Nested envelope, flat device, camel case, other names for the same facts.
    Android,
}

impl App {
    /// Both apps.
    pub const ALL: [Self; 2] = [Self::Ios, Self::Android];

    /// Name of the app's pipeline in the sample.
    #[must_use]
    pub fn pipeline(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Android => "android",
        }
    }
}

/// What the generator is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// The app that sends.
    pub app: App,
    /// Equal seeds give equal records.
    pub seed: u64,
    /// Number of records.
    pub events: u64,
    /// Milliseconds since 1970 that count as now.
    pub now: i64,
    /// Whether some of the events are spoiled.
    pub defects: bool,
}

/// A record to send, and what must become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Key of the record: the user.
    pub key: String,
    /// Bytes of the record; none for the empty record.
    pub value: Vec<u8>,
    /// Time of the record, milliseconds since 1970.
    pub timestamp: i64,
    /// What must become of it.
    pub fate: Fate,
}

/// What must become of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// One row.
    Stored {
        /// Canonical event type.
        event: &'static str,
        /// Id of the event.
        id: String,
        /// Time of the event, milliseconds since 1970.
        at: i64,
        /// Amount of a purchase in cents; 0 for other events.
        cents: u64,
        /// Whether the sample's forwarding rule picks it.
        forwarded: bool,
    },
    /// One dead letter.
    DeadLettered(RejectionReason),
    /// Left out, because the pipeline says `unknownEvents: Drop`.
    Filtered,
    /// Left out, because the same event was stored before.
    Deduplicated,
}

/// Makes records one by one.
#[derive(Debug)]
pub struct Generator {
    request: Request,
    random: Random,
    made: u64,
    spoiled: usize,
    /// An event that the app is not sure to have sent, and sends again later.
    unsure: Option<Record>,
}

impl Generator {
    /// Begins at the first record.
    #[must_use]
    pub fn new(request: Request) -> Self {
        let stream = match request.app {
            App::Ios => 1,
            App::Android => 2,
        };
        Self {
            request,
            random: Random::new(request.seed.wrapping_mul(31).wrapping_add(stream)),
            made: 0,
            spoiled: 0,
            unsure: None,
        }
    }

    fn next_defect(&mut self) -> Option<Defect> {
        if !self.request.defects || !self.random.chance(3, 100) {
            return None;
        }
        let defect = Defect::ALL[self.spoiled % Defect::ALL.len()];
        self.spoiled += 1;
        Some(defect)
    }

    /// Phones lose their connection: now and then the Android app keeps an event that it sent, …
    fn doubt(&mut self, record: &Record) {
        let is_stored = matches!(record.fate, Fate::Stored { .. });
        if self.request.app == App::Android && self.request.defects && is_stored && self.random.chance(1, 60)
        {
            self.unsure = Some(record.clone());
        }
    }

    /// … and sends it once more, byte for byte.
    fn again(&mut self, at: i64) -> Option<Record> {
        if self.unsure.is_none() || !self.random.chance(1, 20) {
            return None;
        }
        let record = self.unsure.take()?;
        Some(Record { timestamp: at.max(record.timestamp), fate: Fate::Deduplicated, ..record })
    }

    /// The time of the event at hand: apps are used in waves, so the rate swings around its mean.
    fn time(&mut self) -> i64 {
        let share = self.made as f64 / self.request.events.max(1) as f64;
        let turn = std::f64::consts::TAU;
        let waved = share
            + 0.45 / (turn * 2.0) * (turn * 2.0 * share).sin()
            + 0.25 / (turn * 7.0) * (turn * 7.0 * share).sin();
        let span = (MINUTES * 60_000 - 5_000) as f64;
        self.request.now - MINUTES * 60_000 + (waved * span) as i64 + self.random.below(2_000) as i64
    }
}

impl Iterator for Generator {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.made >= self.request.events {
            return None;
        }
        let defect = self.next_defect();
        let at = self.time();
        self.made += 1;
        if defect.is_none()
            && let Some(again) = self.again(at)
        {
            return Some(again);
        }
        let event_type =
            defect.and_then(Defect::event_type).unwrap_or_else(|| EventType::pick(&mut self.random));
        let happening = Happening::new(&mut self.random, event_type, at, USERS);
        let timestamp = at + self.random.below(1_500) as i64;
        let object = shape::object(self.request.app, &happening);
        let (value, fate) = match defect {
            Some(defect) => defect.spoil(self.request.app, object),
            None => (shape::bytes(object), stored(self.request.app, &happening)),
        };
        let record = Record { key: happening.user, value, timestamp, fate };
        self.doubt(&record);
        Some(record)
    }
}

fn stored(app: App, happening: &Happening) -> Fate {
    let cents = happening.cents();
    Fate::Stored {
        event: happening.event_type().canonical(),
        id: happening.id.clone(),
        at: happening.at,
        cents,
        forwarded: app == App::Ios && cents > FORWARDED_ABOVE_CENTS,
    }
}
