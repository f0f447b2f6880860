//! Standard error, shared by messages, the log and the progress line.
//!
//! `main` makes one; `telemetry` writes the log through it, `progress` draws through it. Invariant: the
//! progress line is always the last line, so whoever writes takes it away first, and it is drawn again
//! with the next update.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// To the line's start, and clear it.
const ERASE: &str = "\r\x1b[K";

/// Draws without wrapping: a wrapped line could not be erased.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// Standard error; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    is_terminal: bool,
    has_progress: Arc<Mutex<bool>>,
}

impl Screen {
    /// The process's standard error.
    pub(crate) fn new() -> Self {
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            is_terminal: io::stderr().is_terminal() && !is_dumb,
            has_progress: Arc::default(),
        }
    }

    /// Whether a person looks at it, on something that can erase lines.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Writes a line.
    pub(crate) fn say(&self, line: &str) {
        let mut has_progress = self.lock();
        // When nobody can be told, nobody can be told that either.
        let _ = write_above(&mut has_progress, format!("{line}\n").as_bytes());
    }

    /// Draws the progress line in place of the one before.
    pub(crate) fn draw(&self, line: &str) {
        let mut has_progress = self.lock();
        let _ = io::stderr().write_all(format!("{ERASE}{NO_WRAP}{line}{WRAP}").as_bytes());
        *has_progress = true;
    }

    /// Takes the progress line away.
    pub(crate) fn erase(&self) {
        let _ = write_above(&mut self.lock(), b"");
    }

    /// Takes the progress line away unless another thread is writing: that may take for ever, when nobody
    /// reads the other end of standard error.
    pub(crate) fn erase_if_free(&self) {
        if let Ok(mut has_progress) = self.has_progress.try_lock() {
            let _ = write_above(&mut has_progress, b"");
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A flag cannot be half-written.
        self.has_progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_above(has_progress: &mut bool, text: &[u8]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    if std::mem::take(has_progress) {
        stderr.write_all(ERASE.as_bytes())?;
    }
    stderr.write_all(text)
}

/// Writes events of the log; an event is one call of `write`.
impl Write for &Screen {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        write_above(&mut self.lock(), text).map(|()| text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}
