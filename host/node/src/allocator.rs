//! The allocator of the whole process: its C interface replaces the system's, so RocksDB's memory comes from it
//! too.
//!
//! What is freed goes back to the system at once, and no huge pages are taken (a feature of the crate): a process
//! must stay within the memory that its configuration gives it, and an idle one is small.

use std::ffi::c_long;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc's header, for which the crate has no name.
const PURGE_DELAY: mi_option_t = 15;
/// In milliseconds.
const AT_ONCE: c_long = 0;

/// Says how memory is given back; the first thing that a process does. `MIMALLOC_PURGE_DELAY` says otherwise.
#[expect(
    unsafe_code,
    reason = "mimalloc has no safe interface to its options, which are otherwise only variables of the environment"
)]
pub(crate) fn configure() {
    // SAFETY: it stores a number, and is not safe only while other threads set options; there are none yet.
    unsafe { mi_option_set_default(PURGE_DELAY, AT_ONCE) };
}
