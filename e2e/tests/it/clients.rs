//! The development ClickHouse answers clients that know nothing of it. The official client is what every other test asks with; here
//! is curl, as people use it by hand.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use e2e::trial::{Trial, with_namespace};

/// Runs curl and returns the status and the body of the answer. User and password go into a header, unless the address has them.
fn curl(trial: &Trial, arguments: &[&str], input: &str) -> Result<(String, String)> {
    use std::io::Write;
    let credentials =
        format!("{}:{}", trial.connections.clickhouse_user, trial.connections.clickhouse_password);
    let has_its_own = arguments.iter().any(|argument| argument.contains("password="));
    let user: &[&str] = if has_its_own { &[] } else { &["--user", &credentials] };
    let mut curl = Command::new("curl")
        .args(["--silent", "--show-error", "--write-out", "\n%{http_code}"])
        .args(user)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting curl, which e2e/prerequisites asks for")?;
    curl.stdin.take().context("curl has no input")?.write_all(input.as_bytes())?;
    let output = curl.wait_with_output()?;
    ensure!(output.status.success(), "curl {arguments:?} ended with {}", output.status);
    let answer = String::from_utf8(output.stdout)?;
    let (body, status) = answer.rsplit_once('\n').context("curl wrote no status")?;
    Ok((status.to_owned(), body.to_owned()))
}

#[test]
fn curl_defines_inserts_and_reads_and_is_told_what_is_wrong() {
    with_namespace("curl", async |trial| {
        let (url, database) = (&trial.connections.clickhouse_url, trial.namespace.replace('-', "_"));
        let ok = |body: &str| ("200".to_owned(), body.to_owned());
        let create = format!("CREATE DATABASE {database}");
        assert_eq!(curl(&trial, &[url, "--data", &create], "")?, ok(""));
        let table = format!("CREATE TABLE {database}.t (n UInt8, s String) ENGINE = MergeTree ORDER BY n");
        assert_eq!(curl(&trial, &[url, "--data", &table], "")?, ok(""));

        // Rows from a file or a pipe, the statement in the address.
        let insert = format!("{url}/?query=INSERT%20INTO%20{database}.t%20FORMAT%20JSONEachRow");
        let rows = "{\"n\": 1, \"s\": \"a b\"}\n{\"n\": 2, \"s\": \"ü\"}\n";
        assert_eq!(curl(&trial, &[&insert, "--data-binary", "@-"], rows)?, ok(""));

        // A GET with the statement as a parameter, and a POST with user and password in the address, as the demo shows it.
        let select = format!("query=SELECT s FROM {database}.t ORDER BY n");
        assert_eq!(curl(&trial, &[url, "--get", "--data-urlencode", &select], "")?, ok("a b\nü\n"));
        let (user, password) = (&trial.connections.clickhouse_user, &trial.connections.clickhouse_password);
        let address = format!("{url}/?user={user}&password={password}");
        let count = format!("SELECT count() FROM {database}.t");
        assert_eq!(curl(&trial, &[&address, "--data", &count], "")?, ok("2\n"));

        let (status, told) = curl(&trial, &[url, "--data", "SELECT nonsense"], "")?;
        ensure!(status == "404" && told.starts_with("Code: 47."), "{status}: {told}");
        let wrong = format!("{url}/?user={user}&password=wrong");
        let (status, told) = curl(&trial, &[&wrong, "--data", "SELECT 1"], "")?;
        ensure!(status != "200" && told.contains("Code: 516"), "{status}: {told}");
        assert_eq!(curl(&trial, &[url, "--data", &format!("DROP DATABASE {database} SYNC")], "")?, ok(""));
        Ok(())
    });
}
