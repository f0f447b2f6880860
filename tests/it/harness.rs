//! What the tests stand on: the checkout, golden files, guests built from source, and the program.
//!
//! Invariant: nothing that a test runs is older than the sources; what takes long to build is built once
//! per run of the tests, whichever process needs it first.

mod cluster;
mod golden;
mod guests;
mod mount;
mod network;
mod once;
mod output;
mod processes;
mod program;

use std::path::Path;

pub(crate) use cluster::Cluster;
pub(crate) use golden::check_golden;
pub(crate) use guests::bundle;
pub(crate) use mount::SmallDisk;
pub(crate) use output::{assert_nothing_written, lines_of_parts, parts};
pub(crate) use processes::processes_of;
pub(crate) use program::{Ended, Running, Wasmill};

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("the tests are a directory of the checkout")
}
