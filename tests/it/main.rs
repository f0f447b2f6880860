//! Tests of the whole project: its rules, and the program as a user runs it.
//!
//! [`tidy`] and [`bindings`] read the sources. The others build guests from source and run the real
//! `wasmill` through [`harness`]; what they check is what a user sees: exit codes, messages, files.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod bad_input;
mod bench;
mod bindings;
mod cli;
mod cluster;
mod examples;
mod harness;
mod hostile;
mod nexmark;
mod tidy;
mod word_count;
