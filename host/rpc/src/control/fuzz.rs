//! The decoder of the first stream of a control connection, for fuzzing.
//!
//! `tests/fuzz` calls them.

use super::hello::Hello;

/// A hello.
pub fn hello(bytes: &[u8]) {
    if let Some(hello) = Hello::decode(bytes) {
        let _ = hello.check(&hello, None);
    }
}
