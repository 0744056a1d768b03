//! What a collector hears of batches, and that nothing waits for it.

use traces::receiver::Receiver;
use traces::{Collector, Traces};
use tracing::dispatcher::with_default;

use super::*;

/// Does something whose spans are sent to a collector, however little the log says; the process ends then.
fn traced(collector: &Collector, runtime: &tokio::runtime::Handle, work: impl FnOnce()) -> u64 {
    rustls::crypto::ring::default_provider().install_default().ok();
    let traces = Traces::begin(collector, runtime).unwrap();
    with_default(&crate::telemetry::subscriber("error", Some(&traces)).unwrap(), work);
    traces.flush();
    traces.n_lost()
}

/// Does something, and returns the spans that a collector was sent.
fn tree(work: impl FnOnce()) -> String {
    let receiver = Receiver::start().unwrap();
    assert_eq!(traced(&receiver.collector().unwrap(), receiver.runtime(), work), 0);
    receiver.tree()
}

#[test]
fn a_batch_is_traced_from_its_first_record_to_its_commit_and_no_event_is() {
    let spans = tree(|| {
        let (world, runtime) = world_with(&[GOOD, BAD, OTHER, GOOD]);
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(20));
        assert_eq!(committed(&world, 0).0, 4);
    });
    assert_eq!(
        spans,
        "\
batch bytes=120 deduplicated=0 filtered=1 first_offset=0 last_offset=3 outcome=done partition=0 rejected=1 rows=2
  intent outcome=done
  insert outcome=done rows=2
  dead letters letters=1 outcome=done
  acknowledge outcome=done
"
    );
}

#[test]
fn a_try_that_fails_says_why_and_the_table_is_looked_at_after_it() {
    let spans = tree(|| {
        let (world, runtime) = world_with(&[GOOD; 3]);
        fault(&world, Call::Write, &[Fate::ReplyLost]);
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(30));
        assert_eq!(stored(&world, 0), all(0..3));
    });
    assert_eq!(
        spans,
        "\
batch bytes=180 deduplicated=0 filtered=0 first_offset=0 last_offset=2 outcome=done partition=0 rejected=0 rows=3
  intent outcome=done
  insert outcome=failed reason=ClickHouseUnreachable rows=3
  intent outcome=done
  insert outcome=done rows=3
  verify outcome=done
  acknowledge outcome=done
"
    );
}

#[test]
fn a_batch_without_rows_is_traced_too() {
    let spans = tree(|| {
        let (world, runtime) = world_with(&[OTHER; 2]);
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(20));
    });
    assert_eq!(
        spans,
        "\
batch bytes=0 deduplicated=0 filtered=2 first_offset=0 last_offset=1 outcome=done partition=0 rejected=0 rows=0
  acknowledge outcome=done
"
    );
}

#[test]
fn without_a_collector_nothing_is_traced_however_much_the_log_says() {
    let subscriber = crate::telemetry::subscriber("trace", None).unwrap();
    with_default(&subscriber, || assert!(traces::span!("batch").is_disabled()));
}

#[test]
fn a_collector_that_is_away_loses_no_event_and_stops_nothing() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", away.local_addr().unwrap()).parse().unwrap();
    drop(away);
    let collector = Collector { endpoint, share: "1".parse().unwrap() };
    let requests =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let n_lost = traced(&collector, requests.handle(), || {
        let (world, runtime) = world_with(&[GOOD; 25]);
        let mut member = Member::start(&world, &runtime, 1, &[0], config());
        assert!(member.turns(20));
        assert_eq!(stored(&world, 0), all(0..25));
        assert_eq!(committed(&world, 0).0, 25);
    });
    assert!(n_lost >= 3, "{n_lost} spans of three batches");
}
