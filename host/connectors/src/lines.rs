//! Cuts a stream into lines: the `file` source (lines, JSON lines, single-line CSV) and the `socket`
//! source read through it.
//!
//! A reader of a byte range owns the lines that *start* in it. To find the first one it starts a byte
//! early and drops everything through the next newline, so a line that starts exactly at the range's
//! start is its own. Invariants: over ranges that cover a file without overlap every line comes exactly
//! once; the window never holds more than twice the longest line allowed (or its initial size).

use std::io::{self, Read};
use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter};

use crate::window::{Fill, Window};

/// Lines of a stream.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    window: Window<R>,
    mode: Mode,
    /// Bytes at the front of the window that hold no newline.
    scanned: usize,
    /// The longest line, in bytes.
    limit: usize,
    /// Lines that start here or later belong to others.
    end: u64,
}

/// What the bytes at the front of the window are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The rest of a line that belongs to the reader of the range before.
    Align,
    /// The start of a line.
    Line,
    /// The rest of a line that is too long and was reported.
    TooLong { start: u64 },
}

/// Why [`Lines::next`] came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The callback has enough.
    Enough,
    /// No complete line is left: [`Lines::fill`] first.
    NeedInput,
    /// The line that starts here exceeds the limit; the next call goes on behind it.
    TooLong {
        /// Its first byte's offset.
        start: u64,
    },
    /// All lines of the range have come.
    End,
}

impl<R: Read> Lines<R> {
    /// The lines of `window` that start before `end`, none longer than `limit` bytes. The window
    /// stands at the start of a line.
    pub(crate) fn new(window: Window<R>, limit: usize, end: u64) -> Self {
        Self {
            window,
            mode: Mode::Line,
            scanned: 0,
            limit,
            end,
        }
    }

    /// Drops everything through the next newline first.
    pub(crate) fn align(&mut self) {
        self.mode = Mode::Align;
    }

    /// Lines that start at `end` or later belong to others.
    pub(crate) fn set_end(&mut self, end: u64) {
        self.end = end;
    }

    /// Where the next line starts; `None` before the first one of the range is found.
    pub(crate) fn position(&self) -> Option<u64> {
        match self.mode {
            Mode::Align => None,
            Mode::Line => Some(self.window.position()),
            Mode::TooLong { start } => Some(start),
        }
    }

    /// The window, to be moved elsewhere; [`Lines`] then takes it to stand at the start of a line.
    pub(crate) fn window_mut(&mut self) -> &mut Window<R> {
        self.scanned = 0;
        self.mode = Mode::Line;
        &mut self.window
    }

    /// The window.
    pub(crate) fn window(&self) -> &Window<R> {
        &self.window
    }

    /// Reads once from the stream.
    pub(crate) fn fill(&mut self) -> io::Result<Fill> {
        self.window.fill()
    }

    /// Hands the lines that are in the window, without their ends (`\n` or `\r\n`), to `each`, with
    /// the offset of each line's first byte.
    pub(crate) fn next(&mut self, each: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> Step {
        if self.mode != Mode::Line && !self.drop_front() {
            return self.starved();
        }
        self.cut(each)
    }

    fn cut(&mut self, mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> Step {
        let base = self.window.offset();
        let bytes = self.window.bytes();
        let own = self.end.saturating_sub(base);
        let mut start = 0;
        let mut stop = None;
        for newline in memchr_iter(b'\n', &bytes[self.scanned..]) {
            if start as u64 >= own {
                break;
            }
            let line = &bytes[start..self.scanned + newline];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let offset = base + start as u64;
            start = self.scanned + newline + 1;
            if line.len() > self.limit {
                stop = Some(Step::TooLong { start: offset });
                break;
            }
            if each(offset, line).is_break() {
                stop = Some(Step::Enough);
                break;
            }
        }
        self.window.consume(start);
        self.scanned = 0;
        stop.unwrap_or_else(|| self.cut_unfinished(each))
    }

    /// What is in the window now has no newline, or belongs to others.
    fn cut_unfinished(&mut self, mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>) -> Step {
        let start = self.window.offset();
        if start >= self.end {
            return Step::End;
        }
        let line = self.window.bytes();
        // A `\r` that may be part of the line's end does not count.
        if line.len() > self.limit + 1 || (self.window.is_at_end() && line.len() > self.limit) {
            self.mode = Mode::TooLong { start };
            return Step::TooLong { start };
        }
        self.scanned = line.len();
        if !self.window.is_at_end() {
            return Step::NeedInput;
        }
        if line.is_empty() {
            return Step::End;
        }
        let flow = each(start, line);
        self.window.consume(self.scanned);
        self.scanned = 0;
        if flow.is_break() {
            Step::Enough
        } else {
            Step::End
        }
    }

    /// Drops what does not belong to a line of ours; whether the window now starts with one.
    fn drop_front(&mut self) -> bool {
        let available = self.window.bytes().len();
        let (bytes, found) = match self.mode {
            Mode::Line => return true,
            Mode::Align | Mode::TooLong { .. } => match memchr(b'\n', self.window.bytes()) {
                Some(newline) => (newline + 1, true),
                None => (available, false),
            },
        };
        self.window.consume(bytes);
        self.scanned = 0;
        if found {
            self.mode = Mode::Line;
        }
        found
    }

    fn starved(&self) -> Step {
        // No line of ours can start once the search for its start has passed the range's end.
        let passed = self.mode == Mode::Align && self.window.offset() >= self.end;
        if passed || self.window.is_at_end() {
            Step::End
        } else {
            Step::NeedInput
        }
    }
}

#[cfg(test)]
mod tests;
