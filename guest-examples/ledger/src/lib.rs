//! Numbered records with a running count per key: whoever reads the output can tell whether each record took
//! effect exactly once, whatever happened to the cluster meanwhile.
//!
//! A source of its own makes the records `i = 0..N-1` and can go on from any position; record `i` has the key
//! `i mod K`, and the job counts the records of each key. Each output line is `i,key,count`. Without loss and
//! without duplicates every `i` stands there once, and the counts of a key are `1..n`.

use wasmill::prelude::*;
use wasmill::{GuestSource, Poll};

/// The longest pause that a source makes up for, in milliseconds: after a restart it does not hurry.
const MAX_BACKLOG_MS: u64 = 100;

/// The numbers from `next` below `end`, every `step`-th.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The next number.
    pub next: u64,
    /// No number is this or above.
    pub end: u64,
    /// How far the next but one is from the next.
    pub step: u64,
    /// Until when records were due that have been made, in microseconds since the epoch: in milliseconds
    /// those of less than one would never count.
    pub made_until_us: i64,
}

/// Makes the numbers below `records`, `rate` per second in all; without end of the rate when it is 0.
#[derive(Debug)]
pub struct Ledger {
    records: u64,
    rate: u64,
}

impl GuestSource for Ledger {
    type Item = u64;
    type Split = Numbers;

    fn splits(&mut self, parallelism: u32) -> Result<Vec<Numbers>> {
        let step = u64::from(parallelism.max(1));
        let split = |next| Numbers {
            next,
            end: self.records,
            step,
            made_until_us: 0,
        };
        Ok((0..step).map(split).collect())
    }

    fn poll(
        &mut self,
        numbers: &mut Numbers,
        max: u32,
        emit: &mut impl FnMut(u64),
    ) -> Result<Poll> {
        let allowed = match self.rate {
            0 => u64::from(max),
            rate => numbers.due(rate, wasmill::now()).min(u64::from(max)),
        };
        for _ in 0..allowed {
            if numbers.next >= numbers.end {
                break;
            }
            emit(numbers.next);
            numbers.next += numbers.step;
        }
        if numbers.next >= numbers.end {
            return Ok(Poll::Finished);
        }
        match self.rate {
            0 => Ok(Poll::More),
            rate => Ok(Poll::IdleUntil(numbers.next_due_ms(rate))),
        }
    }
}

impl Numbers {
    /// How many records are due now, of `rate` per second over all splits; they count as made.
    fn due(&mut self, rate: u64, now_ms: i64) -> u64 {
        let now_us = now_ms.saturating_mul(1000);
        let longest = i64::try_from(MAX_BACKLOG_MS * 1000).unwrap_or(i64::MAX);
        let since = self.made_until_us.max(now_us.saturating_sub(longest));
        let passed = u64::try_from(now_us.saturating_sub(since)).unwrap_or(0);
        // A split makes every `step`-th record.
        let per_record = 1_000_000 * self.step;
        let due = passed.saturating_mul(rate) / per_record;
        let made = due.saturating_mul(per_record) / rate;
        self.made_until_us = since.saturating_add(i64::try_from(made).unwrap_or(i64::MAX));
        due
    }

    /// When the next record is due.
    fn next_due_ms(&self, rate: u64) -> i64 {
        let pause = (1_000_000 * self.step).div_ceil(rate);
        let due_us = self
            .made_until_us
            .saturating_add(i64::try_from(pause).unwrap_or(i64::MAX));
        due_us.saturating_add(999) / 1000
    }
}

/// Takes as long as `rounds` of multiplication do, so that the counting can be made slower than the source.
fn busy(start: u64, rounds: u64) -> u64 {
    (0..rounds).fold(start, |number, round| {
        std::hint::black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round)
    })
}

/// Makes `--records` numbers, `--rate` per second in all (0, the default: as fast as can be), counts them by
/// one of `--keys` keys (default 10), with `--work` rounds of needless work for each (default 0), and writes
/// `i,key,count` to the directory `--output`.
#[wasmill::job]
pub fn ledger(env: &Env) -> Result<()> {
    env.name("ledger");
    let source = Ledger {
        records: env.arg_as("records")?,
        rate: env.arg_or("rate", 0)?,
    };
    let work: u64 = env.arg_or("work", 0)?;
    let keys: u64 = env.arg_or("keys", 10)?;
    if keys == 0 {
        wasmill::bail!("`--keys` must be at least 1");
    }
    env.guest_source(source)
        .name("records")
        .uid("records")
        .key_by(move |i| i % keys)
        .process(|states| {
            let counts = states.value::<u64>("count");
            move |i: u64, cx, out| {
                std::hint::black_box(busy(i, work));
                let count = counts.get()?.unwrap_or_default() + 1;
                counts.set(count);
                out.emit(format!("{i},{},{count}", cx.key()));
                Ok(())
            }
        })
        .name("count")
        .uid("count")
        .sink(File::lines(env.arg("output")?))
        .name("entries")
        .uid("entries");
    Ok(())
}

#[cfg(test)]
mod tests {
    use wasmill::testing::Job;

    use super::*;

    #[test]
    fn each_record_is_entered_once_with_the_count_of_its_key() {
        let args = ["--records", "7", "--keys", "3", "--output", "any"];
        let outcome = Job::new(ledger).args(args).run().unwrap();
        let lines = outcome.lines("entries");
        let expected = [
            "0,0,1", "1,1,1", "2,2,1", "3,0,2", "4,1,2", "5,2,2", "6,0,3",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn records_are_due_at_the_rate_and_a_long_pause_is_not_made_up_for() {
        let mut numbers = Numbers {
            next: 0,
            end: 100,
            step: 2,
            made_until_us: 1_000_000,
        };
        for (now_ms, due) in [(1_000, 0), (1_010, 5), (1_011, 0), (1_012, 1), (9_012, 50)] {
            assert_eq!(numbers.due(1_000, now_ms), due, "{now_ms}");
        }
    }

    #[test]
    fn the_rate_holds_also_for_records_of_less_than_a_millisecond() {
        let mut numbers = Numbers {
            next: 0,
            end: 100_000,
            step: 2,
            made_until_us: 1_000_000,
        };
        // Each millisecond twice, for a source may be polled sooner than it asked for.
        let polls = (1_000..=2_000).flat_map(|now_ms| [now_ms, now_ms]);
        let made: u64 = polls.map(|now_ms| numbers.due(3_000, now_ms)).sum();
        assert!((1_499..=1_500).contains(&made), "{made}");
    }
}
