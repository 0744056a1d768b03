//! Accept: the processor's line takes all samples, and a field that rejects one is loosened until none does.
//!
//! In: a proposal and the samples. Out: the proposal, such that every sample passes; and the samples that no schema takes.
//! It ends, because every round loosens a field or leaves one out.

use std::collections::BTreeSet;

use crds::event_schema::{Compatibility, EventSchemaSpec, UnknownFields};
use crds::rejection::RejectionReason;
use crds::stream_config::{STREAM_CONFIG_VERSION, StreamConfig};
use processor::line::Line;
use processor::record::{Position, Record, Rejected};
use serde_json::json;

use super::Sample;
use super::propose::Proposal;

/// Samples of one event type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Samples<'a> {
    /// The event type.
    pub(super) event: &'a str,
    /// The path at which they name it.
    pub(super) event_path: &'a str,
    /// The samples.
    pub(super) lines: &'a [Sample<'a>],
}

/// A sample that no schema takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// Line, from 1.
    pub(super) line: usize,
    /// Why.
    pub(super) why: String,
}

/// Loosens a proposal until every sample passes that can.
pub(super) fn loosen(proposal: &mut Proposal, samples: &Samples<'_>) -> Vec<Refused> {
    let mut rejected = rejections(proposal, samples);
    loop {
        let mut is_looser = false;
        let mut seen = BTreeSet::new();
        for (_, rejection) in rejected.iter().filter(|(_, rejection)| seen.insert(rejection.field.clone())) {
            is_looser |= proposal.loosen(rejection);
        }
        if !is_looser {
            break;
        }
        rejected = rejections(proposal, samples);
    }
    if !rejected.is_empty() {
        // A number or a path that `extra` cannot keep.
        let kept = Proposal { unknown_fields: UnknownFields::Drop, ..proposal.clone() };
        let fewer = rejections(&kept, samples);
        if fewer.len() < rejected.len() {
            (*proposal, rejected) = (kept, fewer);
        }
    }
    rejected.into_iter().map(|(line, rejection)| Refused { line, why: rejection.message }).collect()
}

impl Proposal {
    /// Loosens the field that rejects, or leaves out those below it.
    fn loosen(&mut self, rejection: &Rejected) -> bool {
        let path = &rejection.field;
        let below = format!("{path}.");
        let mut is_looser = false;
        for candidate in &mut self.candidates {
            let name = candidate.options.last().map(|option| option.name.clone()).unwrap_or_default();
            let is_meant = name == *path || candidate.sent == *path;
            if is_meant && rejection.reason == RejectionReason::FieldMissing {
                candidate.options.iter_mut().for_each(|option| option.required = false);
            } else if is_meant {
                candidate.options.pop();
            } else if name.starts_with(&below) || candidate.sent.starts_with(&below) {
                candidate.options.clear();
            } else {
                continue;
            }
            is_looser = true;
        }
        self.candidates.retain(|candidate| !candidate.options.is_empty());
        is_looser
    }
}

/// Returns every rejection, with the line of its sample.
fn rejections(proposal: &Proposal, samples: &Samples<'_>) -> Vec<(usize, Rejected)> {
    let spec = EventSchemaSpec {
        event: Some(samples.event.to_owned()),
        event_aliases: Vec::new(),
        compatibility: Compatibility::default(),
        unknown_fields: proposal.unknown_fields,
        fields: proposal.fields(),
        rules: Vec::new(),
    };
    rejected_by(spec, samples)
}

/// Runs samples through the line of a stream with one schema. A schema that is none rejects all of them.
pub(super) fn rejected_by(spec: EventSchemaSpec, samples: &Samples<'_>) -> Vec<(usize, Rejected)> {
    let line = stream(spec, samples.event_path)
        .and_then(|config| Line::new(&config, None).map_err(|problems| problems.to_string()));
    let mut line = match line {
        Ok(line) => line,
        Err(message) => {
            return samples.lines.iter().map(|(number, _)| (*number, internal(&message))).collect();
        }
    };
    let mut rejected = Vec::new();
    for (number, text) in samples.lines {
        let position = Position { partition: 0, offset: 0 };
        let record = Record { position, timestamp_milliseconds: 0, payload: Some(text.as_bytes()) };
        rejected.extend(line.accept(&record).err().map(|rejection| (*number, rejection)));
    }
    rejected
}

/// What the property test rules out.
fn internal(message: &str) -> Rejected {
    Rejected {
        reason: RejectionReason::UnknownEventType,
        field: String::new(),
        schema: String::new(),
        message: format!("{message}; this is a defect of Tributary"),
    }
}

/// Writes the config of a stream with one schema.
fn stream(spec: EventSchemaSpec, event_path: &str) -> Result<StreamConfig, String> {
    let config = json!({
        "version": STREAM_CONFIG_VERSION,
        "stream": {"namespace": "", "name": "", "id": "", "epoch": 1},
        "kafka": {"bootstrap": "", "topic": "", "deadLetterTopic": "", "group": ""},
        "clickhouse": {"url": "", "database": "", "table": ""},
        "schemas": [{"name": "inferred", "version": 1, "spec": spec}],
        "envelope": {"event": [event_path], "eventId": ["event_id"], "eventTime": ["event_time"]},
        "unknownEvents": "DeadLetter",
        "batch": {"maxRows": 1, "maxBytes": 1, "maxAgeMilliseconds": 1},
    });
    serde_json::from_value(config).map_err(|error| error.to_string())
}
