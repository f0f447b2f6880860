//! Blobs: bytes of a known length under their digest, such as bundles, streamed and never held whole.
//!
//! The JobManager offers its store as [`Blobs`]; a TaskManager reads a [`Blob`] of its peer and checks the
//! digest itself. Invariant: a blob that is read to its end has exactly the length that was declared; one
//! that stalls or is cut off is an error of the reader.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use wasmill_actor::Clock;
use wasmill_network::endpoint::{RecvStream, SendStream, VarInt};
use wasmill_types::id::Digest;

use crate::call::Refusal;
use crate::call::frame::Status;

/// How errors name the fetching of a blob.
pub(crate) const CALL_NAME: &str = "open blob";
/// How long neither side may make progress.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How much is read and sent at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Where the bytes of a blob come from.
pub type Bytes = Pin<Box<dyn AsyncRead + Send>>;

/// The opening of a blob.
pub type Opening = Pin<Box<dyn Future<Output = Result<Blob, Refusal>> + Send>>;

/// What one side lets the other read.
pub trait Blobs: Send + Sync + 'static {
    /// Opens a blob.
    fn open(&self, digest: Digest) -> Opening;
}

/// Nothing to read.
#[derive(Debug, Clone, Copy)]
pub struct NoBlobs;

impl Blobs for NoBlobs {
    fn open(&self, digest: Digest) -> Opening {
        let refusal = Refusal(format!("there is no blob {digest}"));
        Box::pin(std::future::ready(Err(refusal)))
    }
}

/// A blob to read from its beginning.
pub struct Blob {
    length: u64,
    left: u64,
    bytes: Bytes,
}

impl Blob {
    /// A blob of a length, which has to be that of the bytes.
    pub fn new(length: u64, bytes: Bytes) -> Self {
        Self {
            length,
            left: length,
            bytes,
        }
    }

    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl AsyncRead for Blob {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 || into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut part = ReadBuf::new(into.initialize_unfilled_to(room.min(into.remaining())));
        let polled = self.bytes.as_mut().poll_read(context, &mut part);
        let got = part.filled().len();
        match polled {
            Poll::Ready(Ok(())) if got == 0 => {
                let (left, length) = (self.left, self.length);
                let text = format!("the blob ended {left} bytes before its length of {length}");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)))
            }
            Poll::Ready(Ok(())) => {
                into.advance(got);
                self.left -= got as u64;
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} of {} bytes left)", self.left, self.length)
    }
}

/// A blob that comes over a connection.
pub(crate) fn from_peer(length: u64, bytes: RecvStream, clock: &Clock) -> Blob {
    let watched = Watched {
        bytes,
        clock: clock.clone(),
        stalled: None,
    };
    Blob::new(length, Box::pin(watched))
}

/// Fails when nothing comes for too long.
struct Watched {
    bytes: RecvStream,
    clock: Clock,
    /// The wait that is going on; one per stretch without bytes.
    stalled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = AsyncRead::poll_read(Pin::new(&mut self.bytes), context, into);
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let clock = self.clock.clone();
        let start = || -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(async move { clock.sleep(STALL_TIMEOUT).await })
        };
        let stalled = self.stalled.get_or_insert_with(start);
        match stalled.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let text = format!("nothing of the blob came within {STALL_TIMEOUT:?}");
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)))
            }
        }
    }
}

/// Sends a blob; one that cannot be sent whole is broken off, which the reader notices.
pub(crate) async fn to_peer(mut blob: Blob, mut stream: SendStream, clock: &Clock) {
    let sent = async {
        stream.write_all(&[Status::Done.byte()]).await?;
        stream.write_all(&blob.length().to_be_bytes()).await?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = clock.timeout(STALL_TIMEOUT, blob.read(&mut chunk)).await;
            let read = read.map_err(io::Error::other)??;
            if read == 0 {
                return Ok(());
            }
            let write = clock.timeout(STALL_TIMEOUT, stream.write_all(&chunk[..read]));
            write.await.map_err(io::Error::other)??;
        }
    };
    let sent: io::Result<()> = sent.await;
    match sent {
        Ok(()) => {
            let _closed = stream.finish();
        }
        Err(error) => {
            tracing::warn!(%error, "blob not sent whole");
            let _closed = stream.reset(VarInt::from_u32(0));
        }
    }
}
