//! The demo: the main job end to end, step by step, every number checked.
//!
//! In: a cluster, Kafka, ClickHouse, and a number of events. Out: what happens, as lines on the screen, and whether every number is
//! what the generator says. It begins anew each time: the sample's namespace and its data are deleted first, by
//! Tributary's own `deletionPolicy: Delete`. Whatever others have put on the cluster is left alone (`demo/strangers.rs`).

mod conclude;
mod findings;
mod forwarding;
mod load;
mod processors;
mod show;
mod stage;
mod strangers;

use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::Parser;
use clap::builder::FalseyValueParser;

use crate::clickhouse::ClickHouse;
use crate::cluster::Cluster;
use crate::connections::Connections;
use crate::install;
use crate::kafka::Kafka;

use crate::screen::Screen;
use forwarding::Forwarding;
use load::PerApp;
use processors::Processors;

/// Namespace of the sample.
const NAMESPACE: &str = "shop";
/// Folder of the sample.
const SAMPLE: &str = "manifests/samples/first-stream";

/// Runs Tributary's main job end to end and checks every number.
#[derive(Debug, Parser)]
#[command(name = "demo")]
pub struct Settings {
    #[command(flatten)]
    connections: Connections,
    /// Number of events, over both apps.
    #[arg(long, env = "EVENTS", default_value_t = 200_000)]
    events: u64,
    /// Equal seeds give equal events.
    #[arg(long, env = "SEED", default_value_t = 7)]
    seed: u64,
    /// The cluster is the local environment's: whatever runs there may be replaced, and its pods know the receiver by name.
    #[arg(long)]
    local: bool,
    /// Installs over a Tributary that neither the demo nor the tests have put there.
    #[arg(long, env = "REPLACE_INSTALLATION", value_parser = FalseyValueParser::new())]
    replace_installation: bool,
    #[command(flatten)]
    receiver: forwarding::ReceiverSettings,
}

/// What the steps share.
struct Demo {
    settings: Settings,
    screen: Screen,
    cluster: Cluster,
    kafka: Kafka,
    clickhouse: ClickHouse,
    forwarding: Forwarding,
    /// The processors as they were before the load.
    before: PerApp<Processors>,
}

/// Runs all steps and returns whether every number was right.
pub async fn run(settings: Settings) -> Result<bool> {
    let begun = Instant::now();
    let mut screen = Screen::new();
    screen.line("Tributary: two apps, one shape, every event accounted for")?;
    let connections = settings.connections.clone();
    let cluster = Cluster::connect(&connections).await?;
    let forwarding = Forwarding::prepare(&settings.receiver, settings.local).await?;
    let mut demo = Demo {
        screen,
        cluster,
        kafka: Kafka::new(&connections.kafka),
        clickhouse: ClickHouse::new(&connections),
        forwarding,
        before: PerApp::default(),
        settings,
    };

    demo.show_environment().await?;
    demo.spare_strangers().await?;
    demo.install(&connections).await?;
    demo.begin_anew().await?;
    demo.apply().await?;
    demo.wait_for_objects().await?;
    let expected = demo.send().await?;
    let findings = demo.find(&expected).await?;
    demo.show(&expected, &findings)?;
    let wrong = findings.compare(&expected);
    let is_whole = findings.streams.iter().all(|stream| stream.counted.is_some());
    demo.conclude(&wrong, is_whole, begun.elapsed())?;
    Ok(wrong.is_empty())
}

impl Demo {
    async fn install(&mut self, connections: &Connections) -> Result<()> {
        self.screen.step("Install the chart", "helm upgrade --install tributary charts/tributary")?;
        let policy = install::Policy { allowed_networks: self.forwarding.networks.clone() };
        install::install(&self.cluster, connections, &policy).await?;
        let (operator, processor) = (&connections.image_operator, &connections.image_processor);
        self.screen.line(&format!("   operator {operator} runs; processors will be {processor}"))?;
        Ok(())
    }

    /// Explains an error with the objects' own words and the operator's last lines.
    async fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        anyhow!("{error:#}\n\n{}", self.cluster.dump(NAMESPACE).await)
    }
}
