//! Write stream programs for Wasmill in Rust.
//!
//! A *job* is a function that builds a dataflow graph out of closures:
//!
//! ```
//! use wasmill::prelude::*;
//!
//! #[wasmill::job]
//! fn word_count(env: &Env) -> Result<()> {
//!     env.source(File::lines(env.arg("input")?))
//!         .flat_map(|line: String, out| line.split_whitespace().for_each(|w| out.emit(w.to_owned())))
//!         .key_by(|word| word.clone())
//!         .count()
//!         .sink(File::csv(env.arg("output")?));
//!     Ok(())
//! }
//! # wasmill::testing::describe(word_count, &["--input", "a", "--output", "b"]).unwrap();
//! ```
//!
//! `wasmill build` compiles the crate into a *bundle*, a WebAssembly component; `wasmill run --local`
//! runs it. [`testing`] runs the same function natively, inside `cargo test`.
//!
//! Invariants: the main function is run once to describe the graph and once in every subtask, and must
//! build the same graph for the same arguments; operators that are chained call each other as plain
//! function calls, and nothing is encoded between them; all calls to the host carry batches.

#![expect(
    missing_debug_implementations,
    reason = "types that hold the user's closures have nothing to show"
)]

#[expect(
    unsafe_code,
    missing_docs,
    warnings,
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
#[rustfmt::skip]
pub mod bindings;
#[cfg(all(target_arch = "wasm32", feature = "allocator"))]
mod alloc;
pub mod broadcast;
pub mod codec;
pub mod connect;
pub mod connector;
#[doc(hidden)]
pub mod emit;
pub mod env;
#[doc(hidden)]
pub mod guest;
mod host;
pub mod join;
pub mod keyed;
pub mod log;
#[cfg(all(
    target_arch = "wasm32",
    target_feature = "simd128",
    feature = "allocator"
))]
mod memory;
pub mod metrics;
pub mod native;
#[doc(hidden)]
pub mod pipe;
pub mod process;
mod reader;
#[doc(hidden)]
pub mod runtime;
mod schema;
pub mod source;
pub mod state;
pub mod stream;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod timers;
pub mod watermark;
pub mod window;

pub use anyhow::{Context, Error, Result, anyhow, bail, ensure};
pub use codec::{Decode, Encode, Record};
pub use connector::{Blackhole, Datagen, File, Print, Sink, Socket, Source};
pub use env::{Env, Main};
pub use host::{now, random};
pub use keyed::{Aggregate, Count, Key, KeyedProcess, KeyedStream};
pub use process::{Context as ProcessContext, KeyedContext, Process, SideOutput};
pub use source::{Generate, GuestSource, Poll, generate};
pub use stream::{BoxStream, Collector, GuestSink, SinkHandle, Stream};
pub use timers::{TimeDomain, Timer};
pub use wasmill_macros::job;
pub use watermark::{WatermarkGenerator, WatermarkStrategy};

/// What a program usually needs.
pub mod prelude {
    pub use crate::{
        Aggregate, Blackhole, Context as _, Count, Datagen, Env, File, Print, Result, Socket,
        Stream, WatermarkStrategy, bail, ensure, generate,
    };
    pub use serde::{Deserialize, Serialize};
}

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
