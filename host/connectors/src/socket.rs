//! The connector `socket`: a source that connects to a TCP server and reads lines.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `host` | required | name or address of the server |
//! | `port` | required | port of the server |
//! | `connect-timeout` | `10 s` | how long connecting may take: `500 ms`, `10 s`, `2 min` |
//!
//! Records are of the format `text`: lines without their ends. One subtask reads, until the server
//! closes the connection. What was read cannot be read again: after a failure the source goes on with
//! what the server sends next. Invariant: a poll waits at most [`READ_WAIT`]; only the look-up of a
//! host name, when the split is assigned, takes as long as the system's resolver does.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use wasmill_types::Batch;
use wasmill_types::job::ConnectorSpec;
use wasmill_types::operator::PollStatus;

use crate::catalog::{ConnectorDoc, ConnectorKind, OptionDefault, OptionDoc};
use crate::collector::{Collector, Origin, Origins};
use crate::error::ConnectorError;
use crate::lines::{Lines, Step};
use crate::options::Options;
use crate::source::{Budget, ReaderContext, Source, SourceReader, Split};
use crate::window::{Fill, Window};

/// How long a poll waits for the server.
const READ_WAIT: Duration = Duration::from_millis(20);

/// How often a connection that is being made is looked at, in milliseconds.
const CONNECT_CHECK_MS: i64 = 5;

const HOST: &str = "host";
const PORT: &str = "port";
const CONNECT_TIMEOUT: &str = "connect-timeout";

/// The source's doc.
pub(crate) const SOURCE: ConnectorDoc = ConnectorDoc {
    name: "socket",
    kind: ConnectorKind::Source,
    summary: "Connects to a TCP server and reads lines until the server closes.",
    options: &[
        OptionDoc::new(
            HOST,
            OptionDefault::Required,
            "name or address of the server",
        ),
        OptionDoc::new(PORT, OptionDefault::Required, "port of the server"),
        OptionDoc::new(
            CONNECT_TIMEOUT,
            OptionDefault::Value("10 s"),
            "how long connecting may take: `500 ms`, `10 s`, `2 min`",
        ),
    ],
};

/// The `socket` source.
#[derive(Debug, Clone)]
pub(crate) struct SocketSource {
    host: String,
    port: u16,
    timeout: Duration,
}

impl SocketSource {
    pub(crate) fn parse(spec: &ConnectorSpec) -> Result<Self, ConnectorError> {
        let options = Options::check(spec, &SOURCE)?;
        let host = options.always(HOST)?.trim().to_owned();
        if host.is_empty() {
            return Err(options.bad(HOST, "it must be a host name or an address"));
        }
        let port = options.always_parsed(PORT)?;
        if port == 0 {
            return Err(options.bad(PORT, "it must be 1 to 65535"));
        }
        Ok(Self {
            host,
            port,
            timeout: options.duration(CONNECT_TIMEOUT)?,
        })
    }

    fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Source for SocketSource {
    fn splits(&self, _parallelism: u32) -> Result<Vec<Split>, ConnectorError> {
        Ok(vec![Split::wrap(self.address(), &self.address())])
    }

    fn reader(&self, context: ReaderContext) -> Result<Box<dyn SourceReader>, ConnectorError> {
        let name = self.address();
        Ok(Box::new(SocketReader {
            source: self.clone(),
            context,
            connection: Connection::Unassigned,
            origin: Arc::new(Origin { name, note: "" }),
            origins: Origins::default(),
            bad_records: 0,
        }))
    }

    fn is_bounded(&self) -> bool {
        false
    }

    fn format(&self) -> &'static str {
        "text"
    }
}

/// Reads the one split.
#[derive(Debug)]
struct SocketReader {
    source: SocketSource,
    context: ReaderContext,
    connection: Connection,
    origin: Arc<Origin>,
    origins: Origins,
    bad_records: u64,
}

#[derive(Debug)]
enum Connection {
    /// The split is another reader's.
    Unassigned,
    /// These addresses are to be tried.
    Addresses(VecDeque<SocketAddr>),
    /// One address is being tried until then, in milliseconds since the epoch.
    Connecting {
        socket: Socket,
        until: i64,
        others: VecDeque<SocketAddr>,
    },
    Open(Lines<TcpStream>),
    /// The server closed.
    Ended,
}

impl SocketReader {
    fn failed(&self, action: &'static str, source: io::Error) -> ConnectorError {
        ConnectorError::Network {
            action,
            address: self.source.address(),
            source,
        }
    }

