//! Numbered records with a running count per key: whoever reads the output can tell whether each record took
//! effect exactly once, whatever happened to the cluster meanwhile.
//!
//! A source of its own makes the records `i = 0..N-1` and can go on from any position; record `i` has the key
//! `i mod K`, and the job counts the records of each key. Each output line is `i,key,count`. Without loss and
//! without duplicates every `i` stands there once, and the counts of a key are `1..n`. All records of a key
//! come from one split, in order, so the sorted output is the same in each run, whatever the parallelism.

use wasmill::prelude::*;
use wasmill::window::{Session, Tumbling};
use wasmill::{GuestSource, Poll};

/// The longest pause that a source makes up for, in milliseconds: after a restart it does not hurry.
const MAX_BACKLOG_MS: u64 = 100;

/// The numbers from `next` below `end` whose keys belong to a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// The next number.
    pub next: u64,
    /// No number is this or above.
    pub end: u64,
    /// How many keys there are.
    pub keys: u64,
    /// Which part: that of the keys which leave this rest.
    pub part: u64,
    /// How many parts there are.
    pub parts: u64,
    /// Until when records were due that have been made, in microseconds since the epoch: in milliseconds
    /// those of less than one would never count.
    pub made_until_us: i64,
}

/// Makes the numbers below `records`, `rate` per second in all; without end of the rate when it is 0.
#[derive(Debug)]
pub struct Ledger {
    records: u64,
    rate: u64,
    keys: u64,
}

impl GuestSource for Ledger {
    type Item = u64;
    type Split = Numbers;

    fn splits(&mut self, parallelism: u32) -> Result<Vec<Numbers>> {
        let parts = u64::from(parallelism.max(1)).min(self.keys);
        let split = |part| Numbers {
            next: part,
            end: self.records,
            keys: self.keys,
            part,
            parts,
            made_until_us: 0,
        };
        Ok((0..parts).map(split).collect())
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
            numbers.advance();
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
        // In 128 bits, because all of these are the user's.
        let share = u128::from(rate) * u128::from(self.own_keys());
        let per_record = 1_000_000 * u128::from(self.keys);
        let due = u128::from(passed) * share / per_record;
        let made = i64::try_from(due * per_record / share).unwrap_or(i64::MAX);
        self.made_until_us = since.saturating_add(made);
        u64::try_from(due).unwrap_or(u64::MAX)
    }

    /// When the next record is due.
    fn next_due_ms(&self, rate: u64) -> i64 {
        let share = u128::from(rate) * u128::from(self.own_keys());
        let pause = (1_000_000 * u128::from(self.keys)).div_ceil(share);
        let pause = i64::try_from(pause).unwrap_or(i64::MAX);
        let due_us = self.made_until_us.saturating_add(pause);
        due_us.saturating_add(999) / 1000
    }

    /// Goes to the next number whose key belongs to the part.
    fn advance(&mut self) {
        loop {
            self.next += 1;
            // There are no more parts than keys, so this ends soon.
            if self.next >= self.end || self.next % self.keys % self.parts == self.part {
                return;
            }
        }
    }

    /// How many keys the part has; at least one.
    fn own_keys(&self) -> u64 {
        (self.keys - self.part).div_ceil(self.parts)
    }
}

/// Takes as long as `rounds` of multiplication do, so that the counting can be made slower than the source.
fn busy(start: u64, rounds: u64) -> u64 {
    (0..rounds).fold(start, |number, round| {
        std::hint::black_box(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round)
    })
}

/// Times at which the program panics, for tests of what becomes of its job. Each time comes once, so a job that
/// is restarted gets on.
#[derive(Debug)]
struct Crashes {
    times: Vec<i64>,
    /// Until when no panic was due; absent before the first record.
    checked: Option<i64>,
}

impl Crashes {
    fn at(times: Vec<i64>) -> Self {
        let checked = None;
        Self { times, checked }
    }

    /// Panics when one of the times has come since the first record. Without any the clock is not asked.
    fn check(&mut self) {
        if self.times.is_empty() {
            return;
        }
        let now = wasmill::now();
        if let Some(time) = self.due(now) {
            panic!("time {time} has come");
        }
    }

    /// The first time that has come since the first record.
    fn due(&mut self, now: i64) -> Option<i64> {
        let since = self.checked.replace(now)?;
        let mut times = self.times.iter();
        times.find(|time| (since + 1..=now).contains(time)).copied()
    }
}

/// Reads times with commas between them.
fn times(text: &str) -> Result<Vec<i64>> {
    let times = text.split(',').filter(|time| !time.is_empty());
    times.map(|time| Ok(time.parse()?)).collect()
}

/// What the records of a ledger are, and how they are counted.
#[derive(Debug)]
struct Settings {
    records: u64,
    rate: u64,
    keys: u64,
    work: u64,
    panic_at: Vec<i64>,
}

/// Makes `--records` numbers, `--rate` per second in all (0, the default: as fast as can be), counts them by
/// one of `--keys` keys (default 10), with `--work` rounds of needless work for each (default 0), and writes
/// `i,key,count` to the directory `--output`. The counting panics at each of the times `--panic-at` (in
/// milliseconds since the epoch, with commas between them; default none) that it is running. With a directory
/// `--second` the job does the same once more, into it, with operators and slots that have nothing to do with
/// the first. With `--window MILLIS` it counts in windows instead.
#[wasmill::job]
pub fn ledger(env: &Env) -> Result<()> {
    env.name("ledger");
    let settings = Settings {
        records: env.arg_as("records")?,
        rate: env.arg_or("rate", 0)?,
        keys: env.arg_or("keys", 10)?,
        work: env.arg_or("work", 0)?,
        panic_at: times(&env.arg_or("panic-at", String::new())?)?,
    };
    if settings.keys == 0 {
        wasmill::bail!("`--keys` must be at least 1");
    }
    if let Some(millis) = env.arg_opt("window")? {
        return windows(env, &settings, millis, env.arg("output")?);
    }
    count(env, &settings, "", env.arg("output")?);
    if let Some(output) = env.arg_opt("second")? {
        count(env, &settings, "-2", output);
    }
    Ok(())
}

