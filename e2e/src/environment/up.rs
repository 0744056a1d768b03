//! `up`: from whatever the machine is like now to an environment that answers.
//!
//! Every step looks first and does only what is missing, so that it can be repeated, and taken up again after it was killed.
//! A part that runs with the command line and files of now and answers is left alone; any other is started afresh.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::commands::{self, find_program, kubectl, last_lines_of, run, say};
use super::parts::{self, Part, Stage};
use super::process::{self, Ending, Recorded};
use super::programs::{self, spell};
use super::settings::{ADDRESS, NODE, Settings};
use super::{before, configuration, groups, images, network, prerequisites};

/// How long a part may take until it answers, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long a part that runs but does not answer is waited for before it is started afresh.
const SECOND_CHANCE: Duration = Duration::from_secs(10);
/// The identity of the Kafka cluster: any sixteen bytes, written as Kafka writes them.
const KAFKA_CLUSTER: &str = "dHJpYnV0YXJ5LWRldi1rYQ";

/// A part that was asked to start and does not answer yet.
struct Starting<'a> {
    part: &'a Part,
    process: Recorded,
    from: Instant,
}

/// Brings the environment up.
///
/// # Errors
/// When a prerequisite is missing, a build fails, or a part does not answer; the message says which and what it logged.
pub fn up(settings: &Settings) -> Result<()> {
    let from = Instant::now();
    prerequisites::ensure_root()?;
    let _lock = lock()?;
    before::ensure_nobody_is_in_the_way(settings)?;
    prerequisites::ensure(settings)?;
    before::remember(settings)?;
    programs::ensure(settings)?;
    network::ensure()?;
    groups::ensure()?;
    configuration::write(settings)?;
    forget_faults(settings)?;
    format_kafka(settings)?;
    let parts = parts::all(settings)?;
    for stage in [Stage::Ground, Stage::Api, Stage::Cluster] {
        let of_stage: Vec<&Part> = parts.iter().filter(|part| part.stage == stage).collect();
        start_stage(settings, &of_stage)?;
        match stage {
            Stage::Ground => images::ensure_pause(settings)?,
            Stage::Api => {
                let file = settings.configuration("dns.yaml");
                run(kubectl(settings).args(["apply", "--server-side", "--force-conflicts", "-f"]).arg(file))
                    .context("failed to give the DNS server its rights")?;
            }
            Stage::Cluster => wait_for_node(settings)?,
        }
    }
    say(format!("the environment is up after {}", spell(from.elapsed())));
    say(format!(
        "  Kubernetes  https://{ADDRESS}:6443   export KUBECONFIG={}",
        settings.kubeconfig().display()
    ));
    say(format!("  Kafka       {ADDRESS}:9092"));
    say(format!("  ClickHouse  http://{ADDRESS}:8123   (a development server)"));
    say(format!("  variables   {}", settings.state.join("environment.env").display()));
    Ok(())
}

/// Starts one part that was stopped, and waits until it answers: for tests of what happens when a part is away.
///
/// # Errors
/// When there is no such part or it does not answer.
pub fn start(settings: &Settings, name: &str) -> Result<()> {
    prerequisites::ensure_root()?;
    let _lock = lock()?;
    let parts = parts::all(settings)?;
    start_stage(settings, &[named(&parts, name)?])
}

/// Stops one part; `start` or `up` starts it again, and it keeps its data.
///
/// # Errors
/// When there is no such part, its pid file cannot be removed, or it had to be killed: then it is stopped, but not in good order.
pub fn stop(settings: &Settings, name: &str) -> Result<()> {
    prerequisites::ensure_root()?;
    let _lock = lock()?;
    let parts = parts::all(settings)?;
    let part = named(&parts, name)?;
    match process::end_part(settings, part.name, part.grace)? {
        Some(Ending::Orderly) => say(format!("  {name} is stopped")),
        None => say(format!("  {name} was not running")),
        Some(Ending::Killed) => {
            bail!(
                "{name} did not end within {} and was killed: what it was writing may be lost",
                spell(part.grace)
            )
        }
    }
    Ok(())
}

fn named<'a>(parts: &'a [Part], name: &str) -> Result<&'a Part> {
    parts.iter().find(|part| part.name == name).with_context(|| {
        let names: Vec<&str> = parts.iter().map(|part| part.name).collect();
        format!("there is no part {name:?}; there are {}", names.join(", "))
    })
}

/// Only one `up` or `down` at a time; the lock goes with the process, however it ends.
pub(super) fn lock() -> Result<File> {
    let path = "/run/lock/tributary-environment";
    let file = File::create(path).with_context(|| format!("failed to open {path}"))?;
    if file.try_lock().is_err() {
        say("another `environment` is at work: waiting for it");
        file.lock().with_context(|| format!("failed to lock {path}"))?;
    }
    Ok(file)
}

