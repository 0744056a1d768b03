//! What Tributary works with: the Kafka broker and the ClickHouse server, both on the host at the node's address.

use anyhow::Result;

use super::super::commands::find_program;
use super::super::health::Health;
use super::super::settings::{ADDRESS, CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, Settings};
use super::{LONG, Part, Stage};

pub(super) fn kafka(settings: &Settings) -> Result<Part> {
    let state = settings.state.display();
    let arguments = vec![
        "-Xms256m".to_owned(),
        "-Xmx512m".to_owned(),
        "-XX:+UseSerialGC".to_owned(),
        // Native libraries are unpacked here and go with the state folder.
        format!("-Djava.io.tmpdir={state}/kafka/temporary"),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned(),
        "-Dorg.slf4j.simpleLogger.showDateTime=true".to_owned(),
        "-cp".to_owned(),
        format!("{}/kafka/lib/*", settings.cache.display()),
        "kafka.Kafka".to_owned(),
        settings.configuration("server.properties").display().to_string(),
    ];
    let address = format!("{ADDRESS}:9092");
    Ok(Part {
        name: "kafka",
        program: find_program(settings, "java")?,
        arguments,
        files: vec![settings.configuration("server.properties"), settings.source("kafka/pom.xml")],
        address: address.clone(),
        health: Health::Kafka { address },
        stage: Stage::Ground,
        grace: LONG,
    })
}

pub(super) fn clickhouse(settings: &Settings) -> Part {
    let library = settings.clickhouse_library().display().to_string();
    let address = format!("{ADDRESS}:8123");
    let mut arguments =
        vec!["--listen".to_owned(), address.clone(), "--listen".to_owned(), "127.0.0.1:8123".to_owned()];
    arguments.extend(["--data".to_owned(), settings.state.join("clickhouse").display().to_string()]);
    arguments.extend(["--library".to_owned(), library]);
    // The end-to-end tests write here what the server shall do wrong.
    arguments.extend(["--fault-file".to_owned(), settings.clickhouse_faults().display().to_string()]);
    arguments.extend(["--user", CLICKHOUSE_USER, "--password", CLICKHOUSE_PASSWORD].map(str::to_owned));
    Part {
        name: "clickhouse",
        program: settings.program("clickhouse-front"),
        arguments,
        files: vec![settings.source("clickhouse/package-lock.json")],
        address: address.clone(),
        health: Health::ClickHouse { address },
        stage: Stage::Ground,
        grace: LONG,
    }
}
