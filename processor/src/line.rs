//! Line: the way of one record, to read from top to bottom.
//!
//! ```text
//! record ─ decode ─▶ event ─ check ─▶ accepted ─ map ─▶ row
//!    └──────────────── rejected ◀────────┘
//! ```
//! In: records of one stream. Out: rows of its table, or a rejection; a pure function of the record and the schema versions.
//! One line keeps its scratch from record to record: in steady state an accepted event allocates nothing, but where its schema has rules.
//! Not here: earlier events (deduplication), batches, sending.

use crds::analytics_pipeline::UnknownEvents;
use crds::columns::{Column, table_columns};
use crds::event_schema::{Privacy, UnknownFields};
use crds::expression::{EvaluationError, Expression};
use crds::schema::Schema;
use crds::schema::problems::{Problem, Problems};
use crds::stream_config::StreamConfig;
use hashbrown::HashMap;

use crate::check::fault::{Fault, RecordFault};
use crate::check::plan::Plan;
use crate::check::privacy::HashKey;
use crate::check::{Checked, answer, check, convert, first_cell};
use crate::columns::Rows;
use crate::decode::scanner::Cell;
use crate::decode::text::MAXIMUM_BYTES;
use crate::decode::time::Moment;
use crate::decode::{Event, Walk};
use crate::map;
use crate::map::json::{Source, write_members, write_text};
use crate::map::shape::Shape;
use crate::record::{Outcome, Position, Record, Rejected};
use guess::Guess;

mod guess;

/// Names that the canonical event gives to the envelope.
const ENVELOPE_NAMES: [&str; 3] = ["event", "event_id", "event_time"];

/// The line of one stream. Build one for each task that maps records.
#[derive(Debug)]
pub struct Line {
    topic: String,
    columns: Vec<Column>,
    /// One a schema, and last the one of events without a schema, which also finds the type of all.
    plans: Vec<Plan>,
    /// Which plan an event type, or an alias of one, has.
    types: HashMap<String, usize>,
    unknown_events: UnknownEvents,
    hash_key: Option<HashKey>,
    event: Event,
    checked: Checked,
    event_id: String,
    guess: Guess,
}

impl Line {
    /// Compiles the line of a stream.
    ///
    /// # Errors
    /// With everything that is wrong with the schemas, with their union, or with the key that hashed fields need.
    pub fn new(config: &StreamConfig, hash_key: Option<&[u8]>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut schemas = Vec::new();
        for version in &config.schemas {
            match Schema::parse(&version.name, version.version, &version.spec) {
                Ok(schema) => schemas.push(schema),
                Err(found) => problems.0.extend(found.0),
            }
        }
        let mut types = HashMap::new();
        for (index, schema) in schemas.iter().enumerate() {
            for name in std::iter::once(&schema.event).chain(&schema.event_aliases) {
                if types.insert(name.clone(), index).is_some_and(|earlier| earlier != index) {
                    problems.add(
                        name,
                        "two EventSchemas of the pipeline describe this event type; remove one of them",
                    );
                }
            }
        }
        let hash_key = hash_key.and_then(HashKey::new);
        let hashed =
            schemas.iter().flat_map(|schema| &schema.fields).find(|field| field.privacy == Privacy::Hash);
        if let (Some(field), None) = (hashed, &hash_key) {
            problems.0.push(Problem::new(
                field.name(),
                "privacy Hash needs a key; set `privacy.hashKey` of the pipeline",
            ));
        }
        let schemas = problems.or(schemas)?;
        let columns = table_columns(&schemas)?;
        let mut plans = Vec::new();
        for schema in schemas {
            plans.push(Plan::new(schema, &config.envelope, &columns)?);
        }
        let unknown = if config.unknown_events == UnknownEvents::Store {
            UnknownFields::Capture
        } else {
            UnknownFields::Drop
        };
        plans.push(Plan::without_schema(&config.envelope, unknown));
        Ok(Self {
            topic: config.kafka.topic.clone(),
            columns,
            plans,
            types,
            unknown_events: config.unknown_events,
            hash_key,
            event: Event::default(),
            checked: Checked::default(),
            event_id: String::new(),
            guess: Guess::default(),
        })
    }

    /// The columns of the table, in the order of the blocks.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns buffers for one batch, with room for some rows.
    #[must_use]
    pub fn rows(&self, n_rows: usize) -> Rows {
        Rows::new(&self.columns, n_rows)
    }

