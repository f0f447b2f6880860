//! Lines for the job's log: `wasmill::log::info!("opened {path}")`.

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
