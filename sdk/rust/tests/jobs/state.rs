//! Keyed state against a plain map, with caches much smaller than the state and restarts in between.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::de::DeserializeOwned;
use wasmill::prelude::*;
use wasmill::testing::Job;
use wasmill::{KeyedStream, Stream};

const KEYS: u32 = 2_000;
const OPERATIONS: usize = 12_000;

/// What a record does to the state of its key. The meaning of the numbers is the state's.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Operation {
    key: u32,
    what: u8,
    sub_key: u16,
    value: u64,
}

/// Operations of which a few keys get many.
fn operations(seed: u64) -> Vec<Operation> {
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..OPERATIONS)
        .map(|_| Operation {
            key: if rng.random_bool(0.2) {
                rng.random_range(0..5)
            } else {
                rng.random_range(0..KEYS)
            },
            what: rng.random_range(0..10),
            sub_key: rng.random_range(0..12),
            value: rng.random_range(0..1_000),
        })
        .collect()
}

/// The operations from one subtask, so that their order is known.
fn source(env: &Env) -> Stream<Operation> {
    let source = env.source(File::json_lines("x")).parallelism(1);
    source
        .map(|operation: Operation| operation)
        .parallelism(1)
        .boxed()
}

/// A job that emits the key and what `$apply` sees after each operation.
macro_rules! job {
    (|$states:ident| $setup:expr, |$state:ident, $operation:ident| $apply:expr) => {
        |env| {
            let keyed: KeyedStream<_, _, _> = source(env).key_by(|operation| operation.key);
            let seen = keyed.process(|$states| {
                let $state = $setup;
                move |$operation: Operation, cx, out| {
                    out.emit((*cx.key(), $apply));
                    Ok(())
                }
            });
            seen.sink(Blackhole).name("out");
            Ok(())
        }
    };
}

/// Runs random operations and compares what each key sees with what the model says.
fn check<M: Default, S>(main: wasmill::Main, model: impl Fn(&mut M, &Operation) -> S)
where
    S: DeserializeOwned + PartialEq + std::fmt::Debug,
{
    for (seed, cache_bytes, parallelism, batch_records) in [
        (1, 2 << 10, 1, 64),
        (2, 2 << 10, 3, 7),
        (3, 0, 2, 256),
        (4, 20 << 10, 2, 1_000),
        (5, 64 << 20, 1, 256),
    ] {
        let operations = operations(seed);
        let mut models: HashMap<u32, M> = HashMap::new();
        let mut expected: BTreeMap<u32, Vec<S>> = BTreeMap::new();
        for operation in &operations {
            let seen = model(models.entry(operation.key).or_default(), operation);
            expected.entry(operation.key).or_default().push(seen);
        }
        let job = Job::new(main)
            .input("Source: file", operations)
            .cache_bytes(cache_bytes)
            .parallelism(parallelism)
            .batch_records(batch_records);
        let batches = (OPERATIONS as u64).div_ceil(u64::from(batch_records));
        let restarted = job
            .clone()
            .snapshot_after(batches / 5)
            .restart_after(batches / 3)
            .snapshot_after(batches / 2)
            .restart_after(batches - 1);
        for (job, how) in [(job, "in one go"), (restarted, "with restarts")] {
            let outcome = job.run().expect("the job runs");
            let mut got: BTreeMap<u32, Vec<S>> = BTreeMap::new();
            for (key, seen) in outcome.output::<(u32, S)>("out") {
                got.entry(key).or_default().push(seen);
            }
            // Compared key by key: the whole is too much to read.
            assert_eq!(got.len(), expected.len(), "seed {seed}, {how}");
            for (key, seen) in &expected {
                assert_eq!(&got[key], seen, "key {key}, seed {seed}, {how}");
            }
        }
    }
}

