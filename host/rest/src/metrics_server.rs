//! A server of metrics and nothing else, for processes that have no API.
//!
//! TaskManagers run one when they are told to. Invariants: without a token it serves this machine only,
//! and no web page of another origin; what is asked for in vain costs a scrape's time at most.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio::net::TcpListener;
use wasmill_actor::{CancelToken, Clock};
use wasmill_types::metric::prometheus::Family;

use crate::call::response;
use crate::connections::Connections;
use crate::error::ApiError;
use crate::exposition;
use crate::gate::{bearer, check_local};
use crate::options::Limits;

/// Monitors that are served at a time; others wait.
const CONNECTIONS: u32 = 16;

/// How long making the metrics may take.
const SCRAPE_TIME: Duration = Duration::from_secs(5);

/// Where metrics come from.
pub trait Scrape: Send + Sync + 'static {
    /// The metrics as they are now.
    fn scrape(&self) -> Scraping<'_>;
}

/// Metrics that are awaited; dropping it does no harm.
pub type Scraping<'a> = Pin<Box<dyn Future<Output = Vec<Family>> + Send + 'a>>;

/// How metrics are served.
#[derive(Debug, Clone)]
pub struct MetricsOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// What monitors send as `Authorization: Bearer TOKEN`; without one they must be on this machine.
    pub token: Option<String>,
}

/// Why metrics cannot be served.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// The address cannot be listened on.
    #[error(
        "listen on {address} for metrics{}; choose another address with --metrics ADDR \
         (`taskmanager.metrics`)",
        if .source.kind() == io::ErrorKind::AddrInUse { ", which is in use" } else { "" }
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others could read them, and nobody has said who may.
    #[error(
        "{0} can be reached from other machines: set `taskmanager.metrics-token` to what monitors are to \
         send, or serve metrics on a loopback address with --metrics 127.0.0.1:{port}",
        port = .0.port()
    )]
    NoToken(SocketAddr),
}

/// A server that listens and does not yet answer.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<String>,
    clock: Clock,
}

/// What answers requests.
struct Service {
    source: Arc<dyn Scrape>,
    /// The digest of the token.
    token: Option<[u8; 32]>,
    clock: Clock,
}

impl MetricsServer {
    /// Listens.
    ///
    /// # Errors
    /// When the address cannot be used, or must not be, for lack of a token.
    pub async fn bind(options: MetricsOptions, clock: Clock) -> Result<Self, MetricsError> {
        let MetricsOptions { address, token } = options;
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().is_loopback() {
            return Err(MetricsError::NoToken(address));
        }
        let bound = |source| MetricsError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        Ok(Self {
            listener,
            address,
            token,
            clock,
        })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is cancelled.
    pub async fn serve(self, source: Arc<dyn Scrape>, stop: CancelToken) {
        let service = Arc::new(Service {
            source,
            token: self.token.map(|token| Sha256::digest(token).into()),
            clock: self.clock.clone(),
        });
        let router = Router::new().fallback(move |request: Request| {
            let (service, checked) = (Arc::clone(&service), service.check(&request));
            async move {
                let answer = match checked {
                    Ok(()) => service.answer().await,
                    Err(refused) => Err(refused),
                };
                answer.unwrap_or_else(ApiError::into_response)
            }
        });
        let limits = Limits {
            connections: CONNECTIONS,
            ..Limits::default()
        };
        let connections = Connections::new(router, limits, self.clock);
        let nothing = std::future::pending();
        connections.serve(self.listener, nothing, &stop).await;
    }
}

impl Service {
    async fn answer(&self) -> Result<Response, ApiError> {
        let scraped = self.clock.timeout(SCRAPE_TIME, self.source.scrape()).await;
        let late = |_| ApiError::timed_out(format!("the metrics took longer than {SCRAPE_TIME:?}"));
        let text = exposition::text(&scraped.map_err(late)?);
        let content_type = HeaderValue::from_static(exposition::CONTENT_TYPE);
        Ok(response(StatusCode::OK, content_type, text))
    }

    /// Whether a request may be answered, and is for what there is.
    fn check(&self, request: &Request) -> Result<(), ApiError> {
        self.identify(request)?;
        if request.uri().path() == "/metrics" && request.method() == Method::GET {
            return Ok(());
        }
        Err(ApiError::not_found("only GET /metrics is served here"))
    }

    fn identify(&self, request: &Request) -> Result<(), ApiError> {
        let Some(token) = &self.token else {
            return check_local(request.uri(), request.headers());
        };
        let sent = bearer(request.headers()).map(|sent| <[u8; 32]>::from(Sha256::digest(sent)));
        // Digests are compared, and all of them, so that time tells nothing about the token.
        if sent.is_some_and(|sent| sent.ct_eq(token).into()) {
            return Ok(());
        }
        Err(ApiError::unauthorized(
            "the token of these metrics is needed: send the header `Authorization: Bearer TOKEN`",
        ))
    }
}

#[cfg(test)]
mod tests;
