//! A door before a ClickHouse: TLS, and users with passwords that change while it stands open.
//!
//! In: requests of processors and the operator, with the user that the door knows. Out: the same requests with the user that the
//! server behind knows, and its answers; to others what ClickHouse says of a wrong password.
//! It reads no statement and keeps nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Router, serve::Listener};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Identity;
use crate::environment::settings::{CLICKHOUSE_PASSWORD, CLICKHOUSE_USER};

const HANDSHAKE: Duration = Duration::from_secs(5);
const REFUSAL: &str = "Code: 516. DB::Exception: guarded: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)\n";

/// An open door.
pub struct Door {
    /// Where it is, `https://address:port`.
    pub url: String,
    inside: Arc<Inside>,
    server: JoinHandle<()>,
}

struct Inside {
    behind: String,
    client: Client<HttpConnector, Body>,
    passwords: RwLock<BTreeMap<String, String>>,
    acceptor: RwLock<TlsAcceptor>,
    refused: AtomicU64,
}

impl Door {
    /// Opens a door at an address of this machine, before the server at `behind` (`http://host:port`).
    pub async fn open(at: &str, behind: &str, identity: &Identity) -> Result<Self> {
        let listener = TcpListener::bind(format!("{at}:0")).await.context("opening a door to ClickHouse")?;
        let url = format!("https://{}", listener.local_addr()?);
        let inside = Arc::new(Inside {
            behind: behind.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            passwords: RwLock::default(),
            acceptor: RwLock::new(acceptor(identity)?),
            refused: AtomicU64::new(0),
        });
        let listener = TlsListener { listener, inside: Arc::clone(&inside) };
        let router = Router::new().fallback(pass).with_state(Arc::clone(&inside));
        let server = tokio::spawn(async move {
            // It ends with this task; it has no error of its own.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { url, inside, server })
    }

    /// Gives a user a password, its first or another one.
    pub fn set_password(&self, user: &str, password: &str) {
        let mut passwords = self.inside.passwords.write().unwrap_or_else(PoisonError::into_inner);
        passwords.insert(user.to_owned(), password.to_owned());
    }

    /// Shows another certificate to those who come from now on.
    pub fn show(&self, identity: &Identity) -> Result<()> {
        *self.inside.acceptor.write().unwrap_or_else(PoisonError::into_inner) = acceptor(identity)?;
        Ok(())
    }

    /// How many requests came with a wrong user or password.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.inside.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

struct TlsListener {
    listener: TcpListener,
    inside: Arc<Inside>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let acceptor = self.inside.acceptor.read().unwrap_or_else(PoisonError::into_inner).clone();
            // Who does not trust the certificate goes again.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Inside {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let passwords = self.passwords.read().unwrap_or_else(PoisonError::into_inner);
        passwords.get(header("x-clickhouse-user")).is_some_and(|known| known == header("x-clickhouse-key"))
    }
}

async fn pass(State(inside): State<Arc<Inside>>, mut request: Request) -> Response {
    if !inside.knows(request.headers()) {
        inside.refused.fetch_add(1, Ordering::Relaxed);
        return (StatusCode::FORBIDDEN, [("x-clickhouse-exception-code", "516")], REFUSAL).into_response();
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match format!("{}{path}", inside.behind).parse::<Uri>() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
    let headers = request.headers_mut();
    headers.remove("host");
    headers.insert("x-clickhouse-user", HeaderValue::from_static(CLICKHOUSE_USER));
    headers.insert("x-clickhouse-key", HeaderValue::from_static(CLICKHOUSE_PASSWORD));
    match inside.client.request(request).await {
        Ok(response) => response.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}