#[test]
fn a_value_state_is_a_map_from_keys_to_values() {
    check(
        job!(|states| states.value::<u64>("v"), |state, operation| {
            match operation.what {
                0 => state.clear(),
                1..4 => state.set(operation.value),
                4..7 => state.entry(|value| *value.get_or_insert(0) += operation.value)?,
                7 => {
                    let taken = state.entry(Option::take)?;
                    state.set(taken.unwrap_or_default() * 2);
                }
                _ => {}
            }
            (state.get()?, state.exists()?)
        }),
        |model: &mut Option<u64>, operation| {
            match operation.what {
                0 => *model = None,
                1..4 => *model = Some(operation.value),
                4..7 => *model.get_or_insert(0) += operation.value,
                7 => *model = Some(model.unwrap_or_default() * 2),
                _ => {}
            }
            (*model, model.is_some())
        },
    );
}

#[test]
fn values_that_own_memory_come_back() {
    check(
        job!(|states| states.value::<String>("v"), |state, operation| {
            match operation.what {
                0 => state.clear(),
                1..6 => state.entry(|text| {
                    let text = text.get_or_insert_default();
                    *text += &operation.value.to_string();
                })?,
                _ => {}
            }
            state.get()?
        }),
        |model: &mut Option<String>, operation| {
            match operation.what {
                0 => *model = None,
                1..6 => *model.get_or_insert_default() += &operation.value.to_string(),
                _ => {}
            }
            model.clone()
        },
    );
}

#[test]
fn a_list_state_is_a_map_from_keys_to_lists() {
    check(
        job!(|states| states.list::<u64>("l"), |state, operation| {
            match operation.what {
                0 => state.clear()?,
                1 => state.update(vec![operation.value, 1, 2])?,
                2 => state.update(Vec::new())?,
                3 => {
                    let mut items = state.get()?;
                    items.reverse();
                    items.pop();
                    state.update(items)?;
                }
                4..8 => state.add(operation.value)?,
                _ => {}
            }
            (state.get()?, state.read(<[u64]>::len)?)
        }),
        |model: &mut Vec<u64>, operation| {
            match operation.what {
                0 | 2 => model.clear(),
                1 => *model = vec![operation.value, 1, 2],
                3 => {
                    model.reverse();
                    model.pop();
                }
                4..8 => model.push(operation.value),
                _ => {}
            }
            (model.clone(), model.len())
        },
    );
}

#[test]
fn a_map_state_is_a_map_from_keys_to_maps() {
    check(
        job!(|states| states.map::<u16, u64>("m"), |state, operation| {
            let mut entries = None;
            match operation.what {
                0 if operation.value < 300 => state.clear()?,
                1..5 => state.insert(operation.sub_key, operation.value)?,
                5 | 6 => state.remove(&operation.sub_key)?,
                7 => {
                    let mut all = state.entries()?;
                    all.sort_unstable();
                    entries = Some((all, state.is_empty()?));
                }
                _ => {}
            }
            let found = state.get(&operation.sub_key)?;
            (found, state.contains(&(operation.sub_key / 2))?, entries)
        }),
        |model: &mut BTreeMap<u16, u64>, operation| {
            let mut entries = None;
            match operation.what {
                0 if operation.value < 300 => model.clear(),
                1..5 => {
                    model.insert(operation.sub_key, operation.value);
                }
                5 | 6 => {
                    model.remove(&operation.sub_key);
                }
                7 => {
                    let all: Vec<(u16, u64)> = model.iter().map(|(k, v)| (*k, *v)).collect();
                    entries = Some((all, model.is_empty()));
                }
                _ => {}
            }
            let found = model.get(&operation.sub_key).copied();
            (found, model.contains_key(&(operation.sub_key / 2)), entries)
        },
    );
}

