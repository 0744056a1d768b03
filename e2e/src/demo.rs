//! The demo: the main job end to end, step by step, every number checked.
//!
//! In: a cluster, Kafka, ClickHouse, and a number of events. Out: what happens, as lines on the screen, and whether every number is
//! what the generator says. It begins anew each time: the sample's namespace and its data are deleted first, by
//! Tributary's own `deletionPolicy: Delete`; a namespace of that name that is not the sample's is left alone.

mod findings;
mod forwarding;
mod load;
mod show;
mod stage;

use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::Parser;

use crate::clickhouse::ClickHouse;
use crate::cluster::Cluster;
use crate::connections::Connections;
use crate::install;
use crate::kafka::Kafka;

use crate::screen::Screen;
use forwarding::Forwarding;

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
}

/// Runs all steps and returns whether every number was right.
pub async fn run(settings: Settings) -> Result<bool> {
    let begun = Instant::now();
    let mut screen = Screen::new();
    screen.line("Tributary: two apps, one shape, every event accounted for")?;
    let connections = settings.connections.clone();
    let cluster = Cluster::connect(&connections).await?;
    let forwarding = Forwarding::prepare(&settings.receiver, &cluster.address).await?;
    let mut demo = Demo {
        screen,
        cluster,
        kafka: Kafka::new(&connections.kafka),
        clickhouse: ClickHouse::new(&connections),
        forwarding,
        settings,
    };

    demo.show_environment().await?;
    demo.install(&connections).await?;
    demo.begin_anew().await?;
    demo.apply().await?;
    demo.wait_for_objects().await?;
    let expected = demo.send().await?;
    let findings = demo.find(&expected).await?;
    demo.show(&expected, &findings)?;
    let wrong = findings.compare(&expected);
    demo.conclude(&wrong, begun.elapsed())?;
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
