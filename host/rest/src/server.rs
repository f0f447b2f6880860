//! The server of the API.
//!
//! `node` binds a [`Server`] and runs [`Server::serve`] as an actor of the kind `Rest`; each connection is
//! one of the kind `Connection`, whose panic ends that connection only. Invariants: a connection that sends
//! nothing is closed in time; after the end of `serve` nothing of it runs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use wasmill_actor::{CancelToken, Clock};
use wasmill_rpc::rates;

use crate::api::Api;
use crate::cluster::Cluster;
use crate::connections::Connections;
use crate::gate::Gate;
use crate::options::Options;
use crate::router::router;
use crate::tokens::TokenError;

/// How often the file of tokens is looked at.
const TOKENS_INTERVAL: Duration = Duration::from_secs(2);

/// Why the API cannot be served.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "listen on {address}{}; choose another address with --rest ADDR (`jobmanager.rest`)",
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
        let limits = self.api.options.limits.clone();
        let connections = Connections::new(router(&self.api), limits, self.api.clock.clone());
        let upkeep = upkeep(&self.api);
        connections.serve(self.listener, upkeep, &stop).await;
    }
}

/// Looks regularly at the tokens and at how fast tasks work.
async fn upkeep(api: &Arc<Api>) -> Infallible {
    let now = api.clock.monotonic();
    let (mut look_at, mut tokens_at) = (now, now + TOKENS_INTERVAL);
    loop {
        let now = api.clock.monotonic();
        if now >= look_at {
            api.look();
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

#[cfg(test)]
mod tests;
