//! Decoders of files that others have written, for fuzzing: they take any bytes and never panic.
//!
//! `tests/fuzz` calls them.

use std::path::Path;

use crate::cache;
use crate::contents::Contents;
use crate::limits::Limits;

/// The outside of a bundle, which is looked at before anything is compiled.
pub fn bundle(bytes: &[u8]) {
    // Either is fine.
    let _ = Contents::read(bytes, &Limits::default());
}

/// An entry of the cache of compiled code.
pub fn cache_entry(bytes: &[u8]) {
    // Either is fine.
    let _ = cache::checked(Path::new("entry"), bytes);
}
