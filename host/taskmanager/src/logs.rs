//! The last lines that the tasks of a job have logged.
//!
//! Tasks write, the executor reads when the JobManager asks. Invariant: a job's lines never take more
//! than [`MAX_LINES`] and [`MAX_BYTES`]; the oldest go first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmill_rpc::protocol::LogLine;

/// The most lines that are kept of a job.
pub(crate) const MAX_LINES: usize = 1_000;

/// The most bytes of text that are kept of a job: a line of the sandbox has at most 4 KiB.
pub(crate) const MAX_BYTES: usize = 256 << 10;

/// The lines of one job.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Log {
    /// Keeps a line.
    pub(crate) fn push(&self, line: LogLine) {
        let mut kept = self.lines();
        kept.bytes += line.message.len();
        kept.lines.push_back(line);
        while kept.lines.len() > MAX_LINES || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.lines.pop_front() else {
                break;
            };
            kept.bytes -= oldest.message.len();
        }
    }

    /// The last lines, oldest first.
    pub(crate) fn last(&self, count: u32) -> Vec<LogLine> {
        let kept = self.lines();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let skipped = kept.lines.len().saturating_sub(count);
        kept.lines.iter().skip(skipped).cloned().collect()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nothing panics under this lock that would leave the count wrong.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine {
            at_ms: 0,
            task: "map (1/1)".to_owned(),
            level: "INFO".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_last_lines_are_kept_within_their_bounds() {
        let long = "x".repeat(MAX_BYTES / 4);
        for (pushed, asked, kept) in [
            (vec!["a", "b", "c"], 2, vec!["b", "c"]),
            (vec!["a"], 0, vec![]),
            (vec!["a"], u32::MAX, vec!["a"]),
            (vec!["a", &long, &long, &long, &long], 9, vec![&long; 4]),
            (vec!["a"; MAX_LINES + 5], u32::MAX, vec!["a"; MAX_LINES]),
        ] {
            let log = Log::default();
            pushed.iter().for_each(|message| log.push(line(message)));
            let found: Vec<_> = log
                .last(asked)
                .into_iter()
                .map(|line| line.message)
                .collect();
            assert!(found == kept, "{} of {}", found.len(), pushed.len());
        }
    }
}
