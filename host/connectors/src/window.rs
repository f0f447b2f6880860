//! A buffer that slides over a stream of bytes and knows where in the stream it is.
//!
//! [`crate::lines`] and the CSV rows of the `file` source cut their records out of it. Invariant: the
//! bytes in the window are those from `offset` on, without gaps. The buffer grows only when it is full
//! of bytes that nobody has consumed, so whoever reads bounds it by giving up on a record in time.

use std::io::{self, ErrorKind, Read};

/// The buffer at the start, in bytes: large enough that a read costs nothing per record.
pub(crate) const INITIAL_BYTES: usize = 256 << 10;

/// Bytes of a stream, read but not consumed.
#[derive(Debug)]
pub(crate) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// Bytes before this position are dropped as they are read.
    skip_to: u64,
    at_end: bool,
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// This many bytes.
    Data(usize),
    /// The stream is at its end.
    End,
    /// Nothing for now.
    Pending,
}

impl<R: Read> Window<R> {
    /// A window onto `source`, which stands at `offset`.
    pub(crate) fn new(source: R, offset: u64) -> Self {
        Self {
            source,
            buffer: vec![0; INITIAL_BYTES],
            start: 0,
            end: 0,
            offset,
            skip_to: offset,
            at_end: false,
        }
    }

    /// The bytes that were read and not consumed.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the stream [`Window::bytes`] starts.
    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where in the stream the next byte that counts is.
    pub(crate) fn position(&self) -> u64 {
        self.offset.max(self.skip_to)
    }

    /// Drops everything before `position`, in a stream that cannot seek: now and in later reads.
    pub(crate) fn skip_to(&mut self, position: u64) {
        self.skip_to = position;
        self.drop_skipped();
    }

    /// Whether the stream has no bytes behind those of the window.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// The stream.
    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    /// Drops bytes from the front.
    #[inline]
    pub(crate) fn consume(&mut self, bytes: usize) {
        assert!(
            bytes <= self.end - self.start,
            "only what was read can be consumed"
        );
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads once from the stream; keeps what is in the window.
    pub(crate) fn fill(&mut self) -> io::Result<Fill> {
        if self.at_end {
            return Ok(Fill::End);
        }
        self.make_room();
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(Fill::End);
                }
                Ok(bytes) => {
                    self.end += bytes;
                    self.drop_skipped();
                    return Ok(Fill::Data(bytes));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_pending(error.kind()) => return Ok(Fill::Pending),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets `seek` move the stream to `offset`; what is in the window is dropped.
    pub(crate) fn move_to(
        &mut self,
        offset: u64,
        seek: impl FnOnce(&mut R) -> io::Result<()>,
    ) -> io::Result<()> {
        seek(&mut self.source)?;
        (self.start, self.end) = (0, 0);
        (self.offset, self.skip_to) = (offset, offset);
        self.at_end = false;
        Ok(())
    }

    fn drop_skipped(&mut self) {
        let missing = self.skip_to.saturating_sub(self.offset);
        let available = self.bytes().len() as u64;
        self.consume(missing.min(available) as usize);
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

/// Whether a read that failed may be tried again later: a socket's time-out has either name.
fn is_pending(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
