//! Selection: which events a rule forwards. Pure.
//!
//! In: a record of the stream. Out: a [`Delivery`] when its event is accepted, named by the rule and true under `when`.
//! Rejected and filtered records are left here without a word: the table's path accounts for them.
//! Not here: sending.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crds::expression::Expression;
use crds::schema::Schema;
use crds::schema::field::Field;
use crds::schema::problems::{Problem, Problems};
use crds::stream_config::{RuleConfig, StreamConfig};

use crate::batch::Original;
use crate::forward::delivery::{Delivery, DeliveryId};
use crate::line::{Accepted, Line};
use crate::record::Position;
use crate::source::Message;

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// It is forwarded.
    Chosen(Box<Delivery>),
    /// It is not.
    Left,
    /// It is not, because `when` reads a field that the event lacks.
    Undecided,
}

/// Chooses the events of one rule.
#[derive(Debug)]
pub struct Selection {
    line: Line,
    config: Arc<StreamConfig>,
    rule: RuleConfig,
    when: Option<Expression>,
    hash_key: Option<Vec<u8>>,
}

impl Selection {
    /// Compiles a rule.
    ///
    /// # Errors
    /// With all that is wrong with the schemas or with `when`.
    pub fn new(
        config: &Arc<StreamConfig>,
        rule: &RuleConfig,
        hash_key: Option<&[u8]>,
    ) -> Result<Self, Problems> {
        let line = Line::new(config, hash_key)?;
        let mut schemas = Vec::new();
        for version in &config.schemas {
            schemas.push(Schema::parse(&version.name, version.version, &version.spec)?);
        }
        let when = rule.when.as_deref().map(|when| parse(when, rule, &schemas)).transpose()?;
        let hash_key = hash_key.map(<[u8]>::to_vec);
        Ok(Self { line, config: Arc::clone(config), rule: rule.clone(), when, hash_key })
    }

    /// Says what becomes of a record. One that ends the line in a defect is left: the table's path sets it aside.
    pub fn choose(&mut self, message: &Message<'_>) -> Choice {
        if let Ok(choice) = catch_unwind(AssertUnwindSafe(|| self.choose_soundly(message))) {
            return choice;
        }
        let Position { partition, offset } = message.record.position;
        tracing::error!(
            rule = self.rule.name,
            partition,
            offset,
            "a record ended the line in a defect; it is not forwarded"
        );
        if let Ok(line) = Line::new(&self.config, self.hash_key.as_deref()) {
            // The scratch of the old one may be in any state.
            self.line = line;
        }
        Choice::Left
    }

    fn choose_soundly(&mut self, message: &Message<'_>) -> Choice {
        let Self { line, config, rule: RuleConfig { events, uid, .. }, when, .. } = self;
        let Ok(Some(accepted)) = line.accept(&message.record) else { return Choice::Left };
        if !events.is_empty() && !events.iter().any(|event| event == accepted.event()) {
            return Choice::Left;
        }
        match when.as_ref().map(|when| accepted.matches(when)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return Choice::Left,
            Some(Err(_)) => return Choice::Undecided,
        }
        let id = DeliveryId::new(uid, &config.kafka.topic, config.stream.epoch, accepted.position());
        Choice::Chosen(Box::new(delivery(id, &accepted, message)))
    }
}

fn delivery(id: DeliveryId, accepted: &Accepted<'_>, message: &Message<'_>) -> Delivery {
    let mut json = Vec::new();
    accepted.write_json(&mut json);
    Delivery {
        id,
        event: accepted.event().to_owned(),
        event_id: accepted.event_id().to_owned(),
        event_time_milliseconds: accepted.event_time_milliseconds(),
        schema: accepted.schema().to_owned(),
        json,
        original: Original::new(message),
    }
}

/// Compiles `when` over the fields of the events that the rule names; a field of two of them has one type in the table.
fn parse(when: &str, rule: &RuleConfig, schemas: &[Schema]) -> Result<Expression, Problems> {
    let chosen =
        schemas.iter().filter(|schema| rule.events.is_empty() || rule.events.contains(&schema.event));
    let mut known: Vec<&Field> = Vec::new();
    for field in chosen.flat_map(|schema| &schema.fields) {
        if !known.iter().any(|other| other.path == field.path) {
            known.push(field);
        }
    }
    Expression::parse(when, &known)
        .map_err(|problem| Problems(vec![Problem::new("spec.when", problem.message)]))
}
