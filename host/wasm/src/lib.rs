//! The sandbox: bundles are checked, compiled and called here, and nowhere else is there WebAssembly.
//!
//! Follow a bundle: `contents` decides whether the file may be compiled, `cache` and `compiled` spare
//! the compilation, [`engine`] has the configuration, [`bundle`] puts it together. `describe` asks the
//! bundle for its graph, without a task (`no_task`). Follow a call: [`operator`] has the typed calls,
//! `instance` brackets them, `imports` answers what the guest asks, `guest` keeps the books that
//! [`limits`] bound, `trap` and `address_space` say what went wrong, `abi` has the shapes that cross the border.
//!
//! Invariants: a guest reaches nothing but the imports of `wit/`; whatever it does ends as a
//! `TaskFailure` of its own task, within its limits; columns are never copied on the way out of the
//! guest before the host takes them.

pub mod bundle;
pub mod engine;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
pub mod operator;

mod abi;
mod address_space;
mod cache;
mod compiled;
mod contents;
mod describe;
mod exports;
mod guest;
mod imports;
mod instance;
mod log;
mod memory;
mod metrics;
mod no_task;
mod text;
mod timer;
mod trap;

pub use bundle::{Bundle, BundleSource};
pub use engine::{CACHE_VARIABLE, Engine, EngineOptions};
pub use error::{BundleError, DescribeError};
pub use limits::Limits;
pub use operator::WasmOperator;
