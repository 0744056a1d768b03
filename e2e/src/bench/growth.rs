//! Growth: what the processor costs when one thing about its stream is other than usual. Which things, and nothing of how they are run.
//!
//! In: nothing. Out: [`Family`]s of steps. In a family the usual stream runs beside its steps, so that each is compared within a round.
//! Not here: the runs (`run.rs`); a feature that changes what rows hold changes the table too (`contender/tributary.rs`).

use crds::event_schema::{Privacy, RuleSpec};
use crds::forwarding_rule::{DestinationType, StartPosition};
use crds::stream_config::{RuleConfig, StreamConfig};

use super::contender::tributary::Tributary;
use super::topic::PARTITIONS;

/// Steps that are compared with each other.
#[derive(Debug)]
pub struct Family {
    /// What grows.
    pub title: &'static str,
    /// The steps; the first is the usual stream.
    pub steps: Vec<Step>,
}

/// One thing that is other than usual.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The processor.
    pub contender: Tributary,
    /// Partitions of the topic.
    pub partitions: i32,
}

const USUAL: Step = Step { contender: Tributary::PLAIN, partitions: PARTITIONS };

/// All families.
#[must_use]
pub fn families() -> Vec<Family> {
    vec![
        Family {
            title: "Partitions and processors",
            steps: vec![
                USUAL,
                partitions("1 partition", 1),
                partitions("12 partitions", 12),
                partitions("64 partitions", 64),
                Step {
                    contender: Tributary { name: "2 processors", processes: 2, ..Tributary::PLAIN },
                    ..USUAL
                },
            ],
        },
        Family {
            title: "Rows a batch",
            steps: vec![
                USUAL,
                changed("1,000 rows", |config| config.batch.max_rows = 1_000),
                changed("10,000 rows", |config| config.batch.max_rows = 10_000),
                changed("50,000 rows", |config| config.batch.max_rows = 50_000),
                changed("200,000 rows, 128 MiB", |config| {
                    config.batch.max_rows = 200_000;
                    config.batch.max_bytes = 128 << 20;
                }),
            ],
        },
        Family {
            title: "One feature each",
            steps: vec![
                USUAL,
                changed("dedup by event id", |config| config.deduplication_window_seconds = Some(3_600)),
                changed("a CEL rule", rule),
                changed("a hashed field", hash),
                changed("two unknown fields", |config| {
                    fields(config, |name| !["device_os", "items"].contains(&name))
                }),
                Step {
                    contender: Tributary {
                        name: "a forwarding rule",
                        change: forward,
                        forwards: Some("order_currency = 'EUR'"),
                        ..Tributary::PLAIN
                    },
                    ..USUAL
                },
            ],
        },
    ]
}

fn partitions(name: &'static str, partitions: i32) -> Step {
    Step { contender: Tributary { name, ..Tributary::PLAIN }, partitions }
}

fn changed(name: &'static str, change: fn(&mut StreamConfig)) -> Step {
    Step { contender: Tributary { name, change, ..Tributary::PLAIN }, ..USUAL }
}

fn rule(config: &mut StreamConfig) {
    let rule = RuleSpec {
        rule: "event.order_amount < 100000.0 || event.order_currency == 'USD'".to_owned(),
        message: "large orders are in USD".to_owned(),
    };
    config.schemas.iter_mut().for_each(|schema| schema.spec.rules.push(rule.clone()));
}

fn hash(config: &mut StreamConfig) {
    config.has_hash_key = true;
    let fields = config.schemas.iter_mut().flat_map(|schema| &mut schema.spec.fields);
    fields.filter(|field| field.name == "user_id").for_each(|field| field.privacy = Privacy::Hash);
}

fn fields(config: &mut StreamConfig, keep: fn(&str) -> bool) {
    config.schemas.iter_mut().for_each(|schema| schema.spec.fields.retain(|field| keep(&field.name)));
}

/// A third of the events leaves for a topic.
fn forward(config: &mut StreamConfig) {
    config.rules.push(RuleConfig {
        name: "euros".to_owned(),
        uid: "benchmark".to_owned(),
        generation: 1,
        events: Vec::new(),
        when: Some("event.order_currency == 'EUR'".to_owned()),
        start: StartPosition::Earliest,
        kind: DestinationType::Kafka,
        webhook: None,
        // Named by the contender.
        topic: None,
    });
}
