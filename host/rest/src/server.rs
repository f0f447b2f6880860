//! The listener and its connections.
//!
//! `node` binds a [`Server`] and runs [`Server::serve`] as an actor of the kind `Rest`; each connection is
//! one of the kind `Connection`, whose panic ends that connection only. Invariants: at most
//! [`Limits::connections`](crate::Limits::connections) are open, others wait in the system's queue; a
//! connection that sends nothing is closed in time; after the end of `serve` nothing of it runs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmill_actor::{ActorKind, CancelToken, Clock, actors};

use crate::api::Api;
use crate::cluster::Cluster;
use crate::gate::Gate;
use crate::options::Options;
use crate::rates;
use crate::router::router;
use crate::tokens::TokenError;

/// How often the file of tokens is looked at.
const TOKENS_INTERVAL: Duration = Duration::from_secs(2);

/// How long the listener waits after a failure to accept, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// Why the API cannot be served.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "listen on {address}{}; choose another address with --rest ADDR (`rest.address`)",
        if .source.kind() == io::ErrorKind::AddrInUse { ", which is in use" } else { "" }
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Nobody could call, since there are no tokens and the address is not local.
    #[error(
        "{address} can be reached from other machines and no token exists: make one with \
         `wasmill token create --tenant default --role admin --data-dir {data_dir}`, or listen on a \
         loopback address with --rest 127.0.0.1:{}",
        .address.port()
    )]
    NoTokens {
        /// The address.
        address: SocketAddr,
        /// Where tokens are kept.
        data_dir: String,
    },
    /// The tokens cannot be read.
    #[error("read the tokens of the REST API")]
    Tokens(#[from] TokenError),
}

/// An API that listens and does not yet answer.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Arc<Api>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.address)
    }
}

impl Server {
    /// Listens. Callers can connect from now on and are answered once [`Server::serve`] runs.
    ///
    /// # Errors
    /// When the address cannot be used, or must not be, for lack of tokens.
    pub async fn bind(
        options: Options,
        cluster: Arc<dyn Cluster>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let address = options.address;
        let gate = Gate::new(options.data_dir.clone(), address)?;
        if gate.is_shut() {
            let data_dir = options.data_dir.display().to_string();
            return Err(StartError::NoTokens { address, data_dir });
        }
        let bound = |source| StartError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        if gate.is_open() {
            tracing::info!(%address, "REST is served to this machine without tokens");
        } else {
            tracing::info!(%address, "REST is served");
        }
        let api = Arc::new(Api::new(cluster, clock, options, gate));
        Ok(Self {
            listener,
            address,
            api,
        })
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is cancelled, then lets connections finish, for a bounded time.
    pub async fn serve(self, stop: CancelToken) {
        let connections = Connections::new(&self.api);
        let kill = connections.kill.clone();
        {
            let mut upkeep = pin!(upkeep(&self.api));
            let mut accept = pin!(connections.accept(&self.listener, &stop));
            let mut stopped = pin!(stop.cancelled());
            // Each of these is one future that lives until the end, so none is dropped half-way.
            tokio::select! {
                biased;
                () = &mut stopped => {}
                never = &mut upkeep => match never {},
                never = &mut accept => match never {},
            }
        }
        drop(self.listener);
        let drain_time = self.api.options.limits.drain_time;
        let drained = self.api.clock.timeout(drain_time, connections.ended());
        if drained.await.is_err() {
            tracing::warn!("connections were cut that did not end in time");
            kill.cancel();
            connections.ended().await;
        }
    }
}

/// Looks regularly at the tokens and at how fast tasks work.
async fn upkeep(api: &Arc<Api>) -> Infallible {
    let now = api.clock.monotonic();
    let (mut look_at, mut tokens_at) = (now, now + TOKENS_INTERVAL);
    loop {
        let now = api.clock.monotonic();
        if now >= look_at {
            api.rates.look(&api.cluster.jobs());
            look_at = now + rates::INTERVAL;
        }
        if now >= tokens_at {
            let reader = Arc::clone(api);
            // The file may be on a slow disk. A panic there has been logged by the runtime's hook, and the
            // tokens of before stay.
            let _ = tokio::task::spawn_blocking(move || reader.gate.refresh()).await;
            tokens_at = now + TOKENS_INTERVAL;
        }
        api.clock.sleep_until(look_at.min(tokens_at)).await;
    }
}

/// The connections of a server.
struct Connections {
    api: Arc<Api>,
    router: Router,
    free: Arc<Semaphore>,
    /// Cuts those that do not end by themselves.
    kill: CancelToken,
}

impl Connections {
    fn new(api: &Arc<Api>) -> Self {
        Self {
            api: Arc::clone(api),
            router: router(api),
            free: Arc::new(Semaphore::new(api.options.limits.connections as usize)),
            kill: CancelToken::new(),
        }
    }

    async fn accept(&self, listener: &TcpListener, stop: &CancelToken) -> Infallible {
        loop {
            let free = Arc::clone(&self.free).acquire_owned().await;
            let permit = free.expect("the semaphore is never closed");
            match listener.accept().await {
                Ok((stream, peer)) => self.start(stream, peer, permit, stop.clone()),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.api.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection on its own.
    fn start(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        stop: CancelToken,
    ) {
        let limits = &self.api.options.limits;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(limits.header_bytes.max(MIN_BUFFER_BYTES));
        let router = self.router.clone();
        let kill = self.kill.clone();
        let serve = async move {
            // Without this an answer in two parts waits for an acknowledgement of the first.
            let _ = stream.set_nodelay(true);
            tokio::select! {
                biased;
                () = kill.cancelled() => {}
                () = serve(&http, stream, router, &stop) => {}
            }
            drop(permit);
        };
        // Its panic is logged and ends this connection alone; its end is seen by its permit.
        drop(actors::spawn(
            ActorKind::Connection,
            &format!("REST {peer}"),
            serve,
        ));
    }

    /// Waits until none is open.
    async fn ended(&self) {
        let all = self.api.options.limits.connections;
        let ended = self.free.acquire_many(all).await;
        drop(ended.expect("the semaphore is never closed"));
    }
}

/// The least that hyper accepts as its buffer.
const MIN_BUFFER_BYTES: usize = 8192;

/// Serves a connection to its end; finishes the current request when `stop` is cancelled.
async fn serve(http: &http1::Builder, stream: TcpStream, router: Router, stop: &CancelToken) {
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut stopped = pin!(stop.cancelled());
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            () = &mut stopped, if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
