//! The command line.
//!
//! In: what a person typed. Out: [`Arguments`]; `--help` and `docs/reference/cli.md` are made from the same words.
//! Not here: what a command does.

pub mod online;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;

/// Says what EventSchemas, AnalyticsPipelines and ForwardingRules mean before they are applied, and how the streams are that they made.
#[derive(Debug, Clone, Parser)]
#[command(name = "kubectl-tributary", bin_name = "kubectl tributary", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Checks objects as the apiserver and the operator would.
    ///
    /// Every check is made: structure and unknown fields, the rules of the CRDs, schemas with their rules and patterns, and what
    /// the objects say of each other. Objects are taken in the order of the files, as `kubectl apply` takes them: an object that
    /// comes twice is a change of the first. Secrets are looked at where they stand among the files.
    /// What only a cluster knows is taken to be right: Secrets and topics that the files do not show, and who came first.
    #[command(after_help = exit::LINT)]
    Lint(LintArguments),
    /// Runs sample events through schemas and rules, as a processor would.
    ///
    /// Prints a JSON object for each event: its row; or the reason, the field and the rule that it broke; and what would be forwarded
    /// and where. The objects must lint clean. Where the files hold no Secret, hashes are made with a key of this program.
    /// Every event counts as received at 2026-01-01T00:00:00Z.
    #[command(after_help = exit::TEST)]
    Test(TestArguments),
    /// Shows what applying objects would do: statements of ClickHouse, topics, Kubernetes objects.
    ///
    /// Without --against, all that is made where nothing is. With it, the steps from the objects of another folder to these: what
    /// is added, changed and deleted; a change that would be refused is told with its reason and remedy, and nothing of it is done.
    /// What the platform team decides is not known here, and stands under its name, such as `kafka.bootstrapServers`.
    ///
    /// With --online, the steps from what is there now, in the cluster, in Kafka and in ClickHouse, for every pipeline that the objects
    /// concern, those among them that no file shows. The apiserver is asked what it would take, and the operator's own look goes through
    /// what is there; nothing is written anywhere. What could not be looked at is said, and nothing is guessed for it.
    #[command(after_help = exit::PLAN)]
    Plan(PlanArguments),
    /// Judges a change of EventSchemas, or writes a first one from samples.
    #[command(subcommand)]
    Schema(SchemaCommand),
    /// Asks a running stream.
    #[command(flatten)]
    Online(online::OnlineCommand),
}

/// What to do with EventSchemas.
#[derive(Debug, Clone, Subcommand)]
pub enum SchemaCommand {
    /// Judges whether EventSchemas may follow others of the same names.
    ///
    /// Prints every change; those that `compatibility` of the new schema refuses, or that no table can follow, with the remedy.
    #[command(after_help = exit::CHECK)]
    Check(CheckArguments),
    /// Writes a first EventSchema from sample events, one for each event type.
    ///
    /// Nested fields become dotted names; a field is required where every sample has it; few different texts among many become an
    /// `enum`; decimals stay exact. Every sample is accepted by what is written, unless no schema could accept it.
    #[command(after_help = exit::INFER)]
    Infer(InferArguments),
}

/// Which objects.
#[derive(Debug, Clone, Args)]
pub struct Manifests {
    /// A file or a folder of YAML or JSON, or `-` for standard input; repeat for more. Of a folder, the files ending in
    /// `.yaml`, `.yml` and `.json` are taken, in the order of their names. Objects of other kinds are skipped.
    #[arg(short = 'f', long = "filename", required = true, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Takes the folders within the folders too.
    #[arg(short = 'R', long)]
    pub recursive: bool,
    /// Namespace of objects that name none; without it `default`, and for `plan --online` that of the kubeconfig's context.
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// Takes `http` addresses of ForwardingRules for allowed, as the Helm value `forwarding.allowHttp` does.
    #[arg(long)]
    pub forwarding_allow_http: bool,
    /// A private network that ForwardingRules may reach, in CIDR form, as the Helm value `forwarding.allowedNetworks` says; repeat for more.
    #[arg(long = "forwarding-allowed-network", value_name = "NETWORK")]
    pub forwarding_allowed_networks: Vec<String>,
}