    /// Takes a record all the way; a record that is rejected or filtered leaves the rows as they were.
    pub fn take(&mut self, record: &Record<'_>, rows: &mut Rows) -> Outcome {
        match self.accept(record) {
            Ok(Some(accepted)) => {
                Self::append(&accepted, rows);
                Outcome::Stored
            }
            Ok(None) => Outcome::Filtered,
            Err(rejected) => Outcome::Rejected(rejected),
        }
    }

    /// Decodes and checks a record; none when its event is left out.
    ///
    /// # Errors
    /// With the reason when the record must become a dead letter.
    pub fn accept<'a>(&'a mut self, record: &Record<'a>) -> Result<Option<Accepted<'a>>, Rejected> {
        let without_schema = self.plans.len() - 1;
        let payload = match text_of(record.payload) {
            Ok(payload) => payload,
            Err(fault) => return Err(self.reject(without_schema, "", fault)),
        };
        let guessed = self.decode_by_guess(payload);
        let found = match guessed {
            Some(_) => guessed,
            None => self.find_type(payload).map_err(|fault| self.reject(without_schema, payload, fault))?,
        };
        let index = found.unwrap_or(without_schema);
        if guessed.is_none() {
            self.decode(index, payload).map_err(|fault| self.reject(index, payload, fault))?;
        }
        if found.is_none() && self.event.noted.is_none() {
            match self.unknown_events {
                UnknownEvents::Store => {}
                UnknownEvents::Drop => return Ok(None),
                UnknownEvents::DeadLetter => {
                    return Err(self.reject(index, payload, Fault::Record(RecordFault::UnknownEventType)));
                }
            }
        }
        check(&self.plans[index], self.hash_key.as_ref(), payload, &mut self.event, &mut self.checked)
            .map_err(|fault| self.reject(index, payload, fault))?;
        self.keep_event_id(payload, record.position);
        self.guess.learn(found.filter(|index| self.type_stands_late(*index, payload)));
        Ok(Some(Accepted { line: self, plan: &self.plans[index], payload, record: *record }))
    }

    /// Adds the row of an accepted event.
    pub fn append(accepted: &Accepted<'_>, rows: &mut Rows) {
        map::append(accepted, rows);
    }

    /// Returns the id of the event that was accepted last.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// Decodes by the plan that the event has most likely, and returns it when that is so.
    fn decode_by_guess(&mut self, payload: &str) -> Option<usize> {
        let index = self.guess.plan()?;
        let is_decoded = self.decode(index, payload).is_ok();
        let found = match first_cell(&self.plans[index].event_slots, &self.event) {
            Some((_, Cell::Text(span))) => self.types.get(self.event.texts(payload).get(span)),
            _ => None,
        };
        let is_right = is_decoded && found == Some(&index);
        if !is_right {
            self.guess.was_wrong();
        }
        is_right.then_some(index)
    }

    fn type_stands_late(&self, index: usize, payload: &str) -> bool {
        match first_cell(&self.plans[index].event_slots, &self.event) {
            Some((_, Cell::Text(span))) => span.start() > payload.len() / 8,
            _ => false,
        }
    }

    /// Looks for the event type and stops there; returns the plan of its schema, none when no schema describes it.
    fn find_type(&mut self, payload: &str) -> Result<Option<usize>, Fault> {
        let without_schema = self.plans.len() - 1;
        let plan = &self.plans[without_schema];
        let until = Some(plan.event_slots.start);
        let mut walk =
            Walk { trie: &plan.trie, n_slots: plan.slots.len(), unknown: UnknownFields::Drop, until };
        walk.decode(payload, &mut self.event)?;
        match first_cell(&plan.event_slots, &self.event) {
            Some((_, Cell::Text(span))) => {
                let name = self.event.texts(payload).get(span);
                if name.is_empty() {
                    Err(Fault::Record(RecordFault::EventTypeMissing))
                } else {
                    Ok(self.types.get(name).copied())
                }
            }
            Some((slot, cell)) => {
                // Whether the rest is JSON is the first question.
                walk.until = None;
                walk.decode(payload, &mut self.event)?;
                Err(Fault::Field { slot, breach: convert::wrong_type(cell) })
            }
            None => Err(Fault::Record(RecordFault::EventTypeMissing)),
        }
    }

    fn decode(&mut self, index: usize, payload: &str) -> Result<(), Fault> {
        let plan = &self.plans[index];
        let walk = Walk { trie: &plan.trie, n_slots: plan.slots.len(), unknown: plan.unknown, until: None };
        walk.decode(payload, &mut self.event)
    }

