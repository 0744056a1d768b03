//! The command line of what asks a running stream.
//!
//! In: what a person typed. Out: the arguments of each command, with the same flags for how to reach the stream.
//! Not here: where addresses come from when no flag gives them; see `online/reach.rs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use crds::quantities::parse_duration;

use crate::exit;

/// What to ask a running stream, or to do with it.
#[derive(Debug, Clone, Subcommand)]
pub enum OnlineCommand {
    /// Shows one page of a stream: conditions with what to do, processors, partitions and lag, table, rejections, forwarding.
    ///
    /// Who does not answer is named at the end of the page, and all else is shown. Processors are asked through the apiserver, which
    /// needs the right to `get` `pods/proxy`.
    #[command(after_help = exit::STATUS)]
    Status(PageArguments),
    /// Proves, position by position, whether anything of a stream is lost or doubled.
    ///
    /// Every position that the processors have acknowledged must be a row, a dead letter, or left out as the stream asks for. Where it has
    /// neither row nor letter, its record is read and judged by today's schemas. The processors' own counters are not asked.
    #[command(after_help = exit::AUDIT)]
    Audit(PageArguments),
    /// Lists, shows, sends again or deletes dead letters.
    DeadLetters(DeadLettersArguments),
    /// Stops the processors of a stream; topic, table and position stay.
    ///
    /// Sets `spec.suspend: true`. Where the object is applied from a repository again and again, its word wins: change it there.
    #[command(after_help = exit::ASKED)]
    Suspend(StreamArguments),
    /// Lets the processors of a suspended stream go on where they stopped.
    ///
    /// Sets `spec.suspend: false`.
    #[command(after_help = exit::ASKED)]
    Resume(StreamArguments),
    /// Writes all that helps somebody else to understand a stream into one file, without any secret or property value.
    ///
    /// What `status` finds, the schemas, Events, pods and the end of the processors' logs, as YAML. Values that schemas list (`enum`,
    /// `default`, `pattern`, texts within rules) and paths of addresses are taken out. Read it before you give it away.
    #[command(after_help = exit::ASKED)]
    Report(ReportArguments),
    /// Sends events into a stream, and says where each ended.
    ///
    /// Prints a JSON object for each event: its position, and whether it was stored, dead-lettered (why), or left out.
    #[command(after_help = exit::SEND)]
    Send(SendArguments),
    /// Shows records as they come, each with what today's schemas make of it.
    ///
    /// Prints a JSON object for each record: its position, and its row or the reason why there is none, as `test` does. Values of events
    /// are shown. No consumer group is joined.
    #[command(after_help = exit::ASKED)]
    Tail(TailArguments),
}

/// Which stream.
#[derive(Debug, Clone, Args)]
pub struct StreamArguments {
    /// Name of the AnalyticsPipeline.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to reach it.
    #[command(flatten)]
    pub reach: ReachArguments,
}

/// How to reach a namespace of a cluster, and Kafka and ClickHouse from here.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How to reach the stream")]
pub struct ReachArguments {
    /// Namespace of the AnalyticsPipeline; without it, that of the kubeconfig's context.
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    /// How to reach all of it.
    #[command(flatten)]
    pub servers: ServerArguments,
}

/// How to reach a cluster, and Kafka and ClickHouse from here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "How to reach the stream")]
pub struct ServerArguments {
    /// The kubeconfig; without it, the one that kubectl would take.
    #[arg(long, value_name = "FILE", global = true)]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// Kafka brokers as they are reached from here; without it, those that the processors use.
    #[arg(long, value_name = "HOST:PORT", global = true)]
    pub kafka: Option<String>,
    /// A file with librdkafka properties, `key=value` a line, user and password among them; they win over those of the cluster.
    #[arg(long, value_name = "FILE", global = true)]
    pub kafka_properties: Option<PathBuf>,
    /// HTTP interface of ClickHouse as it is reached from here; without it, the one that the processors use.
    #[arg(long, value_name = "URL", global = true)]
    pub clickhouse_url: Option<String>,
    /// User of ClickHouse; without it, the processors'.
    #[arg(long, value_name = "USER", global = true)]
    pub clickhouse_user: Option<String>,
    /// A file with the password of that user.
    #[arg(long, value_name = "FILE", global = true)]
    pub clickhouse_password_file: Option<PathBuf>,
}

/// Form of what is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PageFormat {
    /// Text.
    Human,
    /// One JSON object.
    Json,
}

