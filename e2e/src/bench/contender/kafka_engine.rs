//! ClickHouse's own Kafka engine: a queue table, and views that check the fields and write rows and errors.
//!
//! In: a task with flat events. Out: tables and views; the mover is ClickHouse itself. The settings are those that its documentation
//! names for throughput: as many consumers as there are cores, each with a thread of its own, large blocks.
//! The views apply the schema's checks, so that the same events become rows. What they leave out goes to a table of errors; the bytes of an
//! event that parses but breaks a rule are not kept, as the engine does not offer them.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use crds::schema::field::{Bound, Field, FieldType};

use super::{Contender, Done, Letters, Mover, Task};
use crate::bench::workload::EVENT;
use crate::environment::settings::Settings;

/// The Kafka engine.
#[derive(Debug)]
pub struct KafkaEngine;

#[async_trait]
impl Contender for KafkaEngine {
    fn name(&self) -> &'static str {
        "kafka-engine"
    }

    fn title(&self) -> &'static str {
        "ClickHouse's Kafka engine with a materialized view"
    }

    fn prepare(&self, settings: &Settings) -> Result<String> {
        let package = settings.source("clickhouse/package-lock.json");
        let text =
            std::fs::read_to_string(&package).with_context(|| format!("reading {}", package.display()))?;
        let lock: serde_json::Value = serde_json::from_str(&text).context("reading the pin of libchdb")?;
        let version = lock["packages"]["node_modules/@chdb/lib-linux-x64-gnu"]["version"].as_str();
        Ok(format!("libchdb {}", version.unwrap_or("of an unknown version")))
    }

    fn configuration(&self, task: &Task) -> Result<String> {
        Ok(statements(task, &task.loaded.topic)?.join(";\n\n"))
    }

    fn done(&self) -> Done {
        Done::Counts(Letters::Table)
    }

    fn needs_own_server(&self) -> bool {
        true
    }

    async fn start(&self, task: &Task) -> Result<Mover> {
        // Reading begins with the first view, and what is read before the second one exists would be missed there. So the views are
        // made over a queue of no topic, which the true one then replaces.
        for statement in statements(task, "bench.of-no-topic")? {
            task.clickhouse.execute(&statement).await?;
        }
        task.clickhouse.execute(&format!("DROP TABLE {}_queue SYNC", task.table)).await?;
        task.clickhouse.execute(&queue(task, &task.loaded.topic)?).await?;
        Ok(Mover::Server)
    }

    async fn stop(&self, task: &Task, _mover: Mover) -> Result<()> {
        for (kind, suffix) in [("TABLE", "queue"), ("VIEW", "view"), ("VIEW", "errors_view")] {
            task.clickhouse.execute(&format!("DROP {kind} IF EXISTS {}_{suffix} SYNC", task.table)).await?;
        }
        Ok(())
    }

    async fn remove(&self, task: &Task) -> Result<()> {
        task.clickhouse.execute(&format!("DROP TABLE IF EXISTS {}_errors SYNC", task.table)).await
    }
}

fn statements(task: &Task, topic: &str) -> Result<Vec<String>> {
    let table = &task.table;
    let fields = task.loaded.workload.understood()?.fields;
    let accepted = format!("length(_error) = 0 AND ifNull({}, 0)", condition(&fields));
    let values: Vec<String> = fields.iter().map(value).collect();
    Ok(vec![
        format!(
            "CREATE TABLE {table}_errors (_topic LowCardinality(String), _partition Int32, _offset Int64, error String, raw String) \
             ENGINE = MergeTree ORDER BY (_partition, _offset)"
        ),
        queue(task, topic)?,
        format!(
            "CREATE MATERIALIZED VIEW {table}_errors_view TO {table}_errors AS SELECT _topic, _partition, _offset, \
             if(length(_error) > 0, _error, 'breaks a rule') AS error, _raw_message AS raw\nFROM {table}_queue WHERE NOT ({accepted})"
        ),
        format!(
            "CREATE MATERIALIZED VIEW {table}_view TO {table} AS SELECT event, event_id, event_time, \
             assumeNotNull(_timestamp_ms) AS received_at, _topic, _partition, _offset,\n    {}\nFROM {table}_queue WHERE {accepted}",
            values.join(",\n    ")
        ),
    ])
}

fn queue(task: &Task, topic: &str) -> Result<String> {
    let mut columns = vec!["event String", "event_id String", "event_time DateTime64(3, 'UTC')"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for field in &task.loaded.workload.understood()?.fields {
        columns.push(format!("{} {}", field.column, queue_type(field)?));
    }
    let consumers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    Ok(format!(
        "CREATE TABLE {}_queue\n(\n    {}\n)\nENGINE = Kafka SETTINGS kafka_broker_list = '{}', kafka_topic_list = '{topic}', \
         kafka_group_name = '{}', kafka_format = 'JSONEachRow',\n    kafka_num_consumers = {consumers}, kafka_thread_per_consumer = 1, \
         kafka_max_block_size = {}, kafka_poll_max_batch_size = 65536, kafka_flush_interval_ms = 1000,\n    \
         kafka_handle_error_mode = 'stream', date_time_input_format = 'best_effort'",
        task.table,
        columns.join(",\n    "),
        task.kafka,
        task.group,
        1_048_576 / consumers
    ))
}

/// A type that the format reads the value into; a missing one is NULL.
fn queue_type(field: &Field) -> Result<String> {
    if field.path.len() != 1 {
        bail!("the Kafka engine runs the flat workloads only; field {} is nested", field.name());
    }
    Ok(match field.field_type {
        FieldType::Scalar(scalar) => format!("Nullable({scalar})"),
        FieldType::Array(scalar) => format!("Array({scalar})"),
        FieldType::Json => bail!("the Kafka engine contender has no JSON fields; field {}", field.name()),
    })
}

fn value(field: &Field) -> String {
    let name = &field.column;
    match (&field.default, field.field_type) {
        (Some(default), _) => format!("ifNull({name}, '{default}') AS {name}"),
        (None, FieldType::Scalar(_)) if field.required => format!("assumeNotNull({name}) AS {name}"),
        (None, _) => name.clone(),
    }
}

/// The schema's checks, as one condition; it is NULL when a required field is missing.
fn condition(fields: &[Field]) -> String {
    let mut terms = vec![format!("event = '{EVENT}'")];
    for field in fields {
        let name = &field.column;
        let constraints = &field.constraints;
        let mut checks = Vec::new();
        checks.extend(constraints.minimum.map(|bound| format!("{name} >= {}", number(bound))));
        checks.extend(constraints.maximum.map(|bound| format!("{name} <= {}", number(bound))));
        checks.extend(constraints.max_length.map(|length| format!("lengthUTF8({name}) <= {length}")));
        if !constraints.allowed.is_empty() {
            checks.push(format!("{name} IN ('{}')", constraints.allowed.join("', '")));
        }
        if field.required {
            terms.push(format!("{name} IS NOT NULL"));
            terms.extend(checks);
        } else {
            terms.extend(checks.into_iter().map(|check| format!("ifNull({check}, 1)")));
        }
    }
    terms.join(" AND ")
}

fn number(bound: Bound) -> String {
    match bound {
        Bound::Integer(number) => number.to_string(),
        // The bounds of the benchmark's decimals are whole; those of a schema are in units of the scale.
        Bound::Decimal(number) => (number / 100).to_string(),
        Bound::Float(number) => number.to_string(),
    }
}
