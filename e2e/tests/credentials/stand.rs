//! The stand: a guarded Kafka, a guarded ClickHouse, a webhook, and one processor with the files that the operator would mount.
//!
//! In: a name. Out: a stream with events on their way, and questions about it. All of it ends with the value.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use crds::columns::table_columns;
use crds::conditions::Reason;
use crds::processor_report::ProcessorReport;
use crds::schema::Schema;
use crds::stream_config::StreamConfig;
use e2e::bench::process::{Launch, Process};
use e2e::bench::server::{DATABASE, Server, free_port};
use e2e::bench::table;
use e2e::environment::settings::Settings;
use e2e::generator::expected::Expected;
use e2e::generator::{Fate, Record};
use e2e::guarded::Authority;
use e2e::guarded::clickhouse::Door;
use e2e::guarded::kafka::GuardedKafka;
use e2e::guarded::mount::Mount;
use e2e::kafka::Load;
use e2e::receiver::Receiver;
use e2e::wait::{self, Seen};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Passwords.
pub(crate) const FIRST: &str = "first-password";
pub(crate) const SECOND: &str = "second-password";
/// Signing secrets.
pub(crate) const OLD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const NEW_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

const AT: &str = "127.0.0.1";
const TOPIC: &str = "guarded.clicks";
const GROUP: &str = "tributary.guarded.clicks";
const PARTITIONS: i32 = 3;
/// Events that are sent in all, so many a second; the rest comes at once when all has changed.
const EVENTS: u64 = 400_000;
const RATE: u64 = 1_000;
/// So many events after a change it is in force: eight seconds of them, in which Kafka asks twice who is there.
const ENOUGH: u64 = 8 * RATE;
/// Every so many events, one is delivered to the webhook.
const EVERY: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(120);

/// What the operator would write.
const CONFIG: &str = r#"
version: 1
stream: {namespace: guarded, name: clicks, id: "@ID@", epoch: 1}
kafka:
  bootstrap: "@KAFKA@"
  topic: guarded.clicks
  deadLetterTopic: guarded.clicks.dead-letters
  group: tributary.guarded.clicks
  properties: {security.protocol: SASL_SSL, sasl.mechanism: SCRAM-SHA-512}
clickhouse: {url: "@CLICKHOUSE@", database: bench, table: clicks}
schemas:
- {name: click, version: 1, spec: {event: click, fields: [{name: n, type: Int64, required: true}]}}
envelope: {event: [event], eventId: [event_id], eventTime: [event_time]}
unknownEvents: DeadLetter
batch: {maxRows: 1000, maxBytes: 1000000, maxAgeMilliseconds: 200}
egress: {allowHttp: true, allowedNetworks: [127.0.0.1/32]}
rules:
- name: hook
  uid: guarded
  start: Earliest
  type: Webhook
  when: event.n % 100 == 0
  webhook: {url: "@WEBHOOK@", timeoutMilliseconds: 5000, maxInFlight: 4}
"#;

/// One processor between guarded doors.
pub(crate) struct Stand {
    pub(crate) kafka: GuardedKafka,
    pub(crate) door: Door,
    pub(crate) receiver: Receiver,
    pub(crate) connection: Mount,
    pub(crate) rules: Mount,
    pub(crate) old_authority: Authority,
    pub(crate) new_authority: Authority,
    server: Server,
    processor: Process,
    launch: Launch,
    listen: String,
    load: Load,
    sending: Option<JoinHandle<Result<Expected>>>,
    n_lines_heard: usize,
    folder: PathBuf,
}

