//! Ground: Kafka, ClickHouse and a stream of their own for one test, and the processor that runs on it.
//!
//! In: the addresses of what is tested against, from the environment. Out: topics, table and files, and what stands in them.
//! Not here: what is produced, and what must come of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crds::processor_report::ProcessorReport;
use crds::stream_config::StreamConfig;
use processor::line::Line;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::wait::{chain, until};

const PARTITIONS: i32 = 4;

/// Kafka, ClickHouse and a stream of their own for one test.
pub(super) struct Ground {
    pub(super) kafka: String,
    pub(super) url: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) name: String,
    pub(super) client: reqwest::Client,
    pub(super) folder: PathBuf,
    pub(super) port: u16,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the addresses of what is tested against, not settings of the processor"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(super) fn needed(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} is not set"))
}

/// A processor; it ends with the test, however that ends.
pub(super) struct Process(Child);

impl Process {
    /// Ends it as a node's failure does.
    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Ends it as kubelet does; returns the exit code.
    pub(super) fn terminate(&mut self) -> Option<i32> {
        let status = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status().unwrap();
        assert!(status.success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Ground {
    pub(super) async fn prepare(name: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let name = format!("{name}_{}", std::process::id());
        // A port that nobody has; nobody takes it in the moment before the processor does.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("tributary-{name}"));
        let ground = Self {
            kafka: needed("KAFKA"),
            url: needed("CLICKHOUSE_URL"),
            user: needed("CLICKHOUSE_USER"),
            password: needed("CLICKHOUSE_PASSWORD"),
            client: reqwest::Client::new(),
            name,
            folder,
            port,
        };
        ground.make_topics().await;
        ground.write_files();
        ground.make_table().await;
        ground
    }

    pub(super) fn topic(&self) -> String {
        format!("test.{}", self.name)
    }

    pub(super) fn text(&self) -> String {
        let (topic, name) = (self.topic(), &self.name);
        format!(
            r#"
version: 1
stream: {{namespace: test, name: {name}, id: "{name}", epoch: 1}}
kafka: {{bootstrap: "{}", topic: "{topic}", deadLetterTopic: "{topic}.dead-letters", group: "tributary.test.{name}"}}
clickhouse: {{url: "{}", database: "{name}", table: events}}
schemas:
- name: purchase
  version: 1
  spec:
    fields:
    - {{name: order_id, type: String, required: true, maxLength: 64}}
    - {{name: amount, type: "Decimal(18, 2)", required: true, minimum: 0}}
    - {{name: currency, type: String, enum: [USD, EUR], default: USD}}
    - {{name: quantity, type: Int32}}
envelope: {{}}
unknownEvents: Drop
batch: {{maxRows: 2000, maxBytes: 16777216, maxAgeMilliseconds: 300}}
"#,
            self.kafka, self.url
        )
    }

    pub(super) async fn make_topics(&self) {
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        let (topic, dead) = (self.topic(), format!("{}.dead-letters", self.topic()));
        let topics = [
            NewTopic::new(&topic, PARTITIONS, TopicReplication::Fixed(1)),
            NewTopic::new(&dead, 1, TopicReplication::Fixed(1)),
        ];
        for made in admin.create_topics(&topics, &AdminOptions::new()).await.unwrap() {
            made.unwrap();
        }
    }

    pub(super) fn write_files(&self) {
        std::fs::create_dir_all(self.folder.join("config")).unwrap();
        std::fs::create_dir_all(self.folder.join("connection")).unwrap();
        std::fs::write(self.folder.join("config/stream.yaml"), self.text()).unwrap();
        std::fs::write(self.folder.join("connection/clickhouse-user"), &self.user).unwrap();
        std::fs::write(self.folder.join("connection/clickhouse-password"), &self.password).unwrap();
    }

    pub(super) async fn make_table(&self) {
        let config: StreamConfig = serde_yaml::from_str(&self.text()).unwrap();
        let line = Line::new(&config, None).unwrap();
        let columns: Vec<String> =
            line.columns().iter().map(|column| format!("`{}` {}", column.name, column.column_type)).collect();
        let name = &self.name;
        let window = "non_replicated_deduplication_window = 10000";
        self.sql(&format!("CREATE DATABASE {name}")).await;
        self.sql(&format!(
            "CREATE TABLE {name}.events ({}) ENGINE = MergeTree ORDER BY (event, event_time) \
             PARTITION BY toYYYYMM(event_time) SETTINGS {window}",
            columns.join(", ")
        ))
        .await;
        self.sql(&format!(
            "CREATE TABLE {name}.counted (event String, n UInt64) ENGINE = SummingMergeTree ORDER BY event SETTINGS {window}"
        ))
        .await;
        self.sql(&format!(
            "CREATE MATERIALIZED VIEW {name}.counting TO {name}.counted AS SELECT event, count() AS n FROM {name}.events GROUP BY event"
        ))
        .await;
    }

    pub(super) async fn sql(&self, sql: &str) -> String {
        let request =
            self.client.post(&self.url).basic_auth(&self.user, Some(&self.password)).body(sql.to_owned());
        let reply = request.send().await.unwrap();
        let is_ok = reply.status().is_success();
        let text = reply.text().await.unwrap();
        assert!(is_ok, "{sql}: {text}");
        text.trim().to_owned()
    }

    pub(super) fn start(&self) -> Process {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_processor"))
            .env("TRIBUTARY_CONFIG_ROOT", &self.folder)
            .env("TRIBUTARY_LISTEN", format!("127.0.0.1:{}", self.port))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        Process(child.unwrap())
    }

    /// Offsets that the group has not acknowledged yet.
    pub(super) fn unacknowledged(&self) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka)
            .set("group.id", format!("tributary.test.{}", self.name))
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition(&self.topic(), partition);
        }
        let wait = Duration::from_secs(10);
        let committed = consumer.committed_offsets(list, wait).unwrap();
        committed
            .elements()
            .iter()
            .map(|element| {
                let (low, high) =
                    consumer.fetch_watermarks(&self.topic(), element.partition(), wait).unwrap();
                let has_intent =
                    element.metadata().split(':').nth(1).is_some_and(|intent| !intent.is_empty());
                let offset = if let Offset::Offset(offset) = element.offset() { offset } else { low };
                high - offset + i64::from(has_intent)
            })
            .sum()
    }

