//! Metrics of a job's own, per subtask.
//!
//! Called by programs. Invariant: each call goes to the host at once, so count in a local variable where a
//! record costs only nanoseconds.
//!
//! ```
//! use wasmill::metrics;
//! use wasmill::prelude::*;
//!
//! fn job(env: &Env) -> Result<()> {
//!     let numbers = env.guest_source(generate(3, |i| i));
//!     let sized = numbers.inspect(|n| {
//!         metrics::add("seen", 1);
//!         metrics::set("last", *n as f64);
//!         metrics::record("sizes", *n as f64);
//!     });
//!     sized.discard();
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(job).run()?;
//! assert_eq!(outcome.counter("seen"), 3);
//! assert_eq!(outcome.gauge("last"), Some(2.0));
//! assert_eq!(outcome.histogram("sizes"), [0.0, 1.0, 2.0]);
//! # wasmill::Result::<()>::Ok(())
//! ```

/// Adds to a counter.
pub fn add(counter: &str, delta: u64) {
    crate::host::counter_add(counter, delta);
}

/// Sets a gauge.
pub fn set(gauge: &str, value: f64) {
    crate::host::gauge_set(gauge, value);
}

/// Adds a value to a histogram.
pub fn record(histogram: &str, value: f64) {
    crate::host::histogram_record(histogram, value);
}
