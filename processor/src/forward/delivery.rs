//! Delivery: one chosen event on its way to a destination, and what the destination made of it.
//!
//! In: an accepted event and the record that it came in. Out: the [`Verdict`] of a [`Destination`].
//! The id of a delivery is a pure function of rule and position, so that a receiver can drop repetitions.
//! Not here: when to repeat; see `courier.rs`.

use std::time::Duration;

use crds::conditions::Reason;
use crds::rejection::RejectionReason;
use uuid::Uuid;

use crate::batch::{Letter, Original};
use crate::record::{Position, Rejected};

/// One chosen event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same for every repetition.
    pub id: DeliveryId,
    /// The event type.
    pub event: String,
    /// The event's own id.
    pub event_id: String,
    /// When it happened, milliseconds since 1970.
    pub event_time_milliseconds: i64,
    /// `name@version` of its schema.
    pub schema: String,
    /// The canonical event: one JSON object.
    pub json: Vec<u8>,
    /// The record as it was read: a dead letter keeps all of it.
    pub original: Original,
}

impl Delivery {
    /// Returns the position of its record.
    pub fn position(&self) -> Position {
        self.original.position
    }

    /// Builds the dead letter of an event that the destination of `rule` refuses for good.
    pub fn letter(&self, rule: &str, refusal: &Refusal) -> Letter {
        let mut original = self.original.clone();
        original.headers.push(("tributary-rule".into(), Some(rule.as_bytes().to_vec())));
        if !refusal.reply.is_empty() {
            original.headers.push(("tributary-reply".into(), Some(refusal.reply.clone())));
        }
        Letter {
            original,
            rejected: Rejected {
                reason: RejectionReason::DestinationRejected,
                field: String::new(),
                schema: self.schema.clone(),
                message: refusal.message.clone(),
            },
        }
    }
}

/// Id of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId(Uuid);

impl DeliveryId {
    /// Derives the id from the rule's UID, the topic and its life, and the position.
    pub fn new(rule: &str, topic: &str, epoch: u32, position: Position) -> Self {
        let Position { partition, offset } = position;
        let name = format!("tributary/{rule}/{epoch}/{topic}:{partition}:{offset}");
        Self(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()))
    }

    /// Returns a number that differs from delivery to delivery: the seed of its waits.
    pub fn seed(self) -> u64 {
        self.0.as_u64_pair().0
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "msg_{}", self.0.simple())
    }
}

/// What is wrong, as people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The reason in condition and report.
    pub reason: Reason,
    /// What is wrong and what to do; never a value of an event, never a secret.
    pub message: String,
}

/// Why a destination refuses one event for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What the destination said, in our words.
    pub message: String,
    /// The first bytes of what it said, in its own.
    pub reply: Vec<u8>,
}

/// What a destination made of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the event.
    Taken,
    /// It will pass: repeat this event later.
    Retry {
        /// How long the destination asks to be left alone.
        after: Option<Duration>,
        /// What is wrong.
        trouble: Trouble,
    },
    /// No event can be delivered until somebody mends something: stop, and try one event now and then.
    Park(Trouble),
    /// This event will never be taken.
    Refuse(Refusal),
}

/// Where chosen events go.
pub trait Destination: Send + Sync + 'static {
    /// Delivers an event once.
    fn send(&self, delivery: &Delivery) -> impl Future<Output = Verdict> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position { partition: 3, offset: 17 };

    #[test]
    fn an_id_is_the_same_for_every_repetition_and_holds_no_dot() {
        let id = DeliveryId::new("uid", "shop.ios", 1, POSITION).to_string();
        assert_eq!(id, DeliveryId::new("uid", "shop.ios", 1, POSITION).to_string());
        assert_eq!(id, "msg_e59b7619a4345d1f83575df9db46905e");
        assert!(!id.contains('.'));
    }

    #[test]
    fn an_id_differs_by_rule_topic_life_and_position() {
        let ids = [
            DeliveryId::new("uid", "shop.ios", 1, POSITION),
            DeliveryId::new("other", "shop.ios", 1, POSITION),
            DeliveryId::new("uid", "shop.web", 1, POSITION),
            DeliveryId::new("uid", "shop.ios", 2, POSITION),
            DeliveryId::new("uid", "shop.ios", 1, Position { partition: 4, offset: 17 }),
            DeliveryId::new("uid", "shop.ios", 1, Position { partition: 3, offset: 18 }),
        ];
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    }
}
