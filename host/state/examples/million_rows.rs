//! Measures the memory backend on a million rows: `cargo run --release -p wasmill-state --example
//! million_rows`. Prints nanoseconds of processor time per key for batches of a thousand random keys.
//! Linux only: it asks the kernel for the time that the thread really ran.

#![expect(clippy::print_stdout, reason = "a measurement that a person starts")]

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_state::{KeyedBackend, MemoryBackend, Options, OwnedGroups, TimerService};
use wasmill_types::operator::{ChangeKind, Changes, TimeDomain, Timers};
use wasmill_types::{Blobs, BlobsView};

const ROWS: u32 = 1_000_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 2_000;

fn main() {
    let mut random = SmallRng::seed_from_u64(1);
    for (name, parallelism) in [("only subtask", 1), ("checked owner", 2)] {
        let groups = OwnedGroups::new(0, parallelism, 128);
        let owned: Vec<[u8; 12]> = (0..ROWS * parallelism)
            .map(key)
            .filter(|k| groups.check(k).is_ok())
            .collect();
        let mut backend = MemoryBackend::new(groups, &Options::default());
        let mut shuffled = owned.clone();
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, random.random_range(0..=i));
        }
        let filled = measure(shuffled.chunks(BATCH), |keys| put(&mut backend, keys, 1));
        let rows = owned.len() as u32;
        report(name, "insert", filled, rows as usize);
        let mut batches = || {
            (0..ROUNDS)
                .map(|_| {
                    (0..BATCH)
                        .map(|_| owned[random.random_range(0..owned.len())])
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let asked = batches();
        let got = measure(asked.iter().map(Vec::as_slice), |keys| {
            let found = backend.get(0, keys.view(), BlobsView::default());
            assert!(found.is_ok_and(|found| found.present.iter().all(|p| *p)));
        });
        report(name, "get", got, ROUNDS * BATCH);
        let written = measure(batches().iter().map(Vec::as_slice), |keys| {
            put(&mut backend, keys, 2);
        });
        report(name, "overwrite", written, ROUNDS * BATCH);
    }
    timers(&mut random);
}

fn key(n: u32) -> [u8; 12] {
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

/// Times the calls only, not the making of their columns.
fn measure<'a>(
    batches: impl Iterator<Item = &'a [[u8; 12]]>,
    mut call: impl FnMut(&Blobs),
) -> Duration {
    let columns: Vec<Blobs> = batches
        .map(|batch| batch.iter().map(|key| &key[..]).collect())
        .collect();
    let start = processor_time();
    columns.iter().for_each(&mut call);
    processor_time() - start
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
    let start = processor_time();
    for batch in &batches {
        service
            .register(TimeDomain::Event, batch)
            .expect("they fit");
    }
    report(
        "timers",
        "register",
        processor_time() - start,
        ROWS as usize,
    );
    let start = processor_time();
    let mut fired = 0;
    while !service.is_empty() {
        fired += service.due(TimeDomain::Event, i64::MAX, BATCH).times.len();
    }
    report("timers", "due", processor_time() - start, fired);
}

fn report(what: &str, operation: &str, time: Duration, count: usize) {
    let nanos = time.as_nanos() as f64 / count as f64;
    println!("{what:>13} {operation:>9}: {nanos:6.1} ns each of {count}");
}

/// How long this thread has run on a processor, whoever else wanted it.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let nanos = stat.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("the first field is the time in nanoseconds"))
}
