//! Measures the memory backend on a million rows: `cargo run --release -p wasmill-state --example
//! million_rows`. Prints nanoseconds per key for batches of a thousand random keys, of the best of ten passes
//! where the work can be repeated, for other programs disturb it.

#![expect(clippy::print_stdout, reason = "a measurement that a person starts")]

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_state::{KeyedBackend, MemoryBackend, Options, OwnedGroups, TimerService};
use wasmill_types::operator::{ChangeKind, Changes, TimeDomain, Timers};
use wasmill_types::{Blobs, BlobsView};

const ROWS: u32 = 1_000_000;
const BATCH: usize = 1_000;
const BATCHES: usize = 200;
const PASSES: usize = 10;

fn main() {
    let mut random = SmallRng::seed_from_u64(1);
    for (name, parallelism) in [("only subtask", 1), ("one of two", 2)] {
        let groups = OwnedGroups::new(0, parallelism, 128);
        let mut owned: Vec<Key> = (0..ROWS * parallelism)
            .map(key)
            .filter(|k| groups.check(k).is_ok())
            .collect();
        for i in (1..owned.len()).rev() {
            owned.swap(i, random.random_range(0..=i));
        }
        let mut backend = MemoryBackend::new(groups, &Options::default());
        let inserted = measure(&columns(owned.chunks(BATCH)), |keys| {
            put(&mut backend, keys, 1);
        });
        report(name, "insert", inserted, owned.len());
        let mut random_batches = || {
            let mut batch = || {
                (0..BATCH)
                    .map(|_| owned[random.random_range(0..owned.len())])
                    .collect()
            };
            let batches: Vec<Vec<Key>> = (0..BATCHES).map(|_| batch()).collect();
            columns(batches.iter().map(Vec::as_slice))
        };
        let got = best(&random_batches(), |keys| {
            let found = backend.get(0, keys.view(), BlobsView::default());
            assert!(found.is_ok_and(|found| found.present.iter().all(|p| *p)));
        });
        report(name, "get", got, BATCHES * BATCH);
        let written = best(&random_batches(), |keys| put(&mut backend, keys, 2));
        report(name, "overwrite", written, BATCHES * BATCH);
    }
    timers(&mut random);
}

type Key = [u8; 12];

fn key(n: u32) -> Key {
    let mut key = *b"word-0000000";
    let digits = format!("{n:07}");
    key[5..].copy_from_slice(digits.as_bytes());
    key
}

fn put(backend: &mut MemoryBackend, keys: &Blobs, value: u64) {
    let value = value.to_le_bytes();
    let count = keys.ends.len();
    let values: Blobs = (0..count).map(|_| &value[..]).collect();
    let sub_keys: Blobs = (0..count).map(|_| &[][..]).collect();
    let changes = Changes {
        kinds: vec![ChangeKind::Put; count],
        keys: keys.view(),
        sub_keys: sub_keys.view(),
        values: values.view(),
    };
    backend.write(0, &changes).expect("the rows fit");
}

fn columns<'a>(batches: impl Iterator<Item = &'a [Key]>) -> Vec<Blobs> {
    let columns = |batch: &[Key]| batch.iter().map(|key| &key[..]).collect();
    batches.map(columns).collect()
}

fn measure(batches: &[Blobs], call: impl FnMut(&Blobs)) -> Duration {
    let start = now();
    batches.iter().for_each(call);
    start.elapsed()
}

fn best(batches: &[Blobs], mut call: impl FnMut(&Blobs)) -> Duration {
    let passes = (0..PASSES).map(|_| measure(batches, &mut call));
    passes.min().expect("there is at least one pass")
}

fn timers(random: &mut SmallRng) {
    let mut service = TimerService::new(OwnedGroups::new(0, 1, 128), &Options::default());
    let batches: Vec<Timers> = (0..ROWS)
        .step_by(BATCH)
        .map(|first| {
            let keys: Vec<_> = (first..first + BATCH as u32).map(key).collect();
            Timers {
                times: keys
                    .iter()
                    .map(|_| random.random_range(0..1 << 40))
                    .collect(),
                keys: keys.iter().map(|key| &key[..]).collect(),
                namespaces: keys.iter().map(|_| &[][..]).collect(),
            }
        })
        .collect();
    let start = now();
    for batch in &batches {
        service
            .register(TimeDomain::Event, batch)
            .expect("they fit");
    }
    report("timers", "register", start.elapsed(), ROWS as usize);
    let start = now();
    let mut fired = 0;
    while !service.is_empty() {
        fired += service.due(TimeDomain::Event, i64::MAX, BATCH).times.len();
    }
    report("timers", "due", start.elapsed(), fired);
}

fn report(what: &str, operation: &str, time: Duration, count: usize) {
    let nanos = time.as_nanos() as f64 / count as f64;
    println!("{what:>13} {operation:>9}: {nanos:6.1} ns each of {count}");
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement needs the machine's clock"
    )]
    Instant::now()
}
