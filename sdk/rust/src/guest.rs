//! The exports of `wit/` on Wasm: they find the one runtime of the instance and call it.
//!
//! Written out in the user's crate by `#[wasmill::job]` through [`export_job!`](crate::export_job).

use std::cell::RefCell;

use crate::env::Main;
use crate::host::{Batch, Blobs, Failure, Level, OperatorState, PollStatus, TaskContext};
use crate::runtime::{News, Runtime};
use crate::timers::TimeDomain;

thread_local! {
    static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

/// See `job.describe`; the job has this name unless the program says another.
pub fn describe(
    main: Main,
    name: &str,
    args: &[String],
) -> Result<crate::bindings::exports::wasmill::dataflow::job::JobGraph, String> {
    log_panics();
    crate::env::describe(main, name, args)
}

/// See `operator.open`.
pub fn open(main: Main, context: TaskContext) -> Result<(), Failure> {
    log_panics();
    let runtime = Runtime::open(main, context)?;
    RUNTIME.set(Some(runtime));
    Ok(())
}

/// See `source.splits`.
pub fn splits(
    main: Main,
    args: &[String],
    operator: u32,
    parallelism: u32,
) -> Result<Blobs, Failure> {
    log_panics();
    Runtime::splits(main, args, operator, parallelism)
}

/// See `operator.process`.
pub fn process(input: u32, records: &Batch) -> Result<(), Failure> {
    with(|runtime| runtime.process(input, records))
}

/// See `operator.on-timers`.
pub fn on_timers(
    domain: TimeDomain,
    times: &[i64],
    keys: &Blobs,
    namespaces: &Blobs,
) -> Result<(), Failure> {
    with(|runtime| runtime.on_timers(domain, times, keys, namespaces))
}

/// See `operator.on-watermark`.
pub fn on_watermark(time: i64) -> Result<(), Failure> {
    with(|runtime| runtime.on_watermark(time))
}

/// See `operator.snapshot`.
pub fn snapshot() -> Result<Vec<OperatorState>, Failure> {
    with(|runtime| runtime.snapshot())
}

/// See `operator.checkpoint-complete`.
pub fn checkpoint_complete(checkpoint: u64) -> Result<(), Failure> {
    with(|runtime| runtime.told(News::Complete(checkpoint)))
}

/// See `operator.checkpoint-aborted`.
pub fn checkpoint_aborted(checkpoint: u64) -> Result<(), Failure> {
    with(|runtime| runtime.told(News::Aborted(checkpoint)))
}

/// See `operator.end-of-input`.
pub fn end_of_input(input: u32) -> Result<(), Failure> {
    with(|runtime| runtime.end_of_input(input))
}

/// See `operator.close`.
pub fn close() {
    RUNTIME.set(None);
}

/// See `source.assign`.
pub fn assign(splits: &Blobs) -> Result<(), Failure> {
    with(|runtime| runtime.assign(splits))
}

/// See `source.poll`.
pub fn poll(max_records: u32) -> Result<PollStatus, Failure> {
    with(|runtime| runtime.poll(max_records))
}

/// See `source.snapshot`.
pub fn snapshot_splits() -> Result<Blobs, Failure> {
    with(|runtime| runtime.snapshot_splits())
}

fn with<R>(call: impl FnOnce(&mut Runtime) -> Result<R, Failure>) -> Result<R, Failure> {
    RUNTIME.with_borrow_mut(|runtime| match runtime {
        Some(runtime) => call(runtime),
        None => Err(Failure::Other(
            "`operator.open` has not been called".to_owned(),
        )),
    })
}

/// Panic messages go nowhere on this target unless the host is told.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        crate::host::log(Level::Error, &info.to_string());
    }));
}

/// Exports the contract of `wit/` with `main` as the program of a job with this name.
#[macro_export]
#[doc(hidden)]
macro_rules! export_job {
    ($main:path, $name:expr) => {
        const _: () = {
            // The compiler reports the first symbol of a crate that is there twice, and this one comes
            // before the contract's own, which say nothing to whoever marks two functions.
            #[unsafe(export_name = "#[wasmill::job]: only one function of a crate may have it")]
            static ONE_JOB: u8 = 0;

            use $crate::bindings::exports::wasmill::dataflow::{job, operator, source};

            struct Bundle;

            impl job::Guest for Bundle {
                fn describe(
                    args: ::std::vec::Vec<::std::string::String>,
                ) -> ::std::result::Result<job::JobGraph, ::std::string::String> {
                    $crate::guest::describe($main, $name, &args)
                }
            }

            type Outcome<T = ()> = ::std::result::Result<T, operator::Failure>;

            impl operator::Guest for Bundle {
                fn open(context: operator::TaskContext) -> Outcome {
                    $crate::guest::open($main, context)
                }
                fn process(input: u32, records: operator::Batch) -> Outcome {
                    $crate::guest::process(input, &records)
                }
                fn on_timers(
                    domain: operator::TimeDomain,
                    times: ::std::vec::Vec<i64>,
                    keys: operator::Blobs,
                    namespaces: operator::Blobs,
                ) -> Outcome {
                    $crate::guest::on_timers(domain, &times, &keys, &namespaces)
                }
                fn on_watermark(time: i64) -> Outcome {
                    $crate::guest::on_watermark(time)
                }
                fn snapshot(_checkpoint: u64) -> Outcome<::std::vec::Vec<operator::OperatorState>> {
                    $crate::guest::snapshot()
                }
                fn checkpoint_complete(checkpoint: u64) -> Outcome {
                    $crate::guest::checkpoint_complete(checkpoint)
                }
                fn checkpoint_aborted(checkpoint: u64) -> Outcome {
                    $crate::guest::checkpoint_aborted(checkpoint)
                }
                fn end_of_input(input: u32) -> Outcome {
                    $crate::guest::end_of_input(input)
                }
                fn close() {
                    $crate::guest::close()
                }
            }

            impl source::Guest for Bundle {
                fn splits(
                    args: ::std::vec::Vec<::std::string::String>,
                    operator: u32,
                    parallelism: u32,
                ) -> Outcome<source::Blobs> {
                    $crate::guest::splits($main, &args, operator, parallelism)
                }
                fn assign(splits: source::Blobs) -> Outcome {
                    $crate::guest::assign(&splits)
                }
                fn poll(max_records: u32) -> Outcome<source::PollStatus> {
                    $crate::guest::poll(max_records)
                }
                fn snapshot() -> Outcome<source::Blobs> {
                    $crate::guest::snapshot_splits()
                }
            }

    $crate::bindings::export!(Bundle with_types_in $crate::bindings);
        };
    };
}