impl Stand {
    /// Starts everything; nothing is sent yet.
    pub(crate) async fn start(name: &str) -> Result<Self> {
        let settings = Settings::from_environment();
        let folder = std::env::temp_dir().join(format!("tributary-{name}-{}", std::process::id()));
        let (old_authority, new_authority) = (Authority::new("old")?, Authority::new("new")?);
        let kafka = start_kafka(&settings, &folder, &old_authority).await?;
        let server = Server::start(&settings, &folder.join("clickhouse")).await?;
        let door = Door::open(AT, server.url(), &old_authority.identity(AT)?).await?;
        door.set_password("writer", FIRST);
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), OLD_SECRET).await?;
        let config = CONFIG
            .replace("@ID@", name)
            .replace("@KAFKA@", &kafka.guarded)
            .replace("@CLICKHOUSE@", &door.url)
            .replace("@WEBHOOK@", &format!("http://{}/hook", receiver.address));
        server.clickhouse().execute(&create_table(&config)?).await?;
        let root = folder.join("processor");
        Mount::new(&root.join("config"), &[("stream.yaml", &config)])?;
        let connection = mount_connection(&root.join("connection"), &old_authority.certificate())?;
        let rules = Mount::new(&root.join("rules"), &[("hook", OLD_SECRET)])?;
        let listen = format!("{AT}:{}", free_port()?);
        let variables =
            vec![("TRIBUTARY_CONFIG_ROOT", root.display().to_string()), ("TRIBUTARY_LISTEN", listen.clone())];
        let program = processor_program(&settings)?;
        let launch = Launch { program, arguments: Vec::new(), variables, log: folder.join("processor.log") };
        let processor = Process::start(&launch)?;
        let load = Load { rate: Some(RATE), ..Load::default() };
        Ok(Self {
            kafka,
            door,
            receiver,
            connection,
            rules,
            old_authority,
            new_authority,
            server,
            processor,
            launch,
            listen,
            load,
            sending: None,
            n_lines_heard: 0,
            folder,
        })
    }

    /// Starts the processor anew, so that it has seen nothing but what its files hold now.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        self.processor.kill();
        self.processor = Process::start(&self.launch)?;
        Ok(())
    }

    /// Begins to send.
    pub(crate) fn send(&mut self) {
        let (kafka, load) = (self.kafka.open.clone(), self.load.clone());
        let now = jiff::Timestamp::now().as_millisecond();
        let record = move |n: u64| {
            let event = json!({ "event": "click", "event_id": format!("e{n}"), "n": n });
            let value = event.to_string().into_bytes();
            Record { key: n.to_string(), value, timestamp: now, fate: Fate::Filtered }
        };
        self.sending =
            Some(tokio::spawn(async move { kafka.send(TOPIC, (0..EVENTS).map(record), load).await }));
    }

    /// Waits until so many events after now are stored that what is used now must be what was changed.
    pub(crate) async fn goes_on(&self, what: &str) -> Result<()> {
        let wanted = self.load.sent.load(Ordering::Relaxed) + ENOUGH;
        ensure!(wanted < EVENTS, "the load ends too early");
        self.until(&format!("{wanted} rows, {what}"), async || {
            let stored = self.stored().await?;
            Ok(if stored >= wanted { Seen::Done(()) } else { Seen::NotYet(format!("{stored} rows")) })
        })
        .await
    }

    /// Waits until events that are sent after now are delivered.
    pub(crate) async fn is_delivered(&self, what: &str) -> Result<()> {
        let wanted = (self.load.sent.load(Ordering::Relaxed) + 2 * RATE) / EVERY;
        self.until(&format!("{wanted} deliveries, {what}"), async || {
            let n = self.receiver.events().len() as u64;
            Ok(if n >= wanted { Seen::Done(()) } else { Seen::NotYet(format!("{n} deliveries")) })
        })
        .await
    }

    /// Rows that are there.
    pub(crate) async fn stored(&self) -> Result<u64> {
        self.server.clickhouse().number(&format!("SELECT count() AS n FROM {DATABASE}.clicks")).await
    }

    /// Waits until the processor is not ready for a reason; returns its message.
    pub(crate) async fn until_reason(&self, reason: Reason) -> Result<String> {
        self.until_report(&format!("{reason:?}"), |report| report.reason == Some(reason)).await
    }

    /// Waits until the processor is not ready and its message holds some words.
    pub(crate) async fn until_unready(&self, words: &str) -> Result<String> {
        self.until_report(words, |report| !report.ready && report.message.contains(words)).await
    }

    async fn until_report(&self, what: &str, wanted: impl Fn(&ProcessorReport) -> bool) -> Result<String> {
        self.until(&format!("the processor to say {what}"), async || {
            let report = self.report().await?;
            let said = format!("{:?}: {}", report.reason, report.message);
            Ok(if wanted(&report) { Seen::Done(report.message) } else { Seen::NotYet(said) })
        })
        .await
    }

    async fn report(&self) -> Result<ProcessorReport> {
        let mut stream = TcpStream::connect(&self.listen).await?;
        stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        serde_json::from_str(body).context("reading the report")
    }

    /// Waits until the processor's log holds some words behind those that were heard last.
    pub(crate) async fn until_log_says(&mut self, words: &str) -> Result<()> {
        let heard = self
            .until(&format!("`{words}` in the log"), async || {
                let log = std::fs::read_to_string(&self.launch.log)?;
                let mut lines = log.lines().enumerate().skip(self.n_lines_heard);
                let said = lines.find(|(_, line)| line.contains(words));
                Ok(said.map_or(Seen::NotYet("not said".to_owned()), |(n, _)| Seen::Done(n + 1)))
            })
            .await?;
        self.n_lines_heard = heard;
        Ok(())
    }

    async fn until<T>(&self, what: &str, question: impl AsyncFn() -> Result<Seen<T>>) -> Result<T> {
        let asked = wait::until(what, PATIENCE, || async {
            if self.processor.has_ended() {
                return Ok(Seen::Done(None));
            }
            Ok(match question().await? {
                Seen::Done(answer) => Seen::Done(Some(answer)),
                Seen::NotYet(seen) => Seen::NotYet(seen),
            })
        });
        let found = asked.await.with_context(|| self.processor.last_words())?;
        found.with_context(|| format!("the processor has ended: {}", self.processor.last_words()))
    }

    /// Lets the rest come at once and compares what is there with what was sent: each event is one row and, of those that the rule
    /// selects, one delivery.
    pub(crate) async fn conclude(&mut self) -> Result<()> {
        self.load.hurry.store(true, Ordering::Relaxed);
        let sending = self.sending.take().context("nothing was sent")?;
        ensure!(sending.await??.sent == EVENTS, "not all was sent");
        for group in [GROUP.to_owned(), format!("{GROUP}.hook")] {
            self.until(&format!("{group} to acknowledge everything"), async || {
                let waiting = self.kafka.open.unacknowledged(TOPIC, &group).await?;
                Ok(if waiting == 0 { Seen::Done(()) } else { Seen::NotYet(format!("{waiting} records")) })
            })
            .await?;
        }
        let clickhouse = self.server.clickhouse();
        let count = clickhouse.count(&format!("{DATABASE}.clicks")).await?;
        ensure!(count.rows == EVENTS && count.positions == EVENTS, "{count:?} of {EVENTS} events");
        let ids = format!("SELECT uniqExact(event_id) AS n FROM {DATABASE}.clicks");
        ensure!(clickhouse.number(&ids).await? == EVENTS, "an event is missing");
        let delivered = self.receiver.events().len() as u64;
        ensure!(delivered == EVENTS / EVERY, "{delivered} of {} deliveries", EVENTS / EVERY);
        let letters = self.kafka.open.records("guarded.clicks.dead-letters").await?;
        ensure!(letters == 0, "{letters} dead letters");
        Ok(())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // A load that nobody waits for any more must not hold up the end.
        self.load.hurry.store(true, Ordering::Relaxed);
        // The logs say why, when something went wrong.
        if !std::thread::panicking() && self.sending.is_none() {
            self.processor.kill();
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

/// A broker with the topics of the stream and its first user.
async fn start_kafka(settings: &Settings, folder: &Path, authority: &Authority) -> Result<GuardedKafka> {
    let kafka = GuardedKafka::start(settings, &folder.join("kafka"), AT, authority).await?;
    kafka.set_password("first", FIRST).await?;
    for (topic, partitions) in [(TOPIC, PARTITIONS), ("guarded.clicks.dead-letters", 1)] {
        kafka.open.create_topic(topic, partitions).await?;
    }
    Ok(kafka)
}

fn mount_connection(folder: &Path, authority: &str) -> Result<Mount> {
    let files = [
        ("clickhouse-user", "writer"),
        ("clickhouse-password", FIRST),
        ("clickhouse-ca.crt", authority),
        ("kafka.sasl.username", "first"),
        ("kafka.sasl.password", FIRST),
        ("kafka.ssl.ca.pem", authority),
    ];
    Mount::new(folder, &files)
}

fn create_table(config: &str) -> Result<String> {
    let config: StreamConfig = serde_yaml::from_str(config).context("understanding the configuration")?;
    let schema = config.schemas.first().context("a schema")?;
    let schema = Schema::parse(&schema.name, schema.version, &schema.spec);
    let schema = schema.map_err(|problems| anyhow!("the schema: {problems:?}"))?;
    let columns = table_columns(&[schema]).map_err(|problems| anyhow!("the schema: {problems:?}"))?;
    Ok(table::create(&format!("{DATABASE}.clicks"), &columns))
}

/// The processor that cargo has built last.
fn processor_program(settings: &Settings) -> Result<PathBuf> {
    let built = ["release/processor", "debug/processor"].map(|path| settings.target.join(path));
    let age = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = built.into_iter().filter(|path| age(path).is_some()).max_by_key(age);
    newest.with_context(|| {
        format!("there is no processor in {}: cargo build --package processor", settings.target.display())
    })
}