/// One ledger; what is its own in a job of two ends as `suffix` says.
fn count(env: &Env, settings: &Settings, suffix: &str, output: String) {
    let named = |name: &str| format!("{name}{suffix}");
    let group = named("ledger");
    let (keys, work) = (settings.keys, settings.work);
    let panic_at = settings.panic_at.clone();
    let source = Ledger {
        records: settings.records,
        rate: settings.rate,
        keys,
    };
    env.guest_source(source)
        .name(named("records"))
        .uid(named("records"))
        .slot_sharing_group(group.clone())
        .key_by(move |i| i % keys)
        .process(move |states| {
            let counts = states.value::<u64>("count");
            let mut crashes = Crashes::at(panic_at.clone());
            move |i: u64, cx, out| {
                crashes.check();
                std::hint::black_box(busy(i, work));
                let count = counts.get()?.unwrap_or_default() + 1;
                counts.set(count);
                out.emit(format!("{i},{},{count}", cx.key()));
                Ok(())
            }
        })
        .name(named("count"))
        .uid(named("count"))
        .slot_sharing_group(group.clone())
        .sink(File::lines(output))
        .name(named("entries"))
        .uid(named("entries"))
        .slot_sharing_group(group);
}

/// Record `i` happens at millisecond `i`: counts the records of each key in windows and in sessions of event
/// time, in which there are open windows and pending timers all the time.
fn windows(env: &Env, settings: &Settings, millis: u64, output: String) -> Result<()> {
    let keys = settings.keys;
    let source = Ledger {
        records: settings.records,
        rate: settings.rate,
        keys,
    };
    let strategy = WatermarkStrategy::monotonous().timestamps(|i: &u64| *i as i64);
    // All parts of a key's sequence but each tenth belong together.
    let breaks = move |i: &u64| match i / keys % 10 {
        9 => wasmill::time::millis(1),
        _ => wasmill::time::millis(keys + keys / 2),
    };
    let timed = env
        .guest_source(source)
        .uid("records")
        .assign_timestamps_and_watermarks(strategy)
        .shared();
    let keyed = || timed.clone().key_by(move |i| i % keys);
    let line = |kind: &'static str| {
        move |key: &u64,
              window: wasmill::window::Window,
              count: u64,
              out: &mut wasmill::Collector<'_, String>| {
            out.emit(format!(
                "{kind},{key},{},{},{count}",
                window.start, window.end
            ));
            Ok(())
        }
    };
    let tumbling = Tumbling::of(wasmill::time::millis(millis));
    let tumbling = keyed()
        .window(tumbling)
        .aggregate_with(Count, line("window"))
        .uid("windows");
    let sessions = Session::with_dynamic_gap(breaks);
    let sessions = keyed()
        .window(sessions)
        .aggregate_with(Count, line("session"))
        .uid("sessions");
    tumbling
        .union(sessions)
        .sink(File::lines(output))
        .uid("lines");
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
    fn a_second_ledger_has_the_same_entries() {
        let args = ["--records", "20", "--output", "any", "--second", "other"];
        let outcome = Job::new(ledger).args(args).run().unwrap();
        assert_eq!(outcome.lines("entries").len(), 20);
        assert_eq!(outcome.lines("entries"), outcome.lines("entries-2"));
    }

    #[test]
    fn every_number_is_in_one_split_with_all_others_of_its_key() {
        for (keys, parallelism) in [(1, 3), (3, 2), (7, 3), (10, 2), (10, 4)] {
            let mut ledger = Ledger {
                records: 100,
                rate: 0,
                keys,
            };
            let mut split_of = vec![None; 100];
            for (index, mut split) in ledger.splits(parallelism).unwrap().into_iter().enumerate() {
                while split.next < split.end {
                    let i = split.next as usize;
                    assert_eq!(split_of[i].replace(index), None, "{i} came twice");
                    split.advance();
                }
            }
            for i in 0..100 {
                let of_key = split_of[i % keys as usize];
                assert!(
                    split_of[i].is_some() && split_of[i] == of_key,
                    "{i} of {keys}"
                );
            }
        }
    }

    #[test]
    fn only_a_time_that_comes_between_two_records_is_one_to_panic_at() {
        let mut crashes = Crashes::at(times("5,20").unwrap());
        let due = [10, 19, 20, 21].map(|now| crashes.due(now));
        assert_eq!(due, [None, None, Some(20), None]);
        assert!(times("5,x").is_err());
    }

    #[test]
    fn records_are_due_at_the_rate_and_a_long_pause_is_not_made_up_for() {
        let mut numbers = Numbers {
            next: 0,
            end: 100,
            keys: 10,
            part: 0,
            parts: 2,
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
            keys: 10,
            part: 0,
            parts: 2,
            made_until_us: 1_000_000,
        };
        // Each millisecond twice, for a source may be polled sooner than it asked for.
        let polls = (1_000..=2_000).flat_map(|now_ms| [now_ms, now_ms]);
        let made: u64 = polls.map(|now_ms| numbers.due(3_000, now_ms)).sum();
        assert!((1_499..=1_500).contains(&made), "{made}");
    }
}
