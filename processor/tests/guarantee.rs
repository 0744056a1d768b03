//! The guarantee on the real thing: the built binary, Kafka and ClickHouse, and kill -9.
//!
//! `cargo test -p processor --features real --test guarantee` with KAFKA, CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD.
//! In: records of all kinds, produced while the processor is killed at random moments (`SEED=` plays them again). Out: every record in
//! exactly one place, in the table and in a view that counts.
//! Not here: pods. The end-to-end tests do the same in a cluster, with more of everything.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by ending")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crds::processor_report::ProcessorReport;
use crds::stream_config::StreamConfig;
use processor::line::Line;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PARTITIONS: i32 = 4;
/// Records that are sent at a time.
const BLOCK: u64 = 500;

/// Kafka, ClickHouse and a stream of their own for one test.
struct Ground {
    kafka: String,
    url: String,
    user: String,
    password: String,
    name: String,
    client: reqwest::Client,
    folder: PathBuf,
    port: u16,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the addresses of what is tested against, not settings of the processor"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn needed(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} is not set"))
}

/// A processor; it ends with the test, however that ends.
struct Process(Child);

impl Process {
    /// Ends it as a node's failure does.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Ends it as kubelet does; returns the exit code.
    fn terminate(&mut self) -> Option<i32> {
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
    async fn prepare(name: &str) -> Self {
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

    fn topic(&self) -> String {
        format!("test.{}", self.name)
    }

    fn text(&self) -> String {
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

    async fn make_topics(&self) {
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

    fn write_files(&self) {
        std::fs::create_dir_all(self.folder.join("config")).unwrap();
        std::fs::create_dir_all(self.folder.join("connection")).unwrap();
        std::fs::write(self.folder.join("config/stream.yaml"), self.text()).unwrap();
        std::fs::write(self.folder.join("connection/clickhouse-user"), &self.user).unwrap();
        std::fs::write(self.folder.join("connection/clickhouse-password"), &self.password).unwrap();
    }

    async fn make_table(&self) {
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

    async fn sql(&self, sql: &str) -> String {
        let request =
            self.client.post(&self.url).basic_auth(&self.user, Some(&self.password)).body(sql.to_owned());
        let reply = request.send().await.unwrap();
        let is_ok = reply.status().is_success();
        let text = reply.text().await.unwrap();
        assert!(is_ok, "{sql}: {text}");
        text.trim().to_owned()
    }

    fn start(&self) -> Process {
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
    fn unacknowledged(&self) -> i64 {
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
    fn letters(&self) -> (BTreeMap<String, String>, usize) {
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

    async fn wait_until_settled(&self, child: &mut Process, longest: Duration) {
        let folder = self.folder.display();
        until(&format!("nothing to be unacknowledged; see {folder}"), longest, async || {
            assert!(child.0.try_wait().unwrap().is_none(), "the processor ended; see {folder}");
            let unacknowledged = self.unacknowledged();
            if unacknowledged > 0 { Err(format!("{unacknowledged} unacknowledged")) } else { Ok(()) }
        })
        .await;
    }

    /// Waits until the running process has settled more records than these since it began.
    async fn wait_until_read(&self, records: u64) {
        until(&format!("{records} records to be settled"), Duration::from_secs(60), async || {
            let report = reqwest::get(format!("http://127.0.0.1:{}/status", self.port)).await;
            let text = report.map_err(chain)?.text().await.map_err(chain)?;
            let report: ProcessorReport =
                serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
            if report.counters.read > records { Ok(()) } else { Err(text) }
        })
        .await;
    }

    async fn remove(self) {
        self.sql(&format!("DROP DATABASE {}", self.name)).await;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.kafka).create().unwrap();
        let dead = format!("{}.dead-letters", self.topic());
        admin.delete_topics(&[&self.topic(), &dead], &AdminOptions::new()).await.unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// A small generator; the same seed gives the same records and the same moments.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What was produced, by what must become of it.
#[derive(Default)]
struct Produced {
    rows: u64,
    letters: BTreeSet<String>,
}

/// Sends a block of records at each tick, `n` records in all, and more for as long as they are wanted.
async fn produce(ground: &Ground, n: u64, seed: u64, tick: Duration, is_wanted: &AtomicBool) -> Produced {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &ground.kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .create()
        .unwrap();
    let (topic, mut chance, mut produced) = (ground.topic(), Chance(seed | 1), Produced::default());
    let (mut ticks, mut number) = (tokio::time::interval(tick), 0);
    while number < n || is_wanted.load(Ordering::Relaxed) {
        ticks.tick().await;
        let mut under_way = Vec::new();
        for _ in 0..BLOCK {
            number += 1;
            let (month, kind) = (1 + chance.below(3), chance.below(100));
            let payload = match kind {
                0 => r#"{"event":"purchase","amount":"12.50"}"#.to_owned(),
                1 => "not json".to_owned(),
                2 => r#"{"event":"seen"}"#.to_owned(),
                _ => format!(
                    r#"{{"event":"purchase","event_id":"{number}","event_time":"2026-{month:02}-11T10:00:00Z","order_id":"o-{number}","amount":{}.25,"quantity":{}}}"#,
                    chance.below(1000),
                    chance.below(9)
                ),
            };
            let key = number.to_string();
            let headers = rdkafka::message::OwnedHeaders::new()
                .insert(rdkafka::message::Header { key: "app", value: Some("ios") });
            let record = FutureRecord::to(&topic).payload(&payload).key(&key).headers(headers);
            under_way.push((kind, producer.send_result(record).map_err(|(error, _)| error).unwrap()));
        }
        for (kind, delivery) in under_way {
            let delivered = delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
            match kind {
                0 | 1 => {
                    produced.letters.insert(format!("{topic}:{}:{}", delivered.partition, delivered.offset));
                }
                2 => {}
                _ => produced.rows += 1,
            }
        }
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    produced
}

async fn page(port: u16, path: &str) -> (u16, String) {
    let reply = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await.unwrap();
    (reply.status().as_u16(), reply.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_at_random_moments_loses_and_doubles_nothing() {
    let seed = variable("SEED").map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap());
    let (n, kills) = (
        variable("EVENTS").map_or(60_000_u64, |n| n.parse().unwrap()),
        variable("KILLS").map_or(4_u64, |n| n.parse().unwrap()),
    );
    println!("SEED={seed} EVENTS={n} KILLS={kills}");
    let ground = Ground::prepare("kills").await;
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let more = AtomicBool::new(true);
    let killing = async {
        let mut child = ground.start();
        for number in 0..kills {
            // Each process dies at work: some with the first records that it settles, before or after it has repeated what its
            // predecessor left. Every fourth dies before the group gives it anything.
            match number % 4 {
                3 => wait_for_page(ground.port, "/livez", "ok").await,
                _ => ground.wait_until_read(chance.below(5_000)).await,
            }
            child.kill();
            child = ground.start();
        }
        more.store(false, Ordering::Relaxed);
        child
    };
    let producing = produce(&ground, n, seed, Duration::from_millis(300), &more);
    let (produced, mut child) = tokio::join!(producing, killing);
    ground.wait_until_settled(&mut child, Duration::from_secs(120)).await;

    let name = &ground.name;
    let counts = ground
        .sql(&format!("SELECT count(), uniqExact(_topic, _partition, _offset) FROM {name}.events FORMAT TSV"))
        .await;
    assert_eq!(counts, format!("{0}\t{0}", produced.rows));
    let counted = ground.sql(&format!("SELECT sum(n) FROM {name}.counted FORMAT TSV")).await;
    assert_eq!(counted, produced.rows.to_string(), "the view counts each row once");
    let (letters, n_letters) = ground.letters();
    assert_eq!(letters.keys().cloned().collect::<BTreeSet<_>>(), produced.letters);
    println!("{} rows, {} letters delivered {n_letters} times", produced.rows, letters.len());

    wait_for_page(ground.port, "/readyz", "ok").await;
    assert_eq!(child.terminate(), Some(0), "SIGTERM drains");
    assert_eq!(ground.unacknowledged(), 0);
    ground.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_at_sigterm_is_written_first() {
    let ground = Ground::prepare("drains").await;
    let mut child = ground.start();
    let produced = produce(&ground, 3000, 7, Duration::from_millis(20), &AtomicBool::new(false)).await;
    assert_eq!(child.terminate(), Some(0));
    let mut child = ground.start();
    ground.wait_until_settled(&mut child, Duration::from_secs(60)).await;
    // What was drained is settled already; the successor says so before it has joined.
    wait_for_page(ground.port, "/readyz", "ok").await;
    let (status, text) = page(ground.port, "/status").await;
    assert!(status == 200 && text.contains("\"ready\":true"), "{text}");
    let (_, metrics) = page(ground.port, "/metrics").await;
    assert!(metrics.contains("tributary_processor_read_records_total"), "{metrics}");
    assert_eq!(child.terminate(), Some(0));
    let counts = ground.sql(&format!("SELECT count() FROM {}.events FORMAT TSV", ground.name)).await;
    assert_eq!(counts, produced.rows.to_string());
    ground.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_said_and_heals_when_the_secret_is_mended() {
    let ground = Ground::prepare("password").await;
    let secret = ground.folder.join("connection/clickhouse-password");
    std::fs::write(&secret, "wrong").unwrap();
    let mut child = ground.start();
    let produced = produce(&ground, 500, 11, Duration::from_millis(20), &AtomicBool::new(false)).await;
    wait_for_page(ground.port, "/readyz", "ClickHouseAuthFailed").await;
    write_whole(&secret, &ground.password);
    ground.wait_until_settled(&mut child, Duration::from_secs(60)).await;
    wait_for_page(ground.port, "/readyz", "ok").await;
    assert_eq!(child.terminate(), Some(0));
    let counts = ground.sql(&format!("SELECT count() FROM {}.events FORMAT TSV", ground.name)).await;
    assert_eq!(counts, produced.rows.to_string());
    ground.remove().await;
}

async fn wait_for_page(port: u16, path: &str, wanted: &str) {
    until(&format!("{path} to say {wanted}"), Duration::from_secs(60), async || {
        let reply = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await;
        let text = reply.map_err(chain)?.text().await.map_err(chain)?;
        if text.starts_with(wanted) { Ok(()) } else { Err(text) }
    })
    .await;
}

fn chain(error: reqwest::Error) -> String {
    format!("{error:?}")
}

/// Asks again and again until the answer is there; the only wait of these tests, and none is without a limit.
async fn until(what: &str, limit: Duration, mut question: impl AsyncFnMut() -> Result<(), String>) {
    let (begun, mut ticks) = (Instant::now(), tokio::time::interval(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let Err(seen) = question().await else { return };
        assert!(begun.elapsed() < limit, "waited {limit:?} for {what}; last seen: {seen}");
    }
}

/// Writes as kubelet does: the new file takes the place of the old.
fn write_whole(path: &Path, text: &str) {
    let fresh = path.with_extension("fresh");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}
