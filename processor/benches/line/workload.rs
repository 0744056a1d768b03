//! Workload: what is measured, by the clock and by instructions alike.
//!
//! In: nothing. Out: [`WORKLOADS`], each with its stream and its events.
//! Features stand alone, each over the first workload: the difference is what it costs.
//! Not here: how an event is taken (`stand.rs`).

use anyhow::Context as _;
use crds::stream_config::StreamConfig;

use crate::event::{Change, Shape};

/// What becomes of every event of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A row.
    Stored,
    /// A dead letter.
    Rejected,
    /// Taken by a forwarding rule; no row is made on that way.
    Forwarded,
}

/// What a stream asks for beyond types and limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    Nothing,
    TwoTypes,
    CelRule,
    Hash,
    Mask,
    Pattern,
    JsonField,
    Deduplication,
    Forwarding,
}

/// One workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) change: Change,
    pub(crate) feature: Feature,
    pub(crate) fate: Fate,
}

const FLAT: Shape = Shape { n_fields: 15, is_nested: false };

/// Three members that no field is named for.
const MORE: &str = ",\"a\":1,\"b\":\"text\",\"c\":{\"d\":[1,2]}}";
/// The same, for a field of type JSON.
const PROPERTIES: &str = ",\"properties\":{\"a\":1,\"b\":\"text\",\"c\":{\"d\":[1,2]}}}";

/// All of them. The first one is what the others are compared with.
pub(crate) const WORKLOADS: [Workload; 20] = [
    accepted("15 fields, flat, 500 bytes", FLAT),
    accepted("15 fields, nested, 500 bytes", Shape { is_nested: true, ..FLAT }),
    accepted("38 fields, flat, 1600 bytes", Shape { n_fields: 38, ..FLAT }),
    accepted("38 fields, nested, 1600 bytes", Shape { n_fields: 38, is_nested: true }),
    Workload { change: Change::TypeLast, ..accepted("event type is the last member", FLAT) },
    featured("the same, two types in turn", Feature::TwoTypes, Change::TypesInTurn),
    rejected("rejected: wrong type, last field", Change::WrongType),
    rejected("rejected: out of range", Change::OutOfRange),
    rejected("rejected: required field missing", Change::Missing),
    rejected("rejected: broken JSON at the end", Change::BrokenEnd),
    rejected("rejected: unknown event type", Change::TypeUnknown),
    rejected("rejected: event type is a number", Change::TypeWrong),
    Workload { change: Change::More(MORE), ..accepted("feature: three fields captured", FLAT) },
    featured("feature: JSON field", Feature::JsonField, Change::More(PROPERTIES)),
    featured("feature: pattern", Feature::Pattern, Change::Nothing),
    featured("feature: rule between fields (CEL)", Feature::CelRule, Change::Nothing),
    featured("feature: masked field", Feature::Mask, Change::Nothing),
    featured("feature: hashed field", Feature::Hash, Change::Nothing),
    featured("feature: deduplication by id", Feature::Deduplication, Change::Nothing),
    Workload {
        fate: Fate::Forwarded,
        ..featured("forwarding rule, event chosen", Feature::Forwarding, Change::Nothing)
    },
];

const fn accepted(name: &'static str, shape: Shape) -> Workload {
    Workload { name, shape, change: Change::Nothing, feature: Feature::Nothing, fate: Fate::Stored }
}

const fn rejected(name: &'static str, change: Change) -> Workload {
    Workload { name, shape: FLAT, change, feature: Feature::Nothing, fate: Fate::Rejected }
}

const fn featured(name: &'static str, feature: Feature, change: Change) -> Workload {
    Workload { name, shape: FLAT, change, feature, fate: Fate::Stored }
}

impl Workload {
    /// The workload of a name.
    ///
    /// # Errors
    /// With all names when there is none of this one.
    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        let names = || WORKLOADS.map(|workload| workload.name).join("\n  ");
        let found = WORKLOADS.into_iter().find(|workload| workload.name == name);
        found.with_context(|| format!("no workload is called `{name}`; these are:\n  {}", names()))
    }

    /// Its name as that of a file.
    pub(crate) fn file_name(&self, ending: &str) -> String {
        let words: Vec<&str> = self.name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        format!("{}.{ending}", words.join("-"))
    }

    /// Its events.
    pub(crate) fn events(&self, n_events: usize) -> Vec<String> {
        self.shape.events(self.change, n_events)
    }

    /// The config of its stream.
    pub(crate) fn config(&self) -> anyhow::Result<StreamConfig> {
        let more = match self.feature {
            Feature::Hash => ("user_id", ", privacy: Hash"),
            Feature::Mask => ("user_id", ", privacy: Mask"),
            Feature::Pattern => ("order_id", ", pattern: '^order-[0-9]{12}$'"),
            Feature::Nothing
            | Feature::TwoTypes
            | Feature::CelRule
            | Feature::JsonField
            | Feature::Deduplication
            | Feature::Forwarding => ("", ""),
        };
        let end = match self.feature {
            Feature::JsonField => "    - {name: properties, type: Json}\n",
            Feature::CelRule => {
                "    rules: [{rule: 'event.order_quantity > 0 && event.order_currency != \"CHF\"', message: no}]\n"
            }
            Feature::Forwarding => {
                "rules: [{name: big, uid: u, type: Kafka, topic: t, when: 'event.order_quantity > 0'}]\n"
            }
            Feature::Nothing
            | Feature::TwoTypes
            | Feature::Hash
            | Feature::Mask
            | Feature::Pattern
            | Feature::Deduplication => "",
        };
        let names: &[&str] =
            if self.feature == Feature::TwoTypes { &["purchase", "refund"] } else { &["purchase"] };
        let fields = self.shape.schema(more);
        let schema = |name: &&str| format!("- name: {name}\n  version: 1\n  spec:\n    fields:\n{fields}");
        let schemas: String = names.iter().map(schema).collect();
        Ok(serde_yaml::from_str(&format!("{STREAM}{schemas}{end}"))?)
    }
}

const STREAM: &str = r#"
version: 1
stream: {namespace: shop, name: ios, id: id, epoch: 1}
kafka: {bootstrap: "kafka:9092", topic: shop.ios, deadLetterTopic: d, group: g}
clickhouse: {url: "http://clickhouse:8123", database: shop, table: ios}
envelope: {event: [event], eventId: [event_id], eventTime: [event_time]}
unknownEvents: DeadLetter
batch: {maxRows: 50000, maxBytes: 16777216, maxAgeMilliseconds: 1000}
schemas:
"#;
