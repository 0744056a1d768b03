//! An outside service on this machine: it verifies what Standard Webhooks say, and answers as it is told.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::forward::webhook::signature::Secrets;

/// How one request is answered.
#[derive(Clone)]
pub(super) enum Answer {
    /// With a status.
    Status(u16),
    /// With a status, a header and a body.
    Says(u16, &'static str, String, String),
    /// With 204, but slowly.
    Slowly(Duration),
    /// Never.
    Never,
}

/// A request that came.
pub(super) struct Request {
    pub(super) id: String,
    pub(super) body: Value,
    pub(super) is_verified: bool,
    pub(super) content_type: String,
    pub(super) user_agent: String,
    pub(super) path: String,
    pub(super) status: u16,
    pub(super) at: Instant,
}

/// What came, and what is to be answered.
pub(super) struct Book {
    pub(super) requests: Vec<Request>,
    /// Answers to the next requests.
    pub(super) next: VecDeque<Answer>,
    /// Answer to all others.
    pub(super) otherwise: Answer,
    secret: String,
}

impl Book {
    /// Ids of the deliveries that were taken.
    pub(super) fn taken(&self) -> BTreeSet<String> {
        self.requests
            .iter()
            .filter(|request| request.status == 204)
            .map(|request| request.id.clone())
            .collect()
    }

    /// Ids of all requests, repeated ones too.
    pub(super) fn ids(&self) -> Vec<String> {
        self.requests.iter().map(|request| request.id.clone()).collect()
    }
}

#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    changed: Arc<Condvar>,
}

impl Receiver {
    pub(super) async fn start(secret: &str) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), secret).await
    }

    /// Listens where it is told; port 0 is any.
    pub(super) async fn start_at(listen: SocketAddr, secret: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(listen).await.expect("this machine has ports");
        let address = listener.local_addr().expect("it listens");
        let book = Book {
            requests: Vec::new(),
            next: VecDeque::new(),
            otherwise: Answer::Status(204),
            secret: secret.into(),
        };
        let receiver = Self { address, book: Arc::new(Mutex::new(book)), changed: Arc::default() };
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn open(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no test panics with it")
    }

    pub(super) fn answer(&self, next: impl IntoIterator<Item = Answer>) {
        self.open().next.extend(next);
    }

    /// Waits until something holds of what came.
    pub(super) fn wait_until(&self, what: &str, mut holds: impl FnMut(&Book) -> bool) {
        let waited =
            self.changed.wait_timeout_while(self.open(), Duration::from_secs(20), |book| !holds(book));
        let (book, waited) = waited.expect("no test panics with it");
        assert!(!waited.timed_out(), "in vain: {what}; {} requests came", book.requests.len());
    }
}

async fn take(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header =
        |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let answer = {
        let mut book = receiver.open();
        let answer = book.next.pop_front().unwrap_or_else(|| book.otherwise.clone());
        let (id, seconds) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap_or_default());
        let signature = Secrets::parse(&book.secret).expect("it is a secret").sign(&id, seconds, &body);
        book.requests.push(Request {
            is_verified: header("webhook-signature").split(' ').any(|sent| sent == signature),
            id,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            content_type: header("content-type"),
            user_agent: header("user-agent"),
            path: uri.path().to_owned(),
            status: match &answer {
                Answer::Status(status) | Answer::Says(status, ..) => *status,
                Answer::Slowly(_) => 204,
                Answer::Never => 0,
            },
            at: Instant::now(),
        });
        receiver.changed.notify_all();
        answer
    };
    let status = |status| StatusCode::from_u16(status).expect("it is a status");
    match answer {
        Answer::Status(code) => status(code).into_response(),
        Answer::Says(code, name, value, body) => (status(code), [(name, value)], body).into_response(),
        Answer::Slowly(wait) => {
            tokio::time::interval_at(tokio::time::Instant::now() + wait, wait).tick().await;
            status(204).into_response()
        }
        Answer::Never => std::future::pending().await,
    }
}
