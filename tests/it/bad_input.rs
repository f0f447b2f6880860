//! Whatever is wrong with what a user gives ends with one clear message, an exit code, and no output.
//!
//! Exit code 2 says that nothing ran: the command, the bundle or its graph cannot be used. Exit code 1
//! says that the job failed.

mod bundles;
mod graphs;
mod output;
mod records;

use std::path::Path;

use crate::harness::{Ended, Wasmill, assert_nothing_written, bundle};

/// Runs a guest from `input` to `output` and checks that it fails with these texts.
fn refused(guest: &str, [input, output]: [&Path; 2], code: i32, told: &[&str]) -> Ended {
    let args = [Path::new("--input"), input, Path::new("--output"), output];
    let ended = Wasmill::run_local(&bundle(guest), &[], args)
        .end()
        .with_code(code);
    ended.error_with(told);
    assert_nothing_written(output);
    ended
}

/// Says that a test cannot be done on this machine.
#[expect(clippy::print_stderr, reason = "the test's own report")]
fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}