/// Arguments of `lint`.
#[derive(Debug, Clone, Args)]
pub struct LintArguments {
    /// Which objects.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Form of the findings.
    #[arg(long, default_value = "human", value_enum)]
    pub format: LintFormat,
}

/// Arguments of `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArguments {
    /// Which objects.
    #[command(flatten)]
    pub manifests: Manifests,
    /// The events: JSON, one a line; `-` for standard input.
    #[arg(value_name = "EVENTS")]
    pub events: PathBuf,
    /// The AnalyticsPipeline that takes the events, where the files hold several: its name, or `namespace/name`.
    #[arg(short, long)]
    pub pipeline: Option<String>,
    /// A file with what is expected; the difference is printed.
    #[arg(long, value_name = "GOLDEN")]
    pub expect: Option<PathBuf>,
    /// Writes that file instead of comparing.
    #[arg(long, requires = "expect")]
    pub update: bool,
    /// Shows `received_at`, `_topic`, `_partition` and `_offset` of rows too.
    #[arg(long)]
    pub all_columns: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
pub struct PlanArguments {
    /// Which objects.
    #[command(flatten)]
    pub manifests: Manifests,
    /// The objects that were applied before: a file or a folder; repeat for more. What is missing now counts as deleted; what could not be applied then counts as not there.
    #[arg(long, value_name = "PATH")]
    pub against: Vec<PathBuf>,
    /// Plans against what is there now.
    #[arg(long, conflicts_with = "against")]
    pub online: bool,
    /// With --online: applies as `kubectl apply --server-side` does; without it, as `kubectl apply` does.
    #[arg(long, requires = "online")]
    pub server_side: bool,
    /// With --server-side: in whose name.
    #[arg(long, value_name = "NAME", default_value = "kubectl", requires = "server_side", value_parser = manager)]
    pub field_manager: String,
    /// With --online: namespace of the operator, whose settings are read where that is allowed.
    #[arg(long, value_name = "NAMESPACE", default_value = "tributary-system", requires = "online")]
    pub operator_namespace: String,
    /// Form of the plan.
    #[arg(long, default_value = "human", value_enum)]
    pub format: PlanFormat,
    /// Shows new Kubernetes objects whole, as YAML; values of Secrets are left out.
    #[arg(long)]
    pub objects: bool,
    /// With --online: how to reach what is there.
    #[command(flatten)]
    pub servers: online::ServerArguments,
}

/// Form of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Text.
    Human,
    /// One JSON object; Kubernetes objects are whole.
    Json,
}

/// Arguments of `schema check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    /// The EventSchemas before: a file, a folder, or `-` for standard input.
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// The EventSchemas after.
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Namespace of objects that name none.
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
}

/// Arguments of `schema infer`.
#[derive(Debug, Clone, Args)]
pub struct InferArguments {
    /// The events: JSON, one a line; `-` for standard input.
    #[arg(value_name = "EVENTS")]
    pub events: PathBuf,
    /// Name of the EventSchema, where all events are of one type; else it is made from the type.
    #[arg(long)]
    pub name: Option<String>,
    /// Namespace of the EventSchemas; without it, none is written.
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// Path at which the events name their type, as `spec.envelope.event` of the pipeline says.
    #[arg(long, value_name = "PATH", default_value = "event")]
    pub event_path: String,
}

/// Form of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// A line a finding, for people and editors.
    Human,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// Takes a name that stands in an address as it is: nothing may follow it there.
fn manager(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err(format!("`{text}` must be letters, digits, `-`, `_` and `.`"));
    }
    Ok(text.to_owned())
}
