//! The records of a key that wait for others, by their time.
//!
//! A value of keyed state, as the windows of a key are: looked at without copies, written whole. It is as large as
//! event time lets it be, which is what the operators' timers see to.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::Result;

use crate::codec::Record;
use crate::state::ValueState;

/// Records by time; those of one time in the order in which they came.
pub(super) type ByTime<T> = BTreeMap<i64, Vec<T>>;

/// Adds a record.
pub(super) fn add<T: Record>(state: &ValueState<ByTime<T>>, time: i64, record: T) -> Result<()> {
    state.entry(|value| {
        let waiting = value.get_or_insert_default();
        waiting.entry(time).or_default().push(record);
    })
}

/// Visits the records of some time, in order.
pub(super) fn each<T: Record>(
    state: &ValueState<ByTime<T>>,
    times: RangeInclusive<i64>,
    mut visit: impl FnMut(i64, &T) -> Result<()>,
) -> Result<()> {
    if times.is_empty() {
        return Ok(());
    }
    state.read(|value| {
        let Some(waiting) = value else { return Ok(()) };
        for (time, records) in waiting.range(times) {
            for record in records {
                visit(*time, record)?;
            }
        }
        Ok(())
    })?
}

/// Takes out the records up to a time.
pub(super) fn take_until<T: Record>(state: &ValueState<ByTime<T>>, time: i64) -> Result<ByTime<T>> {
    let first = state.read(|value| value.and_then(|it| it.first_key_value().map(|it| *it.0)))?;
    if first.is_none_or(|first| first > time) {
        return Ok(ByTime::new());
    }
    state.entry(|value| {
        let mut taken = value.take().unwrap_or_default();
        let kept = match time.checked_add(1) {
            Some(next) => taken.split_off(&next),
            None => ByTime::new(),
        };
        *value = Some(kept).filter(|kept| !kept.is_empty());
        taken
    })
}
