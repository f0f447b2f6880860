//! Everything between a guest crate's sources and a bundle that the engine can run.
//!
//! Callers: `wasmill build`, `wasmill new`, `wasmill bench`, and the tests, which build their guests from
//! source. Read in this order: [`build`] is the way from sources to bundle; it asks `guest` what the
//! crate is, `wasm_std` for a standard library, `guest` again to compile, and `component` to turn the
//! module into a component. `project` writes the crate that a newcomer starts from.
//!
//! Invariant: a bundle under its final name is complete, imports nothing but `wasmill:dataflow`, and was
//! made from the sources as they are now. Any number of builds may run at once.

mod bundle;
mod component;
mod error;
mod files;
mod guest;
mod process;
mod project;
mod wasm_std;

pub use bundle::{BuildOptions, Built, build};
pub use component::{ComponentError, PACKAGE, componentize};
pub use error::BuildError;
pub use project::{NewProjectError, SdkSource, new_project};
pub use wasm_std::{Attempt, NoWasmStd, StdOrigin, StdRoute, UnknownRoute};
