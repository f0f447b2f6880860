//! The types of what states keep, found out by asking their `Deserialize`, and written as `wit/job.wit` has
//! them.
//!
//! Called for each state when a job is described, never while it runs. Invariant: equal types have equal
//! descriptions; a type that cannot be found out has none, which is then said by `_`.

mod node;
mod tracer;

use serde::de::DeserializeOwned;

/// The longest description that the host takes, in bytes.
const MAX_BYTES: usize = 8192;
/// A type that is not known.
const UNKNOWN: &str = "_";

/// The description of a type.
pub(crate) fn of<T: DeserializeOwned>() -> String {
    tracer::trace::<T>().map_or_else(|| UNKNOWN.to_owned(), |node| node.to_string())
}

/// The description of a map's keys and values.
pub(crate) fn of_map<K: DeserializeOwned, V: DeserializeOwned>() -> String {
    format!("Map<{}, {}>", of::<K>(), of::<V>())
}

/// The description of a state: what is kept, for a key if there is one. None when nothing of it is known, or
/// it is too long.
pub(crate) fn of_state(key: Option<&str>, value: &str) -> Option<String> {
    let text = match key {
        Some(key) => format!("{key} -> {value}"),
        None => value.to_owned(),
    };
    let is_known = key.is_some_and(|key| key != UNKNOWN) || value != UNKNOWN;
    (is_known && text.len() <= MAX_BYTES).then_some(text)
}

#[cfg(test)]
mod tests;