#[test]
fn reducing_and_aggregating_states_fold() {
    check(
        job!(
            |states| (
                states.reducing("r", |a: u64, b| a * 3 + b % 5),
                states.aggregating::<Operation, Count>("a", Count),
            ),
            |state, operation| {
                let (reducing, aggregating) = &state;
                match operation.what {
                    0 => reducing.clear(),
                    1 => aggregating.clear(),
                    2..6 => reducing.add(operation.value % 100)?,
                    6..9 => aggregating.add(operation)?,
                    _ => {}
                }
                (reducing.get()?.map(|n| n % 1_000_007), aggregating.get()?)
            }
        ),
        |(reduced, count): &mut (Option<u64>, Option<u64>), operation| {
            let value = operation.value % 100;
            match operation.what {
                0 => *reduced = None,
                1 => *count = None,
                2..6 => *reduced = Some(reduced.map_or(value, |known| known * 3 + value % 5)),
                6..9 => *count.get_or_insert(0) += 1,
                _ => {}
            }
            (reduced.map(|n| n % 1_000_007), *count)
        },
    );
}

#[test]
fn the_states_of_an_operator_do_not_touch_each_other() {
    check(
        job!(
            |states| (
                states.value::<u64>("v"),
                states.list::<u64>("l"),
                states.map::<u16, u64>("m"),
                states.value::<u64>("w"),
            ),
            |state, operation| {
                let (value, list, map, other) = &state;
                match operation.what {
                    0 => value.clear(),
                    1 => list.clear()?,
                    2 => map.clear()?,
                    3 => value.set(operation.value),
                    4 => list.add(operation.value)?,
                    5 => map.insert(operation.sub_key, operation.value)?,
                    6 => other.set(operation.value + 1),
                    _ => {}
                }
                let map = map.get(&operation.sub_key)?;
                (value.get()?, list.get()?, map, other.get()?)
            }
        ),
        |model: &mut (Option<u64>, Vec<u64>, BTreeMap<u16, u64>, Option<u64>), operation| {
            let (value, list, map, other) = model;
            match operation.what {
                0 => *value = None,
                1 => list.clear(),
                2 => map.clear(),
                3 => *value = Some(operation.value),
                4 => list.push(operation.value),
                5 => {
                    map.insert(operation.sub_key, operation.value);
                }
                6 => *other = Some(operation.value + 1),
                _ => {}
            }
            let found = map.get(&operation.sub_key).copied();
            (*value, list.clone(), found, *other)
        },
    );
}

#[test]
fn long_lists_and_maps_are_read_in_pages() {
    fn main(env: &Env) -> Result<()> {
        let numbers = env.guest_source(generate(5_000, |i| i));
        let lengths = numbers.key_by(|n| n % 2).process(|states| {
            let (list, map) = (states.list::<u64>("l"), states.map::<u64, u64>("m"));
            move |n: u64, _, out| {
                list.add(n)?;
                map.insert(n, n)?;
                if n >= 4_998 {
                    let mut entries = map.entries()?;
                    entries.sort_unstable();
                    let sorted = entries.iter().map(|(_, value)| *value);
                    out.emit(list.read(|items| sorted.eq(items.iter().copied()))?);
                    out.emit(list.read(|items| items.len() == 2_500)?);
                }
                Ok(())
            }
        });
        lengths.sink(Blackhole).name("out");
        Ok(())
    }
    for cache_bytes in [0, 1 << 20] {
        let job = Job::new(main).cache_bytes(cache_bytes).restart_after(18);
        let outcome = job.run().unwrap();
        assert_eq!(outcome.output::<bool>("out"), [true; 4]);
    }
}

#[test]
fn state_outside_a_record_is_an_error() {
    fn main(env: &Env) -> Result<()> {
        let numbers = env.guest_source(generate(3, |i| i)).boxed();
        let mut borrowed = None;
        let keyed = numbers.key_by(|n| *n).process(|states| {
            let value = states.value::<u64>("v");
            borrowed = Some(value.clone());
            move |n: u64, _, out| {
                value.set(n);
                out.emit(n);
                Ok(())
            }
        });
        let stolen = borrowed.expect("set above");
        keyed
            .try_map(move |_| stolen.get())
            .sink(Blackhole)
            .name("chained");
        Ok(())
    }
    let outcome = Job::new(main).run();
    let message = format!("{:#}", outcome.unwrap_err());
    assert!(
        message.contains("while a record of a keyed stream is processed"),
        "{message}"
    );
}
