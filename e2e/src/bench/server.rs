//! A ClickHouse of the benchmark's own: the development server on a free port, with a data folder that nobody else has.
//!
//! In: the environment's settings, which say where the program and its library are; a folder. Out: an address, a pid whose CPU is the
//! benchmark's alone, and a server that may be killed. It goes with the value, and its data with it; its log stays.
//! The data are in memory: small inserts make and delete many files, and what a file system takes for that (ext4 without a journal
//! looks through every inode that was freed in the last seconds) is the machine's, and would be most of what an insert costs.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::Pid;

use super::process::{Launch, Process};
use crate::clickhouse::ClickHouse;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};

/// The database that the benchmark's tables are in.
pub const DATABASE: &str = "bench";
const START: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(50);

/// A running server.
#[derive(Debug)]
pub struct Server {
    launch: Launch,
    process: Process,
    url: String,
    /// Last, so that it goes when the process has ended.
    _data: Memory,
}

/// A folder in memory.
#[derive(Debug)]
struct Memory(PathBuf);

impl Memory {
    fn mount(folder: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        mount(Some("tmpfs"), &folder, Some("tmpfs"), MsFlags::empty(), None::<&str>)
            .with_context(|| format!("mounting memory at {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // What cannot be taken away here goes with `make down`.
        if umount2(&self.0, MntFlags::MNT_DETACH).is_ok() {
            std::fs::remove_dir(&self.0).unwrap_or_default();
        }
    }
}

impl Server {
    /// Starts a server and waits until it answers.
    pub async fn start(settings: &Settings, folder: &Path) -> Result<Self> {
        let program = settings.program("clickhouse-front");
        if !program.exists() {
            bail!("there is no {}: `make up` builds it", program.display());
        }
        let address = format!("127.0.0.1:{}", free_port()?);
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let data = folder.join("data");
        let data = Memory::mount(data)?;
        let path = |path: &Path| path.display().to_string();
        let arguments = [
            ("--listen", address.clone()),
            ("--data", path(&data.0)),
            ("--library", path(&settings.clickhouse_library())),
            ("--user", CLICKHOUSE_USER.to_owned()),
            ("--password", CLICKHOUSE_PASSWORD.to_owned()),
        ];
        let arguments = arguments.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        let launch = Launch { program, arguments, variables: Vec::new(), log: folder.join("clickhouse.log") };
        let url = format!("http://{address}");
        let server = Self { process: Process::start(&launch)?, launch, url, _data: data };
        server.answers().await?;
        server.clickhouse().execute(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE}")).await?;
        Ok(server)
    }

    /// Ends the server as a node's failure does.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same data.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = Process::start(&self.launch)?;
        self.answers().await
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client of it.
    #[must_use]
    pub fn clickhouse(&self) -> ClickHouse {
        ClickHouse::at(&self.url, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD)
    }

    /// Its version.
    pub async fn version(&self) -> Result<String> {
        let rows = self.clickhouse().rows("SELECT version() AS version").await?;
        let version = rows.first().and_then(|row| row["version"].as_str());
        Ok(version.context("ClickHouse does not say its version")?.to_owned())
    }

    /// Waits until no part is being merged, as merges are part of what rows cost; false when that takes too long.
    pub async fn settle(&self, longest: Duration) -> Result<bool> {
        let (begun, mut quiet) = (Instant::now(), 0);
        while quiet < 3 && begun.elapsed() < longest {
            let merges = self.clickhouse().number("SELECT count() AS n FROM system.merges").await?;
            quiet = if merges == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(quiet >= 3)
    }

    async fn answers(&self) -> Result<()> {
        let begun = Instant::now();
        while let Err(error) = self.clickhouse().number("SELECT 1 AS n").await {
            if self.process.has_ended() || begun.elapsed() > START {
                return Err(error)
                    .context(format!("ClickHouse does not start: {}", self.process.last_words()));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A port that nobody has; nobody takes it in the moment before it is used.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("looking for a free port")?.port())
}