    fn reject(&self, index: usize, payload: &str, fault: Fault) -> Rejected {
        fault.explain(&self.plans[index], self.event.texts(payload))
    }

    /// Without an id of its own, an event is known by where its record stands.
    fn keep_event_id(&mut self, payload: &str, position: Position) {
        use std::fmt::Write as _;
        self.event_id.clear();
        match self.checked.event_id {
            Some(span) => self.event_id.push_str(self.event.texts(payload).get(span)),
            None => {
                let Position { partition, offset } = position;
                let written = write!(self.event_id, "{}:{partition}:{offset}", self.topic);
                debug_assert!(written.is_ok());
            }
        }
    }
}

/// Returns the text of a payload.
fn text_of(payload: Option<&[u8]>) -> Result<&str, Fault> {
    let payload = payload.filter(|payload| !payload.is_empty()).ok_or(Fault::Record(RecordFault::Empty))?;
    if payload.len() > MAXIMUM_BYTES {
        return Err(Fault::Record(RecordFault::TooLarge));
    }
    let text = std::str::from_utf8(payload).map_err(|_| Fault::Record(RecordFault::InvalidUtf8))?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::Record(RecordFault::BrokenJson {
            at: 0,
            expected: "a brace, not a byte order mark",
        }));
    }
    Ok(text)
}

/// An event that passed its schema. It borrows the line's scratch and the record.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    line: &'a Line,
    plan: &'a Plan,
    payload: &'a str,
    record: Record<'a>,
}

impl Accepted<'_> {
    /// The event type by its canonical name.
    #[must_use]
    pub fn event(&self) -> &str {
        match &self.plan.event {
            Some(event) => event,
            None => match first_cell(&self.plan.event_slots, &self.line.event) {
                Some((_, Cell::Text(span))) => self.line.event.texts(self.payload).get(span),
                _ => "",
            },
        }
    }

    /// The event's own id, or the position of its record.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.line.event_id
    }

    /// `name@version` of its schema; empty for a stored event of an unknown type.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.plan.name
    }

    /// The position of its record.
    #[must_use]
    pub fn position(&self) -> Position {
        self.record.position
    }

    /// When it happened, milliseconds since 1970; without a word from the app, when Kafka got it.
    #[must_use]
    pub fn event_time_milliseconds(&self) -> i64 {
        self.line.checked.event_time.unwrap_or_else(|| self.received_at_milliseconds())
    }

    /// When Kafka got it, milliseconds since 1970, within what a column holds.
    #[must_use]
    pub fn received_at_milliseconds(&self) -> i64 {
        self.record.received_at_milliseconds()
    }

    /// Appends the canonical event: one JSON object on one line, as it may leave after privacy.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"event\":");
        write_text(self.event(), out);
        out.extend_from_slice(b",\"event_id\":");
        write_text(self.event_id(), out);
        out.extend_from_slice(b",\"event_time\":\"");
        Moment::of_ticks(self.event_time_milliseconds(), 3).write(3, out);
        out.push(b'"');
        write_members(&self.plan.shape, &Source { reserved: &ENVELOPE_NAMES, ..self.source() }, out);
        out.push(b'}');
    }

    /// Evaluates an expression over the event, as it may leave after privacy.
    ///
    /// # Errors
    /// When the expression reads a field that the event lacks, or has no answer.
    pub fn matches(&self, expression: &Expression) -> Result<bool, EvaluationError> {
        let Source { fields, values, elements, texts, .. } = self.source();
        expression.evaluate(&|path| match fields.iter().position(|field| field.path == path) {
            Some(slot) => answer::of_field(&fields[slot], values[slot], elements, texts),
            None => self.envelope_answer(path),
        })
    }

    fn envelope_answer(&self, path: &[String]) -> Option<cel::Value> {
        match path {
            [name] if name == "event" => Some(answer::text_value(self.event())),
            [name] if name == "event_id" => Some(answer::text_value(self.event_id())),
            [name] if name == "event_time" => {
                crds::expression::timestamp(i128::from(self.event_time_milliseconds()) * 1_000_000)
            }
            _ => None,
        }
    }

    pub(crate) fn topic(&self) -> &str {
        &self.line.topic
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.plan.shape
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            fields: &self.plan.fields,
            values: &self.line.checked.values,
            elements: &self.line.checked.elements,
            captured: &self.line.event.captured,
            texts: self.line.event.texts(self.payload),
            reserved: &[],
        }
    }
}

#[cfg(test)]
mod tests;
