//! Receiver: a collector for tests, which keeps what it is sent.
//!
//! In: requests as a collector gets them. Out: their spans as text, a tree for each trace, in the order in which they began.
//! It has a runtime of its own, so that a test whose time stands still can be watched too.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

use crate::{Collector, CollectorError, Share};

type Taken = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A collector that keeps what it is sent.
pub struct Receiver {
    handle: Handle,
    /// Taken out when it ends.
    runtime: Option<Runtime>,
    address: SocketAddr,
    taken: Taken,
    /// While there is but one subscriber, `tracing` asks only the thread that comes to a span first whether anybody wants it, and goes
    /// by that in all of them; tests run in several, each with a subscriber of its own or none.
    _second: Dispatch,
}

impl Receiver {
    /// Begins to listen.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let taken = Taken::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        runtime.spawn(async move { axum::serve(TcpListener::from_std(listener)?, router).await });
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
            address,
            taken,
            _second: Dispatch::new(NoSubscriber::new()),
        })
    }

    /// Returns what leads a process here, with all of its spans.
    ///
    /// # Errors
    /// Never: an address of this machine can be used.
    pub fn collector(&self) -> Result<Collector, CollectorError> {
        Ok(Collector { endpoint: format!("http://{}", self.address).parse()?, share: Share(1.0) })
    }

    /// Returns a runtime for the requests of the process.
    pub fn runtime(&self) -> &Handle {
        &self.handle
    }

    /// Returns the spans: a line each with its attributes in order, below the one that it is a part of.
    pub fn tree(&self) -> String {
        let mut spans: Vec<Span> = Vec::new();
        for request in self.taken.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            spans.extend(scopes.flat_map(|scope| scope.spans.iter().cloned()));
        }
        spans.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
        let mut text = String::new();
        let is_root = |span: &&Span| !spans.iter().any(|other| other.span_id == span.parent_span_id);
        for root in spans.iter().filter(is_root) {
            write(&mut text, &spans, root, 0);
        }
        text
    }

    /// Returns the attributes of those who spoke.
    pub fn resource(&self) -> BTreeMap<String, String> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let resources = taken.iter().flat_map(|request| &request.resource_spans);
        resources
            .filter_map(|spans| spans.resource.as_ref())
            .flat_map(|it| attributes(&it.attributes))
            .collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // A test that is a task itself may not wait for the tasks of others.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn take(State(taken): State<Taken>, body: Bytes) -> StatusCode {
    match ExportTraceServiceRequest::decode(body) {
        Ok(request) => {
            taken.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

fn write(text: &mut String, spans: &[Span], span: &Span, depth: usize) {
    text.push_str(&"  ".repeat(depth));
    text.push_str(&span.name);
    for (key, value) in attributes(&span.attributes) {
        text.push_str(&format!(" {key}={value}"));
    }
    text.push('\n');
    for child in spans.iter().filter(|child| child.parent_span_id == span.span_id) {
        write(text, spans, child, depth + 1);
    }
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    attributes.iter().map(|attribute| (attribute.key.clone(), shown(attribute.value.as_ref()))).collect()
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    }
}
