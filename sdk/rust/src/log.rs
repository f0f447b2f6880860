//! Lines for the job's log.
//!
//! Called by programs; the macros take what `format!` takes. Invariant: a line costs a call to the host,
//! which drops lines that come too fast and counts them.
//!
//! ```
//! use wasmill::log;
//! use wasmill::prelude::*;
//!
//! fn job(env: &Env) -> Result<()> {
//!     let numbers = env.guest_source(generate(3, |i| i));
//!     numbers.inspect(|n| log::info!("got {n}")).discard();
//!     Ok(())
//! }
//!
//! let outcome = wasmill::testing::Job::new(job).run()?;
//! assert_eq!(outcome.logs()[2], (log::Level::Info, "got 2".to_owned()));
//! # wasmill::Result::<()>::Ok(())
//! ```

pub use crate::bindings::wasmill::dataflow::context::Level;

/// Writes one line.
pub fn line(level: Level, message: &str) {
    crate::host::log(level, message);
}

/// A person must look. Takes what `format!` takes.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_error {
    ($($part:tt)*) => {
        $crate::log::line($crate::log::Level::Error, &::std::format!($($part)*))
    };
}

/// Unexpected, but handled. Takes what `format!` takes.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_warn {
    ($($part:tt)*) => {
        $crate::log::line($crate::log::Level::Warn, &::std::format!($($part)*))
    };
}

/// A change of state worth knowing. Takes what `format!` takes.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_info {
    ($($part:tt)*) => {
        $crate::log::line($crate::log::Level::Info, &::std::format!($($part)*))
    };
}

/// For finding faults. Takes what `format!` takes.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_debug {
    ($($part:tt)*) => {
        $crate::log::line($crate::log::Level::Debug, &::std::format!($($part)*))
    };
}

#[doc(inline)]
pub use {__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};
