//! `probe`: runs inside a pod of `check` and asks what a pod of Tributary must be able to reach.
//!
//! In: nothing. Out: a line an answer; with `serve` it then answers over HTTP itself, so that a Service can be tried. It knows
//! the addresses only by the names that pods use.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::commands::say;
use super::health::{clickhouse_answers, connect, http_ok, kafka_answers};
use super::settings::API_SERVICE;

/// Where the probe serves inside its pod.
const PORT: u16 = 8080;

/// Asks everything, and then serves if told so.
///
/// # Errors
/// When one of them does not answer.
pub fn probe(serve: bool, service: Option<&str>) -> Result<()> {
    kafka_answers("kafka.tributary.test:9092").context("Kafka by its name")?;
    say("kafka.tributary.test answers");
    clickhouse_answers("clickhouse.tributary.test:8123").context("ClickHouse by its name")?;
    say("clickhouse.tributary.test answers its user");
    connect(&format!("{API_SERVICE}:443")).context("the API by the address of its Service")?;
    connect("kubernetes.default.svc:443").context("the API by the name of its Service")?;
    say("the API is reached by address and by name");
    ensure!(connect("nowhere.example:80").is_err(), "a name outside the cluster resolves");
    let read_only = std::fs::write("/written", "").is_err();
    ensure!(read_only, "the root file system can be written");
    ensure!(Path::new("/etc/ssl/certs/ca-certificates.crt").exists(), "the image lacks the certificates");
    if let Some(address) = service {
        let body = wait_for(address).with_context(|| format!("the Service {address}"))?;
        say(format!("{address} answers {}", body.trim()));
    }
    if serve { self::serve() } else { Ok(()) }
}

/// A Service answers once the pods behind it are ready.
fn wait_for(address: &str) -> Result<String> {
    let from = Instant::now();
    loop {
        match http_ok(address, "/") {
            Err(_) if from.elapsed() < Duration::from_secs(60) => {
                std::thread::sleep(Duration::from_millis(500))
            }
            outcome => return outcome,
        }
    }
}

fn serve() -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).context("failed to listen")?;
    say("serving");
    for stream in listener.incoming() {
        let mut stream = stream.context("failed to accept")?;
        let mut request = [0; 1024];
        // A caller that hangs up is the caller's matter.
        stream.read(&mut request).map(drop).unwrap_or_default();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nprobe\n").unwrap_or_default();
    }
    Ok(())
}
