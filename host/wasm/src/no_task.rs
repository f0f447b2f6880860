//! The host of an instance that is not part of a task: it describes a job or divides a source's input.
//!
//! `describe` makes one per call. Invariant: it gives every instance the same answers, so that the same
//! arguments lead to the same graph, and lets nothing happen that needs a task.

use wasmill_types::TaskFailure;
use wasmill_types::batch::{BatchView, BlobsView};
use wasmill_types::operator::{
    Changes, LogLevel, OperatorHost, OptionalBlobs, Page, TimeDomain, Timers,
};

use crate::limits::DESCRIBE_LOG_LINES;
use crate::text;

/// Where the numbers of `context.random` start: they are the same for everybody.
const SEED: u64 = 0x5741_534d_494c_4c00;

/// A host without a task.
pub(crate) struct NoTask {
    /// The function that was called, for errors.
    during: &'static str,
    /// The state of SplitMix64.
    random: u64,
    lines: usize,
}

impl NoTask {
    pub(crate) fn new(during: &'static str) -> Self {
        Self {
            during,
            random: SEED,
            lines: 0,
        }
    }

    fn refuse<T>(&self, import: &str) -> Result<T, TaskFailure> {
        let during = self.during;
        Err(TaskFailure::Contract(format!(
            "it called `{import}` during `{during}`, where there is no task; do that in an operator"
        )))
    }
}

impl OperatorHost for NoTask {
    fn emit(&mut self, _: u32, _: BatchView<'_>) -> Result<(), TaskFailure> {
        self.refuse("output.emit")
    }

    fn emit_watermark(&mut self, _: i64) -> Result<(), TaskFailure> {
        self.refuse("output.emit-watermark")
    }

    fn mark_idle(&mut self) -> Result<(), TaskFailure> {
        self.refuse("output.mark-idle")
    }

    fn state_get(
        &mut self,
        _: u32,
        _: BlobsView<'_>,
        _: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        self.refuse("state.get")
    }

    fn state_write(&mut self, _: u32, _: Changes<'_>) -> Result<(), TaskFailure> {
        self.refuse("state.write")
    }

    fn state_scan(
        &mut self,
        _: u32,
        _: &[u8],
        _: Option<&[u8]>,
        _: u32,
    ) -> Result<Page, TaskFailure> {
        self.refuse("state.scan")
    }

    fn register_timers(&mut self, _: TimeDomain, _: Timers) -> Result<(), TaskFailure> {
        self.refuse("timers.register")
    }

    fn delete_timers(&mut self, _: TimeDomain, _: Timers) -> Result<(), TaskFailure> {
        self.refuse("timers.delete")
    }

    /// The beginning of the epoch: the time of the submission is no part of a program.
    fn now(&mut self) -> i64 {
        0
    }

    /// Numbers that look random and are the same every time.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The first lines go to the log of the process; there is no job yet that could have one.
    fn log(&mut self, level: LogLevel, message: &str) -> Result<(), TaskFailure> {
        if self.lines < DESCRIBE_LOG_LINES {
            self.lines += 1;
            let line = text::escaped_lines(message);
            tracing::info!(during = self.during, ?level, line, "the bundle says");
        }
        Ok(())
    }

    /// Metrics of a program that processes nothing mean nothing; that is no reason to fail.
    fn counter_add(&mut self, _: &str, _: u64) {}

    fn gauge_set(&mut self, _: &str, _: f64) {}

    fn histogram_record(&mut self, _: &str, _: f64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instance_sees_the_same_time_and_the_same_numbers() {
        let observe = || {
            let mut host = NoTask::new("describe");
            (host.now(), [host.random(), host.random()])
        };
        let (now, [first, second]) = observe();
        assert_eq!(now, 0);
        assert_ne!(first, second);
        assert_eq!(observe(), (now, [first, second]));
    }
}
