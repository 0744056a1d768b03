//! What the log says of a collector that is away. A process of its own, as the thread that says it has no subscriber but the global one.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use traces::{Collector, LEFT_OUT_OF_LOGS, Traces, span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

/// A log that is kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lost_spans_are_told_once_in_a_while_and_not_each_time() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let away = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", away.local_addr().unwrap()).parse().unwrap();
    drop(away);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let collector = Collector { endpoint, share: "1".parse().unwrap() };
    let traces = Traces::begin(&collector, runtime.handle()).unwrap();
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let lines = lines.with_filter(EnvFilter::new(format!("info,{LEFT_OUT_OF_LOGS}")));
    tracing::subscriber::set_global_default(registry().with(lines).with(traces.layer())).unwrap();
    for n_lost in 1..=2 {
        drop(span!("whole"));
        traces.flush();
        assert_eq!(traces.n_lost(), n_lost);
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("n_lost=1") && text.contains("monitoring.traces.endpoint"), "{text}");
}
