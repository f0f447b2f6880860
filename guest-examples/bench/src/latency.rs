//! Keys counted as in `keyed_count`, with records that come when they are due.
//!
//! A guest's clock tells milliseconds, so the host makes the records and looks at the time when they come out.

use wasmill::connector::Custom;
use wasmill::prelude::*;

use crate::map_filter::fixed;

/// A key, its count so far, and of the newest record its number within its split and when it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paced {
    #[serde(with = "fixed")]
    key: i64,
    #[serde(with = "fixed")]
    count: i64,
    #[serde(with = "fixed")]
    number: i64,
    #[serde(with = "fixed")]
    due_ns: i64,
}

/// Counts per key after a shuffle; the stamps of the newest record pass through.
pub(crate) fn latency(env: &Env) -> Result<()> {
    let number = |name| env.arg_as::<u64>(name);
    let records = Custom::postcard("bench")
        .option("workload", "latency")
        .option("records", number("records")?)
        .option("keys", number("keys")?)
        .option("rate", number("rate")?);
    let measured = Custom::postcard("bench").option("skip", number("skip")?);
    env.source::<Paced, _>(records)
        .key_by(|record| record.key)
        .reduce(|before, newest| Paced {
            count: before.count + newest.count,
            ..newest
        })
        .sink(measured);
    Ok(())
}
