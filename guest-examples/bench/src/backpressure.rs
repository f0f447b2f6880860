//! A sink that is far slower than what comes before it, so that every channel is full.

use wasmill::GuestSink;
use wasmill::prelude::*;

use crate::map_filter::mix;

/// Counts keys, and hands the counts to a sink that computes `--work` numbers for each. Barriers overtake
/// nothing between subtasks that belong together, so the edges are exchanges.
pub(crate) fn backpressure(env: &Env) -> Result<()> {
    let keys: u64 = env.arg_as("keys")?;
    let work: u64 = env.arg_as("work")?;
    env.guest_source(generate(env.arg_as("records")?, move |i| {
        (mix(i) % keys, 1)
    }))
    .key_by(|(key, _)| *key)
    .reduce(|(key, count), (_, more): (u64, u64)| (key, count + more))
    .rebalance()
    .sink_with(Slow { work, count: 0 });
    Ok(())
}

/// Takes its time.
struct Slow {
    work: u64,
    count: u64,
}

impl GuestSink<(u64, u64)> for Slow {
    fn write(&mut self, (key, count): &(u64, u64)) -> Result<()> {
        let mut number = key ^ count;
        for _ in 0..self.work {
            number = mix(number);
        }
        // The compiler cannot leave out what the sum depends on.
        self.count += 1 + (number == 0) as u64;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        wasmill::metrics::add("checksum", self.count);
        Ok(())
    }
}
