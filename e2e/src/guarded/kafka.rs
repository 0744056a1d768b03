//! A broker of a test's own: TLS and SCRAM-SHA-512 at the door that processors use, nothing at the one that the test uses.
//!
//! In: an address of this machine, the first user. Out: both doors, and users that come, change and go while it runs.
//! It is the environment's Kafka, from the cache, as another process with another folder; it ends with the value.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Authority, scram};
use crate::bench::process::{Launch, Process};
use crate::bench::server::free_port;
use crate::environment::commands::{find_program, run};
use crate::environment::settings::Settings;
use crate::kafka::Kafka;
use crate::wait::{self, Seen};

const PROPERTIES: &str = include_str!("../../kafka/guarded.properties");
const CLUSTER: &str = "Z3VhcmRlZGd1YXJkZWRndQ";
const START: Duration = Duration::from_secs(90);

/// A running broker.
pub struct GuardedKafka {
    /// Where processors knock: TLS, then user and password.
    pub guarded: String,
    /// The test's own door.
    pub open: Kafka,
    address: String,
    process: Process,
}

impl GuardedKafka {
    /// Starts a broker whose certificate the authority signs, and waits until it answers.
    pub async fn start(settings: &Settings, folder: &Path, at: &str, authority: &Authority) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let identity = authority.identity(at)?;
        std::fs::write(folder.join("broker.pem"), identity.key + &identity.certificate)?;
        let (open, guarded) = (free_port()?, free_port()?);
        let text = PROPERTIES
            .replace("@ADDRESS@", at)
            .replace("@OPEN_PORT@", &open.to_string())
            .replace("@GUARDED_PORT@", &guarded.to_string())
            .replace("@CONTROLLER_PORT@", &free_port()?.to_string())
            .replace("@FOLDER@", &folder.display().to_string());
        let properties = folder.join("server.properties");
        std::fs::write(&properties, text)?;
        let (java, jars) =
            (find_program(settings, "java")?, format!("{}/kafka/lib/*", settings.cache.display()));
        let format =
            ["-XX:+UseSerialGC", "-cp", &jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"];
        run(Command::new(&java).args(format).arg(&properties)).context("preparing the broker's folder")?;
        let arguments = ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-cp", &jars, "kafka.Kafka"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(properties.display().to_string());
        let log = folder.join("kafka.log");
        let process = Process::start(&Launch { program: java, arguments, variables: Vec::new(), log })?;
        let address = format!("{at}:{open}");
        let broker =
            Self { guarded: format!("{at}:{guarded}"), open: Kafka::new(&address), address, process };
        broker.answers().await?;
        Ok(broker)
    }

    /// Gives a user a password, its first or another one.
    pub async fn set_password(&self, user: &str, password: &str) -> Result<()> {
        self.alter(user, Some(password.to_owned())).await
    }

    /// Takes a user away.
    pub async fn remove(&self, user: &str) -> Result<()> {
        self.alter(user, None).await
    }

    async fn alter(&self, user: &str, password: Option<String>) -> Result<()> {
        let (address, user) = (self.address.clone(), user.to_owned());
        tokio::task::spawn_blocking(move || scram::alter(&address, &user, password.as_deref())).await?
    }

    async fn answers(&self) -> Result<()> {
        wait::until("the guarded broker to answer", START, || async {
            ensure!(!self.process.has_ended(), "it has ended: {}", self.process.last_words());
            self.open.describe().await.map(Seen::Done)
        })
        .await
        .map(drop)
    }
}
