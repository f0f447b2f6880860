//! Bids that come up to a second late, counted and added up per auction in windows of ten seconds.

use wasmill::prelude::*;
use wasmill::time::secs;
use wasmill::window::Tumbling;
use wasmill::{GuestSource, Poll};

use crate::Sum;
use crate::map_filter::mix;

/// How many bids happen in a second of event time, over all splits.
const PER_SECOND: u64 = 100_000;

/// The time of the first bid of each split.
const FIRST_TIME: i64 = 1_700_000_000_000;

/// An auction, who bids, how much, and when.
type Bid = (u64, u64, u64, i64);

/// Makes the bids; each split has a timeline of its own, beside those of the others.
struct Bids {
    count: u64,
    octaves: u64,
}

/// A split: the index of its first bid, those that are left, and how many happen in a second.
#[derive(Debug, Serialize, Deserialize)]
struct Indices {
    first: u64,
    next: u64,
    end: u64,
    per_second: u64,
}

/// A number below 2^octaves − 1, of which the `k`th is about as likely as 1/(k + 1).
fn zipfish(h: u64, octaves: u64) -> u64 {
    let octave = ((h >> 32) * octaves) >> 32;
    let mask = (1 << octave) - 1;
    mask + (h & mask)
}

impl GuestSource for Bids {
    type Item = Bid;
    type Split = Indices;

    fn splits(&mut self, parallelism: u32) -> Result<Vec<Indices>> {
        let parts = u64::from(parallelism.max(1));
        let bound =
            |part: u64| (u128::from(self.count) * u128::from(part) / u128::from(parts)) as u64;
        let split = |part| Indices {
            first: bound(part),
            next: bound(part),
            end: bound(part + 1),
            per_second: (PER_SECOND / parts).max(1),
        };
        Ok((0..parts).map(split).collect())
    }

    #[inline]
    fn poll(&mut self, split: &mut Indices, max: u32, emit: &mut impl FnMut(Bid)) -> Result<Poll> {
        let end = split.end.min(split.next.saturating_add(u64::from(max)));
        for i in split.next..end {
            let h = mix(i);
            let passed = (i - split.first) * 1000 / split.per_second;
            let late = (h >> 54) % 1000;
            emit((
                zipfish(h, self.octaves),
                (h >> 17) & 0xF_FFFF,
                (h >> 40) % 10_000 + 100,
                FIRST_TIME + passed as i64 - late as i64,
            ));
        }
        split.next = end;
        Ok(match end == split.end {
            true => Poll::Finished,
            false => Poll::More,
        })
    }
}

/// How many bids there were, and the sum of their prices.
struct Totals;

impl Aggregate<Bid> for Totals {
    type Accumulator = (u64, u64);
    type Out = (u64, u64);

    fn create(&self) -> (u64, u64) {
        (0, 0)
    }

    fn add(&self, (count, sum): &mut (u64, u64), (_, _, price, _): Bid) {
        *count += 1;
        *sum += price;
    }

    fn result(&self, totals: &(u64, u64)) -> (u64, u64) {
        *totals
    }

    fn merge(&self, (count, sum): &mut (u64, u64), other: (u64, u64)) {
        *count += other.0;
        *sum += other.1;
    }
}

/// Adds up `--records` bids for 2^`--octaves` auctions per auction and ten seconds.
pub(crate) fn tumbling_window(env: &Env) -> Result<()> {
    let octaves: u64 = env.arg_as("octaves")?;
    ensure!(
        (1..=32).contains(&octaves),
        "`--octaves` must be from 1 to 32"
    );
    let count = env.arg_as("records")?;
    let strategy =
        WatermarkStrategy::bounded_out_of_orderness(secs(1)).timestamps(|(.., time): &Bid| *time);
    env.guest_source(Bids { count, octaves })
        .assign_timestamps_and_watermarks(strategy)
        .key_by(|(auction, ..)| *auction)
        .window(Tumbling::of(secs(10)))
        .aggregate_with(Totals, |auction, window, (count, sum), out| {
            out.emit((*auction, window.end, count, sum));
            Ok(())
        })
        .sink_with(Sum::new(|(_, end, count, sum): &(u64, i64, u64, u64)| {
            end.cast_unsigned()
                .wrapping_mul(31)
                .wrapping_add(count.wrapping_mul(1_000_003))
                .wrapping_add(*sum)
        }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_keys_are_more_frequent_and_none_is_too_large() {
        let keys: Vec<u64> = (0..100_000).map(|i| zipfish(mix(i), 17)).collect();
        assert!(keys.iter().all(|key| *key < (1 << 17) - 1));
        let zeros = keys.iter().filter(|key| **key == 0).count();
        assert!((5_000..7_000).contains(&zeros), "{zeros}");
    }
}
