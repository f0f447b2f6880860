//! A bundle's code without Wasm: the same runtime, compiled natively, behind the same calls.
//!
//! Used by [`crate::testing`] and by programs that compare the sandbox with native code. The host is
//! lent to the thread for the length of a call, because on Wasm it is ambient too. Invariant: outside a
//! call no host is installed, and host functions then panic with a message that says so.

use std::any::Any;
use std::cell::RefCell;

use crate::env::Main;
pub use crate::host::{
    BadRecord, BadRecordPolicy, Batch, Blobs, ChangeKind, Changes, Failure, Level, OperatorState,
    OptionalBlobs, OutputEdge, Page, PollStatus, TaskContext, TimeDomain,
};
use crate::runtime::{News, Runtime};

/// What the imports of `wit/` are on Wasm.
///
/// A host that cannot do something remembers why and reports it after the call: native code cannot be
/// stopped in the middle.
pub trait Host: Any {
    /// See `output.emit`.
    fn emit(&mut self, output: u32, records: &Batch);
    /// See `output.emit-watermark`.
    fn emit_watermark(&mut self, time: i64);
    /// See `output.mark-idle`.
    fn mark_idle(&mut self);
    /// See `timers.register`.
    fn register_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    );
    /// See `timers.delete`.
    fn delete_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    );
    /// See `state.get`.
    fn state_get(&mut self, state: u32, keys: &Blobs, sub_keys: &Blobs) -> OptionalBlobs;
    /// See `state.write`.
    fn state_write(&mut self, state: u32, changes: &Changes);
    /// See `state.scan`.
    fn state_scan(&mut self, state: u32, key: &[u8], after: Option<&[u8]>, limit: u32) -> Page;
    /// See `context.now`.
    fn now(&mut self) -> i64;
    /// See `context.random`.
    fn random(&mut self) -> u64;
    /// See `context.log`.
    fn log(&mut self, level: Level, message: &str);
    /// See `context.counter-add`.
    fn counter_add(&mut self, name: &str, delta: u64);
    /// See `context.gauge-set`.
    fn gauge_set(&mut self, name: &str, value: f64);
    /// See `context.histogram-record`.
    fn histogram_record(&mut self, name: &str, value: f64);
}

thread_local! {
    static HOST: RefCell<Option<Box<dyn Host>>> = const { RefCell::new(None) };
}

/// Runs `call` with the host of the current call.
#[cfg_attr(
    target_arch = "wasm32",
    expect(dead_code, reason = "on Wasm the host is imported")
)]
pub(crate) fn with_host<R>(call: impl FnOnce(&mut dyn Host) -> R) -> R {
    HOST.with_borrow_mut(|host| {
        let host = host
            .as_mut()
            .expect("host functions are called while a task or a test runs");
        call(host.as_mut())
    })
}

/// One subtask of a job, run natively.
pub struct Instance {
    runtime: Runtime,
    host: Option<Box<dyn Host>>,
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

impl Instance {
    /// Builds the operators that `context` names.
    ///
    /// # Errors
    /// When the program fails, or does not have these operators.
    pub fn open(main: Main, context: TaskContext, host: Box<dyn Host>) -> Result<Self, Failure> {
        let (runtime, host) = lend(host, || Runtime::open(main, context));
        let host = Some(host);
        Ok(Self {
            runtime: runtime?,
            host,
        })
    }

    /// The host that was handed over.
    pub fn host(&mut self) -> &mut dyn Host {
        self.host
            .as_mut()
            .expect("the host is here between calls")
            .as_mut()
    }

    /// See `operator.process`.
    pub fn process(&mut self, input: u32, records: &Batch) -> Result<(), Failure> {
        lent(&mut self.host, || self.runtime.process(input, records))
    }

    /// See `operator.on-watermark`.
    pub fn on_watermark(&mut self, time: i64) -> Result<(), Failure> {
        lent(&mut self.host, || self.runtime.on_watermark(time))
    }

    /// See `operator.on-timers`.
    pub fn on_timers(
        &mut self,
        domain: TimeDomain,
        times: &[i64],
        keys: &Blobs,
        namespaces: &Blobs,
    ) -> Result<(), Failure> {
        let runtime = &mut self.runtime;
        lent(&mut self.host, || {
            runtime.on_timers(domain, times, keys, namespaces)
        })
    }

    /// See `operator.end-of-input`.
    pub fn end_of_input(&mut self, input: u32) -> Result<(), Failure> {
        lent(&mut self.host, || self.runtime.end_of_input(input))
    }

    /// See `operator.snapshot`.
    pub fn snapshot(&mut self) -> Result<Vec<OperatorState>, Failure> {
        lent(&mut self.host, || self.runtime.snapshot())
    }

    /// See `operator.checkpoint-complete`.
    pub fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<(), Failure> {
        let news = News::Complete(checkpoint);
        lent(&mut self.host, || self.runtime.told(news))
    }

    /// See `operator.checkpoint-aborted`.
    pub fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<(), Failure> {
        let news = News::Aborted(checkpoint);
        lent(&mut self.host, || self.runtime.told(news))
    }

    /// See `source.assign`.
    pub fn assign(&mut self, splits: &Blobs) -> Result<(), Failure> {
        lent(&mut self.host, || self.runtime.assign(splits))
    }

    /// See `source.poll`.
    pub fn poll(&mut self, max_records: u32) -> Result<PollStatus, Failure> {
        lent(&mut self.host, || self.runtime.poll(max_records))
    }

    /// See `source.snapshot`.
    pub fn snapshot_splits(&mut self) -> Result<Blobs, Failure> {
        lent(&mut self.host, || self.runtime.snapshot_splits())
    }
}

/// See `source.splits`; needs no instance.
///
/// # Errors
/// When the program fails, or the operator is not a source.
pub fn splits(
    main: Main,
    args: &[String],
    operator: u32,
    parallelism: u32,
) -> Result<Blobs, Failure> {
    Runtime::splits(main, args, operator, parallelism)
}

/// See `job.describe`.
///
/// # Errors
/// The program's error, as a text.
pub fn describe(
    main: Main,
    args: &[String],
) -> Result<crate::bindings::exports::wasmill::dataflow::job::JobGraph, String> {
    crate::env::describe(main, crate::env::UNNAMED, args)
}

/// Lends a host to this thread while `call` runs.
pub(crate) fn lend<R>(host: Box<dyn Host>, call: impl FnOnce() -> R) -> (R, Box<dyn Host>) {
    /// Takes the host back even if the call panics.
    struct Loan;

    impl Drop for Loan {
        fn drop(&mut self) {
            HOST.take();
        }
    }

    HOST.set(Some(host));
    let loan = Loan;
    let result = call();
    let host = HOST.take();
    drop(loan);
    (result, host.expect("nobody but the lender takes it back"))
}

/// As [`lend`] with the host of an instance.
fn lent<R>(slot: &mut Option<Box<dyn Host>>, call: impl FnOnce() -> R) -> R {
    let host = slot.take().expect("the host is here between calls");
    let (result, host) = lend(host, call);
    *slot = Some(host);
    result
}
