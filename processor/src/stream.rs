//! Stream: the flow of one stream with its real source and sinks, started, and started anew when it must be.
//!
//! In: settings, secrets and the word to stop. Out: a flow that runs on a thread of its own until the word comes.
//! A changed Kafka secret needs new clients, so the flow is drained and started again within the process; a changed ClickHouse secret is
//! used by the next insert.
//! Not here: forwarding, which has tasks and clients of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::deliver::Sinks;
use crate::flow::writer::TaskWriter;
use crate::flow::{Flow, FlowError, Stream, chain, run};
use crate::line::Line;
use crate::metrics::Metrics;
use crate::report::Health;
use crate::settings::{Secrets, Settings, rules_hash};
use crate::sink::clickhouse::{ClickHouseSink, Credentials};
use crate::sink::dead_letter::DeadLetterProducer;
use crate::source::kafka::KafkaSource;
use crate::source::kafka::originals::KafkaOriginals;
use crate::source::kafka::properties::Connection;

const START_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Whom a stream tells what it finds.
#[derive(Clone)]
pub struct Told {
    /// Numbers.
    pub metrics: Arc<Metrics>,
    /// Whether it works.
    pub health: Arc<Health>,
}

/// Runs a stream until `stop` says so.
///
/// # Errors
/// When the config cannot be used, or on a defect of ours: then the process ends, and its successor repeats what was under way.
pub async fn run_stream(
    settings: &Settings,
    mut secrets: watch::Receiver<Secrets>,
    mut stop: watch::Receiver<bool>,
    told: &Told,
) -> Result<(), FlowError> {
    let credentials = follow(secrets.clone());
    while !*stop.borrow_and_update() {
        let kafka = secrets.borrow_and_update().kafka.clone();
        let end = Arc::new(AtomicBool::new(false));
        let mut thread = tokio::task::spawn_blocking({
            let (end, told) = (Arc::clone(&end), told.clone());
            let connection =
                Connection::new(&settings.config.kafka.bootstrap, &settings.config.kafka.properties, &kafka);
            let stream = stream_of(settings);
            let (credentials, runtime) = (credentials.clone(), tokio::runtime::Handle::current());
            move || run_flow(stream, &connection, credentials, (runtime, told), &end)
        });
        let result = loop {
            tokio::select! {
                result = &mut thread => break result,
                _ = stop.changed() => end.store(true, Ordering::Relaxed),
                Ok(()) = secrets.changed() => {
                    if secrets.borrow().kafka != kafka {
                        tracing::info!("the secrets of Kafka changed; starting new clients");
                        end.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        match result {
            Ok(Ok(())) => {}
            Ok(Err(FlowError::Source(error))) => {
                tracing::warn!(error = chain(&error), "starting new clients");
                told.health.source_failed(error.reason, chain(&error), Instant::now());
                tokio::select! {
                    () = tokio::time::sleep(START_AGAIN_AFTER) => {}
                    _ = stop.changed() => {}
                }
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(FlowError::Broken),
        }
    }
    Ok(())
}

fn stream_of(settings: &Settings) -> Stream {
    let rules = rules_hash(&settings.config, settings.hash_key.as_deref());
    let seed = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Stream { config: settings.config.clone(), hash_key: settings.hash_key.clone(), rules, seed }
}

fn run_flow(
    stream: Stream,
    connection: &Connection,
    credentials: watch::Receiver<Credentials>,
    (runtime, told): (tokio::runtime::Handle, Told),
    end: &Arc<AtomicBool>,
) -> Result<(), FlowError> {
    let kafka = &stream.config.kafka;
    let line = Line::new(&stream.config, stream.hash_key.as_deref()).map_err(FlowError::Config)?;
    let sinks = Sinks {
        rows: ClickHouseSink::new(&stream.config.clickhouse, &kafka.topic, line.columns(), credentials),
        dead_letters: DeadLetterProducer::new(connection, &kafka.topic, &kafka.dead_letter_topic),
        originals: KafkaOriginals::new(connection.clone(), &kafka.group, &kafka.topic),
    };
    drop(line);
    let source = KafkaSource::join(connection, &kafka.group, &kafka.topic).map_err(FlowError::Source)?;
    let writer = TaskWriter::new(runtime, sinks);
    let flow = Flow::new(source, writer, stream, (told.metrics, told.health), Instant::now())?;
    let ended = run(flow, end)?;
    tracing::info!(?ended, "the flow ended");
    Ok(())
}

/// Returns the part of the secrets that inserts need, as it changes.
fn follow(mut secrets: watch::Receiver<Secrets>) -> watch::Receiver<Credentials> {
    let (sender, receiver) = watch::channel(secrets.borrow().clickhouse.clone());
    tokio::spawn(async move {
        while secrets.changed().await.is_ok() {
            let current = secrets.borrow_and_update().clickhouse.clone();
            sender.send_if_modified(|held| {
                let differs = *held != current;
                *held = current;
                differs
            });
        }
    });
    receiver
}
