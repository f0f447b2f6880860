//! 64-bit keys, counted key by key; the newest stamps pass through.

use wasmill::prelude::*;

use crate::Sum;
use crate::map_filter::mix;

/// A key, its count so far, and two stamps of the newest record.
type Counted = (u64, u64, i64, i64);

/// Counts per key after a shuffle, and adds up the counts at the end.
pub(crate) fn keyed_count(env: &Env) -> Result<()> {
    let keys: u64 = env.arg_as("keys")?;
    env.guest_source(generate(env.arg_as("records")?, move |i| -> Counted {
        (mix(i) % keys, 1, i as i64, 1_700_000_000_000 + i as i64)
    }))
    .key_by(|(key, ..)| *key)
    .reduce(|(key, count, ..), (_, more, emitted, due)| (key, count + more, emitted, due))
    .sink_with(Sum::new(|(_, count, ..): &Counted| *count));
    Ok(())
}
