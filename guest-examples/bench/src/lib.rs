//! The benchmark workloads as ordinary guest code; `wasmill bench` runs them in the sandbox and, compiled
//! natively, without it.
//!
//! A generator's record `i` is a pure function of `i`, so both runs must add up to the same sums.

mod backpressure;
mod checkpoint;
mod keyed_count;
mod latency;
mod map_filter;
mod tumbling_window;
mod word_count;

use wasmill::GuestSink;
use wasmill::prelude::*;

/// Builds the pipeline that `--workload` names.
#[wasmill::job]
pub fn bench(env: &Env) -> Result<()> {
    let workload = env.arg("workload")?;
    env.name(format!("bench {workload}"));
    match workload.as_str() {
        "map-filter-boundary" => map_filter::boundary(env),
        "map-filter-fused" => map_filter::fused(env),
        "map-filter-exchange" => map_filter::exchange(env),
        "word-count" => word_count::word_count(env),
        "keyed-count" => keyed_count::keyed_count(env),
        "latency" => latency::latency(env),
        "tumbling-window" => tumbling_window::tumbling_window(env),
        "checkpoint" => checkpoint::checkpoint(env),
        "backpressure" => backpressure::backpressure(env),
        other => bail!("there is no workload `{other}`"),
    }
}

/// Adds up numbers of records; reports the sum as the counter `checksum`.
pub(crate) struct Sum<F> {
    of: F,
    sum: u64,
}

impl<F> Sum<F> {
    pub(crate) fn new(of: F) -> Self {
        Self { of, sum: 0 }
    }
}

impl<T: 'static, F: Fn(&T) -> u64 + 'static> GuestSink<T> for Sum<F> {
    fn write(&mut self, record: &T) -> Result<()> {
        self.sum = self.sum.wrapping_add((self.of)(record));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        wasmill::metrics::add("checksum", self.sum);
        Ok(())
    }
}
