//! Asks a part whether it does its work: over its own protocol, not whether its process exists.
//!
//! In: a `Health`, which says how to ask. Out: nothing, or why not. Each question ends within two seconds or so; waiting and
//! restarting are the business of `up`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::commands;
use super::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER};

const PATIENCE: Duration = Duration::from_secs(2);

/// How a part is asked.
#[derive(Debug, Clone)]
pub(super) enum Health {
    /// A plain HTTP GET that must answer 200.
    Http {
        /// Address with port.
        address: String,
        /// Path that is asked for.
        path: &'static str,
    },
    /// A Kafka broker that must answer an `ApiVersions` request.
    Kafka {
        /// Address with port.
        address: String,
    },
    /// A ClickHouse server that must answer a statement of our user.
    ClickHouse {
        /// Address with port.
        address: String,
    },
    /// A program that must succeed.
    Program(Vec<String>),
}

impl Health {
    /// Asks once.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Http { address, path } => http_ok(address, path).map(drop),
            Self::Kafka { address } => kafka_answers(address),
            Self::ClickHouse { address } => clickhouse_answers(address),
            Self::Program(words) => {
                let (program, arguments) = words.split_first().context("no program is named")?;
                commands::run(Command::new(program).args(arguments)).map(drop)
            }
        }
    }
}

/// Asks for `path` over plain HTTP and returns the body of a 200 answer.
pub(super) fn http_ok(address: &str, path: &str) -> Result<String> {
    get(address, path, "")
}

/// Runs a statement as the development user: `/ping` answers whoever asks, also while the server refuses every password.
pub(super) fn clickhouse_answers(address: &str) -> Result<()> {
    let headers =
        format!("X-ClickHouse-User: {CLICKHOUSE_USER}\r\nX-ClickHouse-Key: {CLICKHOUSE_PASSWORD}\r\n");
    let answer = get(address, "/?query=SELECT+1", &headers)?;
    ensure!(answer.trim() == "1", "{address} answers SELECT 1 with {answer:?}");
    Ok(())
}

fn get(address: &str, path: &str, headers: &str) -> Result<String> {
    let mut stream = connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").context("failed to ask")?;
    let mut answer = Vec::new();
    stream
        .take(64 * 1024)
        .read_to_end(&mut answer)
        .with_context(|| format!("no answer from {address}{path}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200"), "{address}{path} answered {status:?}: {body}");
    Ok(body.to_owned())
}

/// Sends the broker the one request that every version of the protocol knows.
pub(super) fn kafka_answers(address: &str) -> Result<()> {
    // Size, key 18 (ApiVersions), version 0, correlation 7, a null client id.
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let mut stream = connect(address)?;
    stream.write_all(&REQUEST).context("failed to ask")?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).with_context(|| format!("no answer from {address}"))?;
    if answer.get(4..) != Some(&[0, 0, 0, 7, 0, 0]) {
        bail!("{address} does not answer as a Kafka broker does");
    }
    Ok(())
}

/// Opens a connection that gives up in time.
pub(super) fn connect(address: &str) -> Result<TcpStream> {
    let resolved: SocketAddr = address
        .to_socket_addrs()
        .with_context(|| format!("failed to resolve {address}"))?
        .next()
        .with_context(|| format!("{address} has no address"))?;
    let stream = TcpStream::connect_timeout(&resolved, PATIENCE)
        .with_context(|| format!("failed to reach {address}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("failed to set the patience")?;
    stream.set_write_timeout(Some(PATIENCE)).context("failed to set the patience")?;
    Ok(stream)
}

#[cfg(test)]
mod tests;