/// Arguments of `status` and `audit`.
#[derive(Debug, Clone, Args)]
pub struct PageArguments {
    /// Which stream.
    #[command(flatten)]
    pub stream: StreamArguments,
    /// Form of the page.
    #[arg(long, default_value = "human", value_enum)]
    pub format: PageFormat,
}

/// Arguments of `dead-letters`.
#[derive(Debug, Clone, Args)]
pub struct DeadLettersArguments {
    /// Which stream.
    #[command(flatten)]
    pub stream: StreamArguments,
    /// What to do with them.
    #[command(subcommand)]
    pub action: DeadLettersCommand,
}

/// What to do with dead letters.
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists dead letters, and counts them by reason and field.
    ///
    /// A letter that came twice is listed once. No value of an event is shown.
    #[command(after_help = exit::ASKED)]
    List(ListArguments),
    /// Shows one dead letter whole: why it was rejected, its headers, and the record as it came.
    #[command(after_help = exit::SHOW)]
    Show(ShowArguments),
    /// Sends dead letters into the stream again, those that today's schemas accept.
    ///
    /// Each goes to the partition that it came from, with key, time and headers of its own. Record and note, a record in the
    /// dead-letter topic that says which letter was sent, are one transaction of Kafka: a letter is sent once, however often this is
    /// run, by however many people, and wherever it is broken off. What today's schemas still reject, what was cut and what only a
    /// destination refused is left where it is. Afterwards it waits for the processors, and says where each record ended.
    #[command(after_help = exit::REPLAY)]
    Replay(ReplayArguments),
    /// Deletes dead letters for good, the oldest first. Without --yes it only counts them.
    #[command(after_help = exit::ASKED)]
    Purge(PurgeArguments),
}

/// Arguments of `dead-letters NAME list`.
#[derive(Debug, Clone, Args)]
pub struct ListArguments {
    /// Only letters of this reason; repeat for more.
    #[arg(long)]
    pub reason: Vec<String>,
    /// How many letters are listed, the newest; all are counted.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Form of the list.
    #[arg(long, default_value = "human", value_enum)]
    pub format: PageFormat,
}

/// Arguments of `dead-letters NAME show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArguments {
    /// Position of the record that was rejected, `partition:offset`, as `list` shows it.
    #[arg(value_name = "POSITION")]
    pub position: String,
}

/// Arguments of `dead-letters NAME replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArguments {
    /// Only letters of this reason; repeat for more.
    #[arg(long)]
    pub reason: Vec<String>,
    /// Only the letter of this position, `partition:offset`; repeat for more.
    #[arg(long)]
    pub position: Vec<String>,
    /// Sends nothing, and counts what would be sent.
    #[arg(long)]
    pub dry_run: bool,
    /// How long to wait for the processors.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
    /// Form of what is said.
    #[arg(long, default_value = "human", value_enum)]
    pub format: PageFormat,
}

/// Arguments of `dead-letters NAME purge`.
#[derive(Debug, Clone, Args)]
pub struct PurgeArguments {
    /// Only letters older than this.
    #[arg(long, value_name = "AGE", value_parser = duration)]
    pub older_than: Option<Duration>,
    /// Deletes them.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `send`.
#[derive(Debug, Clone, Args)]
pub struct SendArguments {
    /// Which stream.
    #[command(flatten)]
    pub stream: StreamArguments,
    /// The events: one JSON document, or one a line; `-` for standard input.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: PathBuf,
    /// Key of the records.
    #[arg(long)]
    pub key: Option<String>,
    /// How long to wait for the processors.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub timeout: Duration,
}

/// Arguments of `tail`.
#[derive(Debug, Clone, Args)]
pub struct TailArguments {
    /// Which stream.
    #[command(flatten)]
    pub stream: StreamArguments,
    /// Shows the dead letters that come, instead of all records.
    #[arg(long)]
    pub rejected: bool,
    /// Begins with so many of the newest records of each partition.
    #[arg(long, default_value_t = 0)]
    pub last: u32,
    /// Ends after so many records; without it, at Ctrl-C.
    #[arg(long)]
    pub limit: Option<u64>,
    /// Ends when everything that is there now has been shown.
    #[arg(long)]
    pub no_follow: bool,
}

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArguments {
    /// Which stream.
    #[command(flatten)]
    pub stream: StreamArguments,
    /// The file that is written; without it, standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