    /// Begins to connect to the first of the addresses.
    fn connect(&self, mut addresses: VecDeque<SocketAddr>, now_ms: i64) -> io::Result<Connection> {
        // The addresses share the time, so that one that does not answer leaves some for the others.
        let share = self.source.timeout.as_millis() / addresses.len().max(1) as u128;
        let address = addresses.pop_front().ok_or(ErrorKind::AddrNotAvailable)?;
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // A connection that is not made in this time goes on being made.
        match socket.connect_timeout(&address.into(), READ_WAIT) {
            Ok(()) => self.open(socket),
            Err(error) if is_in_progress(&error) => Ok(Connection::Connecting {
                socket,
                until: now_ms.saturating_add(i64::try_from(share).unwrap_or(i64::MAX)),
                others: addresses,
            }),
            Err(error) if addresses.is_empty() => Err(error),
            Err(_) => self.connect(addresses, now_ms),
        }
    }

    /// Looks at a connection that is being made.
    fn check(
        &self,
        socket: Socket,
        until: i64,
        others: VecDeque<SocketAddr>,
        now_ms: i64,
    ) -> io::Result<Connection> {
        let error = match socket.take_error()? {
            Some(error) => error,
            None if socket.peer_addr().is_ok() => return self.open(socket),
            None if now_ms >= until => ErrorKind::TimedOut.into(),
            None => {
                return Ok(Connection::Connecting {
                    socket,
                    until,
                    others,
                });
            }
        };
        if others.is_empty() {
            return Err(error);
        }
        self.connect(others, now_ms)
    }

    fn open(&self, socket: Socket) -> io::Result<Connection> {
        socket.set_read_timeout(Some(READ_WAIT))?;
        // A server that vanished without closing is noticed, in the system's own time.
        socket.set_keepalive(true)?;
        let window = Window::new(TcpStream::from(socket), 0);
        let limit = self.context.max_record();
        Ok(Connection::Open(Lines::new(window, limit, u64::MAX)))
    }

    /// Takes the connection one step further; whether it is open.
    fn establish(&mut self, now_ms: i64) -> Result<bool, ConnectorError> {
        let next = match std::mem::replace(&mut self.connection, Connection::Ended) {
            Connection::Addresses(addresses) => self.connect(addresses, now_ms),
            Connection::Connecting {
                socket,
                until,
                others,
            } => self.check(socket, until, others, now_ms),
            other => Ok(other),
        };
        self.connection = next.map_err(|error| self.failed("connect to", error))?;
        Ok(!matches!(self.connection, Connection::Connecting { .. }))
    }

    fn read(
        &mut self,
        now_ms: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError> {
        let Connection::Open(lines) = &mut self.connection else {
            return Ok(PollStatus::Finished);
        };
        let mut may_read = true;
        loop {
            let mut collector = Collector {
                out,
                origins: &mut self.origins,
                bad_records: &mut self.bad_records,
                budget,
                context: &self.context,
            };
            match lines.next(|offset, line| collector.take(offset, line)) {
                Step::Enough => return Ok(PollStatus::Ready),
                Step::TooLong { start } => collector.reject_long(&self.origin, start)?,
                Step::End => break,
                // Whoever waits for lines that are here does not wait for the server.
                Step::NeedInput if !may_read || !out.is_empty() => return Ok(PollStatus::Ready),
                Step::NeedInput => match lines.fill() {
                    Ok(Fill::Data(_)) => may_read = false,
                    Ok(Fill::End) => {}
                    Ok(Fill::Pending) => {
                        let wait = READ_WAIT.as_millis() as i64;
                        return Ok(PollStatus::IdleUntil(now_ms.saturating_add(wait)));
                    }
                    Err(error) => return Err(self.failed("read from", error)),
                },
            }
        }
        self.connection = Connection::Ended;
        Ok(PollStatus::Finished)
    }
}

impl SourceReader for SocketReader {
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError> {
        let _: String = split.unwrap_state()?;
        let target = (self.source.host.as_str(), self.source.port);
        let addresses = target.to_socket_addrs();
        let addresses = addresses.map_err(|error| self.failed("find the address of", error))?;
        self.connection = Connection::Addresses(addresses.collect());
        Ok(())
    }

    fn poll(
        &mut self,
        now_ms: i64,
        budget: Budget,
        out: &mut Batch,
    ) -> Result<PollStatus, ConnectorError> {
        self.origins.clear();
        self.origins.enter(&self.origin);
        if !self.establish(now_ms)? {
            let later = now_ms.saturating_add(CONNECT_CHECK_MS);
            return Ok(PollStatus::IdleUntil(later));
        }
        self.read(now_ms, budget.clamped(), out)
    }

    fn locate(&self, index: u32) -> Option<String> {
        self.origins.locate(index)
    }

    fn bad_records(&self) -> u64 {
        self.bad_records
    }

    fn snapshot(&self) -> Vec<Split> {
        match self.connection {
            Connection::Unassigned | Connection::Ended => Vec::new(),
            Connection::Addresses(_) | Connection::Connecting { .. } | Connection::Open(_) => {
                vec![Split::wrap(self.source.address(), &self.source.address())]
            }
        }
    }
}

/// Whether our own wait for the connection ended, rather than the attempt.
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == ErrorKind::TimedOut && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests;
