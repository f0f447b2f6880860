//! Decoders of what the other side of a control connection sends, for fuzzing: they take any bytes and never
//! panic.
//!
//! `tests/fuzz` calls them.

use serde::de::DeserializeOwned;

use crate::call::frame::decode;
use crate::protocol::{LogLine, Prepared, Registered, SplitData, ToJobManager, ToTaskManager};

pub use crate::control::fuzz::hello;

/// A message, or an answer, of the kind that the first byte says.
pub fn message(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind % 6 {
        0 => read::<ToJobManager>(bytes),
        1 => read::<ToTaskManager>(bytes),
        2 => read::<Registered>(bytes),
        3 => read::<Prepared>(bytes),
        4 => read::<Option<SplitData>>(bytes),
        _ => read::<Vec<LogLine>>(bytes),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) {
    // Either is fine.
    let _ = decode::<T>("message", bytes);
}
