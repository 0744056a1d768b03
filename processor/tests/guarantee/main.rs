//! The guarantee on the real thing: the built binary, Kafka and ClickHouse, and kill -9.
//!
//! `cargo test -p processor --features real --test guarantee` with KAFKA, CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD.
//! In: records of all kinds, produced while the processor is killed at random moments (`SEED=` plays them again). Out: every record in
//! exactly one place, in the table and in a view that counts.
//! Not here: pods. The end-to-end tests do the same in a cluster, with more of everything.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by ending")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod ground;
mod load;
mod wait;

use ground::{Ground, variable};
use load::{Chance, produce};
use wait::{page, wait_for_page, write_whole};

#[tokio::test(flavor = "multi_thread")]
async fn a_processor_killed_at_random_moments_loses_and_doubles_nothing() {
    let seed = variable("SEED").map_or(u64::from(std::process::id()), |seed| seed.parse().unwrap());
    let (n, kills) = (
        variable("EVENTS").map_or(60_000_u64, |n| n.parse().unwrap()),
        variable("KILLS").map_or(4_u64, |n| n.parse().unwrap()),
    );
    println!("SEED={seed} EVENTS={n} KILLS={kills}");
    let ground = Ground::prepare("kills").await;
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let more = AtomicBool::new(true);
    let killing = async {
        let mut child = ground.start();
        for number in 0..kills {
            // Each process dies at work: some with the first records that it settles, before or after it has repeated what its
            // predecessor left. Every fourth dies before the group gives it anything.
            match number % 4 {
                3 => wait_for_page(ground.port, "/livez", "ok").await,
                _ => ground.wait_until_read(chance.below(5_000)).await,
            }
            child.kill();
            child = ground.start();
        }
        more.store(false, Ordering::Relaxed);
        child
    };
    let producing = produce(&ground, n, seed, Duration::from_millis(300), &more);
    let (produced, mut child) = tokio::join!(producing, killing);
    ground.wait_until_settled(&mut child, Duration::from_secs(120)).await;

    let name = &ground.name;
    let counts = ground
        .sql(&format!("SELECT count(), uniqExact(_topic, _partition, _offset) FROM {name}.events FORMAT TSV"))
        .await;
    assert_eq!(counts, format!("{0}\t{0}", produced.rows));
    let counted = ground.sql(&format!("SELECT sum(n) FROM {name}.counted FORMAT TSV")).await;
    assert_eq!(counted, produced.rows.to_string(), "the view counts each row once");
    let (letters, n_letters) = ground.letters();
    assert_eq!(letters.keys().cloned().collect::<BTreeSet<_>>(), produced.letters);
    println!("{} rows, {} letters delivered {n_letters} times", produced.rows, letters.len());

    wait_for_page(ground.port, "/readyz", "ok").await;
    assert_eq!(child.terminate(), Some(0), "SIGTERM drains");
    assert_eq!(ground.unacknowledged(), 0);
    ground.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_at_sigterm_is_written_first() {
    let ground = Ground::prepare("drains").await;
    let mut child = ground.start();
    let produced = produce(&ground, 3000, 7, Duration::from_millis(20), &AtomicBool::new(false)).await;
    assert_eq!(child.terminate(), Some(0));
    let mut child = ground.start();
    ground.wait_until_settled(&mut child, Duration::from_secs(60)).await;
    // What was drained is settled already; the successor says so before it has joined.
    wait_for_page(ground.port, "/readyz", "ok").await;
    let (status, text) = page(ground.port, "/status").await;
    assert!(status == 200 && text.contains("\"ready\":true"), "{text}");
    let (_, metrics) = page(ground.port, "/metrics").await;
    assert!(metrics.contains("tributary_processor_read_records_total"), "{metrics}");
    assert_eq!(child.terminate(), Some(0));
    let counts = ground.sql(&format!("SELECT count() FROM {}.events FORMAT TSV", ground.name)).await;
    assert_eq!(counts, produced.rows.to_string());
    ground.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_said_and_heals_when_the_secret_is_mended() {
    let ground = Ground::prepare("password").await;
    let secret = ground.folder.join("connection/clickhouse-password");
    std::fs::write(&secret, "wrong").unwrap();
    let mut child = ground.start();
    let produced = produce(&ground, 500, 11, Duration::from_millis(20), &AtomicBool::new(false)).await;
    wait_for_page(ground.port, "/readyz", "ClickHouseAuthFailed").await;
    write_whole(&secret, &ground.password);
    ground.wait_until_settled(&mut child, Duration::from_secs(60)).await;
    wait_for_page(ground.port, "/readyz", "ok").await;
    assert_eq!(child.terminate(), Some(0));
    let counts = ground.sql(&format!("SELECT count() FROM {}.events FORMAT TSV", ground.name)).await;
    assert_eq!(counts, produced.rows.to_string());
    ground.remove().await;
}
