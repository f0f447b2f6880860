//! One running instance as the host sees it: the store's data, with the host side of the contract and
//! the books on what the guest has used.
//!
//! `instance` makes one per instance and brackets every call with [`Guest::begin`] and [`Guest::end`];
//! `imports` borrow the host side from it while the guest waits. Invariant: during an import the host
//! side is outside the store, so that it can work on slices of guest memory without a copy, and it is
//! back when the import returns.

use std::time::Duration;

use wasmill_actor::{CancelToken, Clock};
use wasmill_types::TaskFailure;
use wasmill_types::operator::{LogLevel, OperatorHost};
use wasmtime::{StoreContext, StoreContextMut, UpdateDeadline};

use crate::limits::Limits;
use crate::log::LogGate;
use crate::memory::MemoryGate;
use crate::metrics::{Admission, MetricNames};
use crate::text;
use crate::timer::CallTimer;

/// The data of a store.
pub(crate) struct Guest<H> {
    /// Away during an import.
    side: Option<Box<HostSide<H>>>,
    limits: Limits,
    clock: Clock,
    cancel: CancelToken,
    call: Call,
    /// What the store's limiter asks.
    pub(crate) memory: MemoryGate,
}

/// The host, and what stands between it and the guest's texts.
pub(crate) struct HostSide<H> {
    pub(crate) host: H,
    log: LogGate,
    metrics: MetricNames,
    /// The last line that the guest logged as an error in this call: a panic says there what a trap
    /// cannot.
    last_error: Option<String>,
}

/// What is known about the running call.
#[derive(Default)]
struct Call {
    timer: CallTimer,
    deadline: Deadline,
    emitted_bytes: u64,
}

/// How much processor time a call may use, and under which name that is configured.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadline {
    pub(crate) limit: &'static str,
    pub(crate) after: Duration,
}