    /// Dead letters by position, with their reasons, and how many there are.
    pub(super) fn letters(&self) -> (BTreeMap<String, String>, usize) {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.kafka)
            .set("group.id", "letters")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let topic = format!("{}.dead-letters", self.topic());
        let (_, high) = consumer.fetch_watermarks(&topic, 0, Duration::from_secs(10)).unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let (mut letters, mut n) = (BTreeMap::new(), 0);
        while n < usize::try_from(high).unwrap() {
            let message = consumer.poll(Duration::from_secs(10)).unwrap().unwrap();
            let header = |name: &str| {
                let headers = message.headers().unwrap();
                let found = headers.iter().find(|header| header.key == name).unwrap();
                String::from_utf8(found.value.unwrap_or_default().to_vec()).unwrap()
            };
            assert_eq!(header("app"), "ios", "the original headers are kept");
            assert!(message.payload().is_some() && message.key().is_some());
            letters.insert(header("tributary-position"), header("tributary-reason"));
            n += 1;
        }
        (letters, n)
    }

    pub(super) async fn wait_until_settled(&self, child: &mut Process, longest: Duration) {
        let folder = self.folder.display();
        until(&format!("nothing to be unacknowledged; see {folder}"), longest, async || {
            assert!(child.is_running(), "the processor ended; see {folder}");
            let unacknowledged = self.unacknowledged();
            if unacknowledged > 0 { Err(format!("{unacknowledged} unacknowledged")) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until the running process has settled more records than these since it began.
    pub(super) async fn wait_until_read(&self, records: u64) {
        until(&format!("{records} records to be settled"), Duration::from_secs(60), async || {
            let report = reqwest::get(format!("http://127.0.0.1:{}/status", self.port)).await;
            let text = report.map_err(chain)?.text().await.map_err(chain)?;
            let report: ProcessorReport =
                serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
            if report.counters.read > records { Ok(()) } else { Err(text) }
        })
        .await;
    }

    pub(super) async fn remove(self) {
        self.sql(&format!("DROP DATABASE {}", self.name)).await;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        let dead = format!("{}.dead-letters", self.topic());
        admin.delete_topics(&[&self.topic(), &dead], &AdminOptions::new()).await.unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}
