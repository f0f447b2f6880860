//! The decoder of what a peer sends first on a connection, for fuzzing: it takes any bytes and never panics.
//!
//! `tests/fuzz` calls them.

use super::greeting::Greeting;

/// A greeting.
pub fn greeting(bytes: &[u8]) {
    if let Some(greeting) = Greeting::decode(bytes) {
        let _ = greeting.mismatch(&greeting);
    }
}