impl<H> Guest<H> {
    pub(crate) fn new(host: H, limits: &Limits, clock: &Clock, cancel: CancelToken) -> Self {
        let side = HostSide {
            host,
            log: LogGate::new(limits.log_bytes_per_second, clock.monotonic()),
            metrics: MetricNames::new(limits),
            last_error: None,
        };
        Self {
            side: Some(Box::new(side)),
            limits: limits.clone(),
            clock: clock.clone(),
            cancel,
            call: Call::default(),
            memory: MemoryGate::new(limits),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The host side.
    ///
    /// # Panics
    /// During an import, when it is away; its own thread is then inside the import.
    pub(crate) fn side(&mut self) -> &mut HostSide<H> {
        self.side
            .as_mut()
            .expect("between imports the host is here")
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, deadline: Deadline) {
        self.call = Call {
            deadline,
            ..Call::default()
        };
        self.memory.begin();
        self.side().last_error = None;
    }

    /// The last line that the running call logged as an error.
    pub(crate) fn last_error(&self) -> Option<&str> {
        self.side.as_ref()?.last_error.as_deref()
    }

    /// Counts what a call emits: a batch with this many records and bytes.
    pub(crate) fn count_emitted(
        &mut self,
        records: usize,
        bytes: usize,
    ) -> Result<(), TaskFailure> {
        let (records, bytes) = (records as u64, bytes as u64);
        let limits = &self.limits;
        self.call.emitted_bytes += bytes;
        let (limit, message) = if bytes > limits.batch_bytes {
            let message = format!(
                "a batch of {records} records with {bytes} bytes was emitted, {} bytes are allowed",
                limits.batch_bytes
            );
            (Limits::BATCH, message)
        } else if records > u64::from(limits.batch_records) {
            let allowed = limits.batch_records;
            let message =
                format!("a batch of {records} records was emitted, {allowed} are allowed");
            (Limits::BATCH_RECORDS, message)
        } else if self.call.emitted_bytes > limits.emitted_bytes {
            let allowed = limits.emitted_bytes;
            (
                Limits::EMITTED,
                format!("one call emitted more than {allowed} bytes"),
            )
        } else {
            return Ok(());
        };
        Err(TaskFailure::Limit { limit, message })
    }

    /// A tick of the epoch during a call: whether it may go on.
    fn tick(&mut self) -> Result<(), TaskFailure> {
        if self.cancel.is_cancelled() {
            return Err(TaskFailure::Cancelled);
        }
        let ran = self.call.timer.tick(self.clock.thread_time());
        let Deadline { limit, after } = self.call.deadline;
        if ran < after {
            return Ok(());
        }
        let message = format!("one call ran for {ran:.1?}, {after:?} are allowed");
        Err(TaskFailure::Limit { limit, message })
    }
}

impl<H: OperatorHost> Guest<H> {
    /// A call has ended, well or not.
    pub(crate) fn end(&mut self) -> Result<(), TaskFailure> {
        if !self.side().log.has_dropped() {
            return Ok(());
        }
        let now = self.clock.monotonic();
        let side = self.side();
        let dropped = side.log.report(now);
        side.report(dropped)
    }

    /// The instance has ended: nothing else will report.
    pub(crate) fn finish(&mut self) -> Result<(), TaskFailure> {
        let side = self.side();
        let dropped = side.log.last_report();
        side.report(dropped)
    }
}

impl<H: OperatorHost> HostSide<H> {
    /// Takes a line for the log: remembers errors, cuts, and drops what exceeds the rate.
    pub(crate) fn log(
        &mut self,
        level: LogLevel,
        line: &str,
        (limits, clock): (&Limits, &Clock),
    ) -> Result<(), TaskFailure> {
        let line = text::cut(line, limits.log_line_bytes as usize);
        if level == LogLevel::Error {
            self.last_error = Some(line.to_owned());
        }
        let now = clock.monotonic();
        let admitted = self.log.admit(line.len(), now);
        if self.log.has_dropped() {
            let dropped = self.log.report(now);
            self.report(dropped)?;
        }
        if admitted {
            self.host.log(level, line)
        } else {
            Ok(())
        }
    }

    /// The host, if a value for this metric is recorded.
    pub(crate) fn metric(
        &mut self,
        name: &str,
        books: (&Limits, &Clock),
    ) -> Result<Option<&mut H>, TaskFailure> {
        match self.metrics.admit(name) {
            Admission::Recorded => Ok(Some(&mut self.host)),
            Admission::Ignored => Ok(None),
            Admission::IgnoredFirst(text) => {
                self.log(LogLevel::Warn, &text, books)?;
                Ok(None)
            }
        }
    }

    fn report(&mut self, dropped: Option<u64>) -> Result<(), TaskFailure> {
        match dropped {
            Some(1) => self.host.log(LogLevel::Warn, "1 log line dropped"),
            Some(lines) => self
                .host
                .log(LogLevel::Warn, &format!("{lines} log lines dropped")),
            None => Ok(()),
        }
    }
}

/// Answers an import: takes the host side out of the store and lets `answer` work with it and with the
/// guest's memory.
pub(crate) fn with_host<H: 'static, R>(
    store: &mut StoreContextMut<'_, Guest<H>>,
    answer: impl FnOnce(&mut HostSide<H>, &StoreContext<'_, Guest<H>>) -> Result<R, TaskFailure>,
) -> wasmtime::Result<R> {
    let Some(mut side) = store.data_mut().side.take() else {
        // A host that calls back into its own guest; the sandbox refuses that before it gets here.
        return Err(wasmtime::Error::msg(
            "an import was called during an import",
        ));
    };
    let answered = answer(&mut side, &(&*store).into());
    store.data_mut().side = Some(side);
    answered.map_err(wasmtime::Error::new)
}

/// As [`with_host`] for an import that may wait for others, consumers or disks: the time is not the
/// guest's. Where the host only works for the guest it is, or a guest could keep it busy for ever.
pub(crate) fn with_waiting_host<H: 'static, R>(
    store: &mut StoreContextMut<'_, Guest<H>>,
    answer: impl FnOnce(&mut HostSide<H>, &StoreContext<'_, Guest<H>>) -> Result<R, TaskFailure>,
) -> wasmtime::Result<R> {
    let Guest { call, clock, .. } = store.data();
    let entered = call.timer.enter(|| clock.thread_time());
    let answered = with_host(store, answer);
    let Guest { call, clock, .. } = store.data_mut();
    call.timer.leave(entered, || clock.thread_time());
    answered
}

/// What a store does at a tick of the epoch.
pub(crate) fn on_tick<H>(
    mut store: StoreContextMut<'_, Guest<H>>,
) -> wasmtime::Result<UpdateDeadline> {
    store.data_mut().tick().map_err(wasmtime::Error::new)?;
    Ok(UpdateDeadline::Continue(1))
}
