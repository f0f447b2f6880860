//! Keyed state much larger than the cache: it comes and goes in small pieces, whatever a batch touches.

use std::collections::HashMap;

use wasmill::prelude::*;
use wasmill::testing::{Job, Outcome};

/// The largest piece of state that may be read at once where its size is known: more than an eighth of
/// the largest cache of these tests, and about one page of a list.
const READ_LIMIT: usize = 1200 << 10;
/// The same after a restart, when the first group of keys is fetched without knowing the size.
const RESTART_READ_LIMIT: usize = 4 << 20;

/// Runs a job with restarts, and checks that what it emits per key is what the model says.
fn check<R>(
    job: &Job,
    records: Vec<R>,
    cache_bytes: &[u64],
    model: impl Fn(&mut HashMap<u32, Vec<u64>>, &R),
) where
    R: Serialize + 'static,
{
    let mut expected = HashMap::new();
    records
        .iter()
        .for_each(|record| model(&mut expected, record));
    let job = job.clone().input("Source: file", records).parallelism(2);
    for &cache_bytes in cache_bytes {
        let job = job.clone().cache_bytes(cache_bytes).batch_bytes(32 << 10);
        let restarted = job.clone().restart_after(1).snapshot_after(2);
        for (job, limit) in [(job, READ_LIMIT), (restarted, RESTART_READ_LIMIT)] {
            let outcome: Outcome = job.run().expect("the job runs");
            let mut got: HashMap<u32, Vec<u64>> = HashMap::new();
            for (key, seen) in outcome.output::<(u32, u64)>("out") {
                got.entry(key).or_default().push(seen);
            }
            assert!(got == expected, "with a cache of {cache_bytes} bytes");
            let read = outcome.largest_state_read();
            assert!(read > 0, "the state is larger than the cache");
            assert!(read < limit, "{read} bytes were read at once");
        }
    }
}

/// The length of a value after a record, so that a sum over its bytes tells one from another.
fn grown(key: u32, count: u64) -> Vec<u8> {
    let length = 10_000 + (u64::from(key) * 7_919 + count * 31) % 90_000;
    vec![(u64::from(key) + count) as u8; length as usize]
}

#[test]
fn a_batch_may_touch_more_values_than_there_is_memory() {
    fn main(env: &Env) -> Result<()> {
        let keys = env.source(File::json_lines("x")).parallelism(1);
        let seen = keys.key_by(|key: &u32| *key).process(|states| {
            let (value, count) = (states.value::<Vec<u8>>("v"), states.value::<u64>("n"));
            move |key: u32, _, out| {
                let next = count.get()?.unwrap_or_default() + 1;
                let old = value.get()?.map_or(0, |bytes| bytes.len() as u64);
                count.set(next);
                value.set(grown(key, next));
                out.emit((key, old));
                Ok(())
            }
        });
        seen.sink(Blackhole).name("out");
        Ok(())
    }
    // All keys once, then all again: each record of the second half misses.
    let keys: Vec<u32> = (0..300).chain(0..300).chain((0..300).rev()).collect();
    let job = Job::new(main).batch_records(600);
    check(&job, keys, &[0, 2 << 20], |seen, key| {
        let lengths = seen.entry(*key).or_default();
        let count = lengths.len() as u64;
        lengths.push(if count == 0 {
            0
        } else {
            grown(*key, count).len() as u64
        });
    });
}

#[test]
fn a_list_is_appended_to_without_being_read() {
    fn main(env: &Env) -> Result<()> {
        let items = env.source(File::json_lines("x")).parallelism(1);
        let seen = items
            .key_by(|(key, _): &(u32, u64)| *key)
            .process(|states| {
                let list = states.list::<Vec<u8>>("l");
                move |(key, item): (u32, u64), _, out| {
                    let mut bytes = item.to_le_bytes().to_vec();
                    bytes.resize(1_000, 0);
                    list.add(bytes)?;
                    if item % 500 == 499 {
                        out.emit((
                            key,
                            list.read(|items| items.iter().map(|item| sum(item)).sum::<u64>())?,
                        ));
                    }
                    Ok(())
                }
            });
        seen.sink(Blackhole).name("out");
        Ok(())
    }
    let items: Vec<(u32, u64)> = (0..1_000)
        .flat_map(|item| (0..10).map(move |key| (key, item)))
        .collect();
    let job = Job::new(main).batch_records(3_300);
    check(&job, items, &[64 << 10, 2 << 20], |seen, (key, item)| {
        if item % 500 == 499 {
            let sums = (0..=*item).map(|item| sum(&item.to_le_bytes())).sum();
            seen.entry(*key).or_default().push(sums);
        }
    });
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte)).sum()
}

#[test]
fn appending_reads_lengths_only() {
    fn main(env: &Env) -> Result<()> {
        let items = env.source(File::json_lines("x")).parallelism(1);
        let seen = items.key_by(|item: &u64| item % 10).process(|states| {
            let list = states.list::<Vec<u8>>("l");
            move |item: u64, _, out| {
                list.add(vec![0; 1_000])?;
                out.emit(item);
                Ok(())
            }
        });
        seen.sink(Blackhole).name("out");
        Ok(())
    }
    let job = Job::new(main)
        .input("Source: file", 0..5_000_u64)
        .cache_bytes(16 << 10);
    let outcome = job.restart_after(2).run().unwrap();
    assert_eq!(outcome.output::<u64>("out").len(), 5_000);
    let read = outcome.largest_state_read();
    assert!((1..100).contains(&read), "{read} bytes were read at once");
}
