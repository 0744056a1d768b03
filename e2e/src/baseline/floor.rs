//! The floor: read with librdkafka, decode into a fixed struct, fill columns, encode a Native block, compress it, and drop it.
//!
//! In: the topic, from its beginning, without a group. Out: the file `--report`, when as many events are read as there are.
//! It knows the schema at compile time and checks only what decoding checks by itself; whoever knows it at run time only, checks, writes and
//! commits, does more. Not here: speed at the price of the client library; `unsafe` calls of librdkafka are left out on both sides.

mod cells;
mod columns;
mod events;

#[cfg(test)]
mod tests;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::stream_config;
use crate::bench::topic::PARTITIONS;
use crate::bench::workload::{Shape, Size};
use columns::{Columns, Fill};
use events::{LargeFlat, LargeNested, Position, SmallFlat, SmallNested};

/// About as many as the processor packs together.
const ROWS_OF_A_BLOCK: usize = 1_000;
/// Bytes compressed at once.
const PIECE: usize = 1 << 19;
const SILENCE: Duration = Duration::from_secs(30);

/// What the floor is told.
#[derive(Debug, Args)]
pub struct Settings {
    /// Folder that holds `config/stream.yaml`.
    #[arg(long)]
    root: PathBuf,
    /// Which of the fixed structs the events are.
    #[arg(long)]
    size: Size,
    /// How their fields lie.
    #[arg(long)]
    shape: Shape,
    /// How many events there are.
    #[arg(long)]
    events: u64,
    /// File that is written at the end.
    #[arg(long)]
    report: PathBuf,
}

/// What the floor says when it has read everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Events that decode.
    pub decoded: u64,
    /// Events that do not.
    pub failed: u64,
    /// Bytes of the blocks, compressed.
    pub bytes: u64,
}

/// Reads all events once.
pub fn run(settings: &Settings) -> Result<()> {
    let report = all(settings, filler(settings.size, settings.shape))?;
    let text = serde_json::to_string(&report).context("writing the report")?;
    let draft = settings.report.with_extension("draft");
    std::fs::write(&draft, text).with_context(|| format!("writing {}", draft.display()))?;
    std::fs::rename(&draft, &settings.report)
        .with_context(|| format!("writing {}", settings.report.display()))
}

/// Decodes one event and adds it to the columns; false when it does not decode.
type Filler = fn(&[u8], Position<'_>, &mut Columns) -> bool;

fn filler(size: Size, shape: Shape) -> Filler {
    match (size, shape) {
        (Size::Small, Shape::Flat) => |event, at, columns| fill::<SmallFlat<'_>>(event, at, columns),
        (Size::Small, Shape::Nested) => |event, at, columns| fill::<SmallNested<'_>>(event, at, columns),
        (Size::Large, Shape::Flat) => |event, at, columns| fill::<LargeFlat<'_>>(event, at, columns),
        (Size::Large, Shape::Nested) => |event, at, columns| fill::<LargeNested<'_>>(event, at, columns),
    }
}

fn fill<'a, E: Deserialize<'a> + Fill>(
    payload: &'a [u8],
    position: Position<'_>,
    columns: &mut Columns,
) -> bool {
    match sonic_rs::from_slice::<E>(payload) {
        Ok(event) => {
            columns.add(&event, position);
            true
        }
        Err(_) => false,
    }
}

fn all(settings: &Settings, fill: Filler) -> Result<Report> {
    let consumer = reader(settings)?;
    let mut columns = Columns::default();
    let (mut report, mut packer) = (Report::default(), Packer::default());
    let mut heard = Instant::now();
    while report.decoded + report.failed < settings.events {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            if heard.elapsed() > SILENCE {
                bail!("read {report:?} and then nothing for {} s", SILENCE.as_secs());
            }
            continue;
        };
        let message = message.context("reading from Kafka")?;
        let position = Position {
            topic: message.topic(),
            received: message.timestamp().to_millis().unwrap_or_default(),
            partition: message.partition(),
            offset: message.offset(),
        };
        if fill(message.payload().unwrap_or_default(), position, &mut columns) {
            report.decoded += 1;
        } else {
            report.failed += 1;
        }
        if columns.rows() == ROWS_OF_A_BLOCK {
            report.bytes += packer.pack(&mut columns)?;
            heard = Instant::now();
        }
    }
    report.bytes += packer.pack(&mut columns)?;
    Ok(report)
}

fn reader(settings: &Settings) -> Result<BaseConsumer> {
    let kafka = stream_config(&settings.root)?.kafka;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        // A group must be named; it is never joined.
        .set("group.id", &kafka.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // The processor's.
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.max.bytes", "2097152")
        .set("fetch.queue.backoff.ms", "20")
        .create()
        .context("making a Kafka consumer")?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(&kafka.topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&partitions).context("assigning the partitions")?;
    Ok(consumer)
}

/// Encodes and compresses blocks into memory that is used again.
#[derive(Default)]
struct Packer {
    block: Vec<u8>,
    packed: Vec<u8>,
}

impl Packer {
    fn pack(&mut self, columns: &mut Columns) -> Result<u64> {
        self.block.clear();
        columns.encode(&mut self.block);
        columns.clear();
        self.packed.resize(lz4_flex::block::get_maximum_output_size(PIECE), 0);
        let mut bytes = 0;
        for piece in self.block.chunks(PIECE) {
            let n_bytes = lz4_flex::block::compress_into(piece, &mut self.packed).context("compressing")?;
            bytes += black_box(&self.packed[..n_bytes]).len();
        }
        Ok(bytes as u64)
    }
}
