//! Spans on their way to a collector: what arrives, what does not, and that nothing waits for it.

use std::error::Error;
use std::io;
use std::net::TcpListener;

use traces::receiver::Receiver;
use traces::{Collector, LEFT_OUT_OF_LOGS, Traces, end, span};
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

/// Does some work: a step, a step of it that fails, and what belongs only into the log.
fn work() {
    let whole = span!("whole", name = "a");
    whole.in_scope(|| {
        let part = span!("part");
        end(&part, Some("KafkaUnreachable"));
        let _other = tracing::error_span!("of others").entered();
        tracing::error!("said in the log");
        end(&span!("inner part", n = 3), None::<&str>);
    });
    end(&whole, None::<&str>);
}

fn collector_at(listener: &TcpListener) -> Result<Collector, Box<dyn Error>> {
    let endpoint = format!("http://{}", listener.local_addr()?);
    Ok(Collector { endpoint: endpoint.parse()?, share: "1".parse()? })
}

const TREE: &str = "\
whole name=a outcome=done
  part outcome=failed reason=KafkaUnreachable
  inner part n=3 outcome=done
";

#[test]
fn spans_arrive_whatever_the_filter_of_the_log_lets_through_and_nothing_else_does() {
    rustls::crypto::ring::default_provider().install_default().ok();
    for filter in ["off", "error", "trace"] {
        let receiver = Receiver::start().unwrap();
        let traces = Traces::begin(&receiver.collector().unwrap(), receiver.runtime()).unwrap();
        let filter = EnvFilter::new(format!("{filter},{LEFT_OUT_OF_LOGS}"));
        let lines = tracing_subscriber::fmt::layer().with_writer(io::sink).with_filter(filter);
        with_default(registry().with(lines).with(traces.layer()), work);
        assert_eq!(traces.n_lost(), 0);
        drop(traces);
        assert_eq!(receiver.tree(), TREE);
        assert_eq!(receiver.resource()["service.version"], env!("CARGO_PKG_VERSION"));
    }
}

#[test]
fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let away = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = collector_at(&away).unwrap();
    drop(away);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let traces = Traces::begin(&collector, runtime.handle()).unwrap();
    with_default(registry().with(traces.layer()), work);
    traces.flush();
    assert_eq!(traces.n_lost(), 3);
}

#[test]
fn a_collector_that_never_answers_does_not_hold_up_the_end_of_the_process() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let collector = collector_at(&silent).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let traces = Traces::begin(&collector, runtime.handle()).unwrap();
    let subscriber = registry().with(traces.layer());
    // More than the queue takes: the rest is dropped where it ends, and whoever ended it goes on.
    with_default(subscriber, || (0..10_000).for_each(|_| drop(span!("whole"))));
    drop(traces);
}

#[test]
fn only_the_share_that_is_asked_for_is_sent() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let receiver = Receiver::start().unwrap();
    let none = Collector { share: "0".parse().unwrap(), ..receiver.collector().unwrap() };
    let traces = Traces::begin(&none, receiver.runtime()).unwrap();
    with_default(registry().with(traces.layer()), work);
    drop(traces);
    assert_eq!(receiver.tree(), "");
}
