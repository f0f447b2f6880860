//! The connections of a server: accepted, served within limits, and ended with it.
//!
//! The servers of the API and of metrics have one each. Invariants: at most
//! [`Limits::connections`](crate::Limits::connections) are open, others wait in the system's queue; after
//! the end of [`Connections::serve`] none is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmill_actor::{ActorKind, CancelToken, Clock, actors};

use crate::options::Limits;

/// How long the listener waits after a failure to accept, for instance for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// The connections of a server.
pub(crate) struct Connections {
    router: Router,
    limits: Limits,
    clock: Clock,
    free: Arc<Semaphore>,
    /// Cuts those that do not end by themselves.
    kill: CancelToken,
}

impl Connections {
    pub(crate) fn new(router: Router, limits: Limits, clock: Clock) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limits.connections as usize)),
            router,
            limits,
            clock,
            kill: CancelToken::new(),
        }
    }

    /// Serves those who connect, beside `upkeep`, until `stop` is cancelled; then lets connections finish,
    /// for a bounded time.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        upkeep: impl Future<Output = Infallible>,
        stop: &CancelToken,
    ) {
        {
            let mut upkeep = pin!(upkeep);
            let mut accept = pin!(self.accept(&listener, stop));
            let mut stopped = pin!(stop.cancelled());
            // Each of these is one future that lives until the end, so none is dropped half-way.
            tokio::select! {
                biased;
                () = &mut stopped => {}
                never = &mut upkeep => match never {},
                never = &mut accept => match never {},
            }
        }
        drop(listener);
        let drained = self.clock.timeout(self.limits.drain_time, self.ended());
        if drained.await.is_err() {
            tracing::warn!("connections were cut that did not end in time");
            self.kill.cancel();
            self.ended().await;
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
                    self.clock.sleep(ACCEPT_PAUSE).await;
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
        let limits = &self.limits;
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
        let all = self.limits.connections;
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
