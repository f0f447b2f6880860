//! The JobManager's side of joining.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use wasmill_actor::Clock;
use wasmill_network::endpoint::{CloseCode, Connection, Link, SendStream, close};
use wasmill_network::identity::{Authority, JoinToken};
use wasmill_types::id::TaskManagerId;

use super::limiter::{Limiter, WINDOW};
use super::{Answer, MAX_REQUEST_BYTES, Request, TIMEOUT};
use crate::call::Refusal;
use crate::call::frame::decode;

/// Gives certificates to those who have a token.
#[derive(Debug)]
pub struct Desk {
    authority: Arc<Authority>,
    clock: Clock,
    limiter: Mutex<Limiter>,
}

/// A TaskManager that has got a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Its name.
    pub id: TaskManagerId,
    /// Where it is.
    pub remote: SocketAddr,
}

/// A node that was not let in.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("refuse to let {remote} join: {reason}")]
pub struct JoinRefused {
    /// Where it is.
    pub remote: SocketAddr,
    /// Why; it was told the same.
    pub reason: String,
}

impl Desk {
    /// Opens the desk of a cluster.
    pub fn new(authority: Arc<Authority>, clock: Clock) -> Self {
        Self {
            authority,
            clock,
            limiter: Mutex::default(),
        }
    }

    /// Serves a connection that came in for [`super::protocol`]; ends when it is closed, in bounded time.
    ///
    /// # Errors
    /// When the node is not let in, which is worth a line in the log.
    pub async fn serve(&self, link: Link) -> Result<Admitted, JoinRefused> {
        let remote = link.remote;
        let served = self.exchange(&link);
        let served = self.clock.timeout(TIMEOUT, served).await;
        let served = served.unwrap_or_else(|late| Err(format!("the request did not come: {late}")));
        let outcome = match served {
            Ok(id) => Ok(Admitted { id, remote }),
            Err(reason) => Err(JoinRefused { remote, reason }),
        };
        let (code, reason) = match &outcome {
            Ok(_) => (CloseCode::Done, "joined"),
            Err(refused) => (CloseCode::Refused, refused.reason.as_str()),
        };
        close(&link.connection, code, reason);
        outcome
    }

    async fn exchange(&self, link: &Link) -> Result<TaskManagerId, String> {
        let address = link.remote.ip();
        let (now, now_ms) = (self.clock.monotonic(), self.clock.now_ms());
        let checked = self.limiter().check(address, now);
        if let Err(wait) = checked {
            let seconds = wait.as_secs() + 1;
            return Err(format!(
                "too many attempts to join failed within {WINDOW:?}; try again in {seconds} s"
            ));
        }
        let received = receive(&link.connection).await;
        let admitted = received.and_then(|(request, stream)| {
            let certificate = self.admit(&request, now_ms)?;
            Ok((request.id, certificate, stream))
        });
        let (id, certificate, stream) = admitted.inspect_err(|_| {
            self.limiter().failed(address, now);
        })?;
        let answer = Answer {
            certificate,
            authority: self.authority.certificate(),
        };
        send(&link.connection, stream, &answer).await?;
        Ok(id)
    }

    fn admit(&self, request: &Request, now_ms: i64) -> Result<Vec<u8>, String> {
        let token: JoinToken = request.token.parse().map_err(reason)?;
        let checked = self.authority.tokens().check(&token, now_ms);
        checked.map_err(reason)?;
        let certificate = self
            .authority
            .admit(&request.id, &request.public_key, now_ms);
        certificate.map_err(reason)
    }

    fn limiter(&self) -> std::sync::MutexGuard<'_, Limiter> {
        // Nothing that can panic half-way happens under the lock.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(error: impl std::error::Error) -> String {
    Refusal::because(&error).0
}

async fn receive(connection: &Connection) -> Result<(Request, SendStream), String> {
    let (send, mut receive) = connection.accept_bi().await.map_err(reason)?;
    let bytes = receive.read_to_end(MAX_REQUEST_BYTES).await;
    let bytes = bytes.map_err(|error| format!("read the request: {error}"))?;
    let request = decode("request to join", &bytes);
    request.map(|request| (request, send)).map_err(reason)
}

/// Sends the answer and waits until it has arrived, because closing the connection would overtake it.
async fn send(
    connection: &Connection,
    mut stream: SendStream,
    answer: &Answer,
) -> Result<(), String> {
    let bytes = postcard::to_allocvec(answer).map_err(reason)?;
    stream.write_all(&bytes).await.map_err(reason)?;
    stream.finish().map_err(reason)?;
    let stopped = stream.stopped().await;
    match stopped {
        Ok(_) => Ok(()),
        // The other side closes when it has what it wants.
        Err(_) if connection.close_reason().is_some() => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