fn start_stage(settings: &Settings, parts: &[&Part]) -> Result<()> {
    let mut starting = Vec::new();
    for part in parts {
        let launch = part.launch(settings);
        if let Some(process) = process::find(settings, part.name) {
            if process.fingerprint == launch.fingerprint && answers_soon(part, &process) {
                continue;
            }
            say(format!("  {} runs, but not as it should: starting it afresh", part.name));
        }
        end_part(settings, part)?;
        end_orphans(settings, part);
        let process =
            process::start(settings, &launch).with_context(|| format!("failed to start {}", part.name))?;
        starting.push(Starting { part, process, from: Instant::now() });
    }
    wait_for(settings, starting)
}

fn answers_soon(part: &Part, process: &Recorded) -> bool {
    let from = Instant::now();
    while process.is_alive() && from.elapsed() < SECOND_CHANCE {
        if part.health.check().is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    false
}

fn end_part(settings: &Settings, part: &Part) -> Result<()> {
    if process::end_part(settings, part.name, part.grace)? == Some(Ending::Killed) {
        say(format!("  {} did not end within {} and was killed", part.name, spell(part.grace)));
    }
    Ok(())
}

/// Ends what an `up` that was killed between starting a part and writing its pid file has left.
fn end_orphans(settings: &Settings, part: &Part) {
    let orphans: Vec<(i32, u64)> = process::marked(settings)
        .into_iter()
        .filter(|found| found.program == part.program)
        .map(|found| (found.pid, found.started))
        .collect();
    process::end(&orphans, part.grace);
}

fn wait_for(settings: &Settings, mut starting: Vec<Starting<'_>>) -> Result<()> {
    let mut said = Instant::now();
    while !starting.is_empty() {
        let mut waiting = Vec::new();
        for start in starting {
            match start.part.health.check() {
                Ok(()) => {
                    say(format!(
                        "  {} answers at {} ({})",
                        start.part.name,
                        start.part.address,
                        spell(start.from.elapsed())
                    ));
                }
                Err(error) if !start.process.is_alive() => {
                    return Err(error.context(failure(settings, start.part, "ended instead of answering")));
                }
                Err(error) if start.from.elapsed() > PATIENCE => {
                    return Err(error.context(failure(settings, start.part, "does not answer")));
                }
                Err(_) => waiting.push(start),
            }
        }
        starting = waiting;
        if said.elapsed() > Duration::from_secs(15) {
            said = Instant::now();
            let names: Vec<&str> = starting.iter().map(|start| start.part.name).collect();
            say(format!("  still waiting for {}", names.join(", ")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn failure(settings: &Settings, part: &Part, what: &str) -> String {
    let log = settings.log(part.name);
    format!("{} {what}; its log {} ends:{}\n", part.name, log.display(), last_lines_of(&log, 20))
}

/// A test that was killed may have left a ClickHouse that misbehaves.
fn forget_faults(settings: &Settings) -> Result<()> {
    let file = settings.clickhouse_faults();
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", file.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A broker starts only on a folder that carries the identity of its cluster.
fn format_kafka(settings: &Settings) -> Result<()> {
    if settings.state.join("kafka/data/meta.properties").exists() {
        return Ok(());
    }
    let jars = format!("{}/kafka/lib/*", settings.cache.display());
    let arguments = ["-cp", &jars, "kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER, "-c"];
    run(Command::new(find_program(settings, "java")?)
        .env(process::MARK, &settings.state)
        .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .args(arguments)
        .arg(settings.configuration("server.properties"))
        .arg("--ignore-formatted"))
    .context("failed to prepare Kafka's folder")
    .map(drop)
}

fn wait_for_node(settings: &Settings) -> Result<()> {
    let from = Instant::now();
    // The kubelet registers the node a moment after it answers.
    while let Err(error) = run(kubectl(settings).args(["get", "node", NODE])) {
        if from.elapsed() > PATIENCE {
            let log = settings.log("kubelet");
            let said = last_lines_of(&log, 20);
            return Err(error
                .context(format!("the kubelet does not register its node; {} ends:{said}", log.display())));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let limit = format!("--timeout={}s", PATIENCE.as_secs());
    let node = format!("node/{NODE}");
    if let Err(error) = run(kubectl(settings).args(["wait", "--for=condition=Ready", &node, &limit])) {
        let conditions =
            run(kubectl(settings).args(["get", "node", NODE, "-o", "jsonpath={.status.conditions}"]));
        bail!("the node does not become ready: {error:#}\n{}", conditions.unwrap_or_default());
    }
    commands::run(kubectl(settings).args([
        "wait",
        "--for=create",
        "serviceaccount/default",
        "-n",
        "default",
        &limit,
    ]))
    .context("the controllers do not make the default service account")
    .map(drop)
}
