//! The baseline `value`: how a straightforward service is written. A JSON tree an event, checks on it, RowBinary, commit after insert.
//!
//! In: the stream's topic, as a member of its group. Out: rows by ClickHouse's own client, rejected records in the dead-letter topic, until
//! it is ended. At least once: a kill between insert and commit doubles rows. The client's defaults stand, but for a short session.
//! Not here: repetition after an error; it ends, as such a service does, and is started again.

mod row;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use clickhouse::{Client, Compression};
use crds::columns::ENVELOPE;
use crds::schema::Schema;
use crds::stream_config::{StreamConfig, paths};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use tokio::runtime::Runtime;

use super::{read, stream_config};

/// What the baseline is told.
#[derive(Debug, Args)]
pub struct Settings {
    /// Folder that holds `config/stream.yaml` and `connection/`.
    #[arg(long)]
    root: PathBuf,
}

struct Service {
    config: StreamConfig,
    schema: Schema,
    consumer: BaseConsumer,
    letters: ThreadedProducer<DefaultProducerContext>,
    clickhouse: Client,
    runtime: Runtime,
    rows: Vec<u8>,
    n_rows: usize,
    n_letters: usize,
    opened: Instant,
}

/// Runs until it is ended.
pub fn run(settings: &Settings) -> Result<()> {
    let mut service = Service::start(settings)?;
    loop {
        if let Some(message) = service.consumer.poll(Duration::from_millis(100)) {
            let message = message.context("reading from Kafka")?;
            // The consumer lends the message, and the rest of the service changes meanwhile.
            let outcome = row::write(&service.schema, &message, &mut service.rows);
            if service.n_rows + service.n_letters == 0 {
                service.opened = Instant::now();
            }
            match outcome {
                Ok(()) => service.n_rows += 1,
                Err(reason) => {
                    set_aside(&service, &message, &reason.to_string())?;
                    service.n_letters += 1;
                }
            }
        }
        let batch = &service.config.batch;
        let is_old = service.opened.elapsed() >= Duration::from_millis(batch.max_age_milliseconds);
        if service.n_rows >= batch.max_rows || (service.n_rows + service.n_letters > 0 && is_old) {
            service.flush()?;
        }
    }
}

fn set_aside(service: &Service, message: &BorrowedMessage<'_>, reason: &str) -> Result<()> {
    let headers = OwnedHeaders::new().insert(Header { key: "reason", value: Some(reason) });
    let letter: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&service.config.kafka.dead_letter_topic);
    let letter = letter.payload(message.payload().unwrap_or_default()).headers(headers);
    service.letters.send(letter).map_err(|(error, _)| error).context("sending a dead letter")
}

impl Service {
    fn start(settings: &Settings) -> Result<Self> {
        let config = stream_config(&settings.root)?;
        let described = config.schemas.first().context("the StreamConfig has no schema")?;
        let schema = Schema::parse(&described.name, described.version, &described.spec)
            .map_err(|problems| anyhow!("the schema cannot be used: {problems:?}"))?;
        let secret = |name: &str| read(&settings.root, &format!("{}/{name}", paths::CONNECTION));
        let clickhouse = Client::default()
            .with_url(&config.clickhouse.url)
            .with_user(secret("clickhouse-user")?)
            .with_password(secret("clickhouse-password")?)
            .with_compression(Compression::Lz4);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &config.kafka.bootstrap)
            .set("group.id", &config.kafka.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("session.timeout.ms", "6000")
            .create()
            .context("making a Kafka consumer")?;
        consumer.subscribe(&[&config.kafka.topic]).context("subscribing")?;
        let letters = ClientConfig::new()
            .set("bootstrap.servers", &config.kafka.bootstrap)
            .set("enable.idempotence", "true")
            .create()
            .context("making a Kafka producer")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (rows, opened) = (Vec::new(), Instant::now());
        Ok(Self {
            config,
            schema,
            consumer,
            letters,
            clickhouse,
            runtime,
            rows,
            n_rows: 0,
            n_letters: 0,
            opened,
        })
    }

    fn flush(&mut self) -> Result<()> {
        let target = &self.config.clickhouse;
        let fields = self.schema.fields.iter().map(|field| field.column.as_str());
        let columns: Vec<&str> = ENVELOPE.into_iter().chain(fields).collect();
        let sql = format!(
            "INSERT INTO {}.{} ({}) FORMAT RowBinary",
            target.database,
            target.table,
            columns.join(", ")
        );
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            self.runtime
                .block_on(async {
                    let mut insert =
                        self.clickhouse.insert_formatted_with(sql).with_setting("async_insert", "0");
                    insert.send(rows.into()).await?;
                    insert.end().await
                })
                .context("inserting")?;
        }
        self.letters.flush(Duration::from_secs(60)).context("sending dead letters")?;
        self.consumer.commit_consumer_state(CommitMode::Sync).context("committing")?;
        (self.n_rows, self.n_letters) = (0, 0);
        Ok(())
    }
}
