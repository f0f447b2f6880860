//! Checks of columns that come from a guest, before anything else looks at them.
//!
//! Called first by every function of the backend and the timer service that takes columns. Invariant:
//! after a check all columns are well-formed and agree on the number of elements.

use wasmill_types::operator::{ChangeKind, Changes, Timers};
use wasmill_types::{BlobsView, TaskFailure};

/// Checks the columns of a `get`.
pub(crate) fn check_get(keys: BlobsView<'_>, sub_keys: BlobsView<'_>) -> Result<(), TaskFailure> {
    blobs("state.get", "keys", keys)?;
    blobs("state.get", "sub-keys", sub_keys)?;
    if sub_keys.is_empty() {
        return Ok(());
    }
    same_length("state.get", "sub-keys", sub_keys.len(), keys.len())
}

/// Checks the columns of a `write`, and that what a change does not use is empty.
pub(crate) fn check_changes(changes: &Changes<'_>) -> Result<(), TaskFailure> {
    let expected = changes.kinds.len();
    for (column, view) in [
        ("keys", changes.keys),
        ("sub-keys", changes.sub_keys),
        ("values", changes.values),
    ] {
        blobs("state.write", column, view)?;
        same_length("state.write", column, view.len(), expected)?;
    }
    for (index, &kind) in changes.kinds.iter().enumerate() {
        if kind != ChangeKind::Put && !changes.values.get(index).is_empty() {
            return Err(unused("value", index, kind));
        }
        if kind == ChangeKind::Clear && !changes.sub_keys.get(index).is_empty() {
            return Err(unused("sub-key", index, kind));
        }
    }
    Ok(())
}

/// Checks the columns of timers.
pub(crate) fn check_timers(call: &str, timers: &Timers) -> Result<(), TaskFailure> {
    for (column, view) in [
        ("keys", timers.keys.view()),
        ("namespaces", timers.namespaces.view()),
    ] {
        blobs(call, column, view)?;
        same_length(call, column, view.len(), timers.times.len())?;
    }
    Ok(())
}

fn blobs(call: &str, column: &str, view: BlobsView<'_>) -> Result<(), TaskFailure> {
    match view.checked() {
        Ok(_) => Ok(()),
        Err(error) => Err(TaskFailure::Contract(format!(
            "`{call}` got a malformed column `{column}`: {error}"
        ))),
    }
}

fn same_length(call: &str, column: &str, len: usize, expected: usize) -> Result<(), TaskFailure> {
    if len == expected {
        return Ok(());
    }
    Err(TaskFailure::Contract(format!(
        "`{call}` got {len} elements in column `{column}` where the others have {expected}"
    )))
}

fn unused(part: &str, index: usize, kind: ChangeKind) -> TaskFailure {
    TaskFailure::Contract(format!(
        "`state.write` got a {part} for change {index}, which is a {kind:?} and has none"
    ))
}
