//! Timers as text: `time:key.namespace`; and a random history against a naive model.

use std::collections::BTreeSet;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use wasmill_types::Blobs;

use super::*;

use TimeDomain::{Event, Processing};

type Named = (i64, String, String);

fn columns(timers: &[Named]) -> Timers {
    Timers {
        times: timers.iter().map(|t| t.0).collect(),
        keys: timers.iter().map(|t| t.1.as_bytes()).collect(),
        namespaces: timers.iter().map(|t| t.2.as_bytes()).collect(),
    }
}

fn named(timers: &Timers) -> Vec<Named> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (keys, namespaces) = (timers.keys.view(), timers.namespaces.view());
    let names = keys.iter().zip(namespaces.iter());
    let each = timers.times.iter().zip(names);
    each.map(|(&time, (key, ns))| (time, text(key), text(ns)))
        .collect()
}

fn parse(text: &str) -> Timers {
    let timers: Vec<Named> = text
        .split_whitespace()
        .map(|timer| {
            let (time, name) = timer.split_once(':').unwrap();
            let (key, namespace) = name.split_once('.').unwrap();
            (time.parse().unwrap(), key.to_owned(), namespace.to_owned())
        })
        .collect();
    columns(&timers)
}

fn shown(timers: &Timers) -> String {
    let timers: Vec<_> = named(timers)
        .iter()
        .map(|(time, key, namespace)| format!("{time}:{key}.{namespace}"))
        .collect();
    timers.join(" ")
}

fn service(options: Options) -> TimerService {
    TimerService::new(OwnedGroups::new(0, 1, 128), &options)
}

/// Takes everything due and shows the batches, with `|` between them.
fn drain(timers: &mut TimerService, up_to: i64, max: usize) -> String {
    let mut batches = Vec::new();
    loop {
        let batch = timers.due(Event, up_to, max);
        if batch.times.is_empty() {
            return batches.join(" | ");
        }
        batches.push(shown(&batch));
    }
}

#[test]
fn timers_fire_once_in_order_of_time_and_in_batches_without_a_key_twice() {
    for (registered, deleted, up_to, expected) in [
        ("", "", 9, ""),
        ("5:a.", "", 4, ""),
        ("5:a.", "", 5, "5:a."),
        ("5:a. 5:a. 5:a.", "", 9, "5:a."),
        ("5:a. 3:b. -4:c.", "", 9, "-4:c. 3:b. 5:a."),
        ("5:b. 5:a. 5:a.w", "", 9, "5:a. | 5:a.w 5:b."),
        ("5:ab.c 5:a.bc", "", 9, "5:a.bc 5:ab.c"),
        ("1:a. 2:b. 3:a. 4:c.", "", 9, "1:a. 2:b. | 3:a. 4:c."),
        ("1:a. 2:b. 3:c. 4:d.", "", 9, "1:a. 2:b. 3:c. | 4:d."),
        ("1:a. 2:b. 3:c.", "2:b. 1:b. 3:c.w 4:d.", 9, "1:a. 3:c."),
        (
            "9223372036854775807:a. -9223372036854775808:b.",
            "",
            i64::MAX,
            "-9223372036854775808:b. 9223372036854775807:a.",
        ),
    ] {
        let mut timers = service(Options::default());
        timers.register(Event, &parse(registered)).unwrap();
        timers.delete(Event, &parse(deleted)).unwrap();
        assert_eq!(drain(&mut timers, up_to, 3), expected, "of {registered}");
        assert_eq!(timers.bytes == 0, timers.is_empty());
    }
}

#[test]
fn the_domains_do_not_mix() {
    let mut timers = service(Options::default());
    timers.register(Event, &parse("5:a.")).unwrap();
    timers.register(Processing, &parse("5:a. 3:a.")).unwrap();
    timers.delete(Event, &parse("3:a.")).unwrap();
    assert_eq!(timers.len(), 3);
    assert_eq!(
        (timers.next(Event), timers.next(Processing)),
        (Some(5), Some(3))
    );
    assert_eq!(shown(&timers.due(Processing, 4, 9)), "3:a.");
    assert_eq!(shown(&timers.due(Event, 9, 9)), "5:a.");
    assert_eq!(
        (timers.next(Event), timers.next(Processing)),
        (None, Some(5))
    );
}

#[test]
fn a_batch_is_bounded_in_bytes() {
    let long = "x".repeat(BATCH_BYTES / 2);
    let mut timers = service(Options::default());
    let all: Vec<Named> = (0..3)
        .map(|n| (n, format!("{n}{long}"), String::new()))
        .collect();
    timers.register(Event, &columns(&all)).unwrap();
    for expected in &all {
        assert_eq!(
            named(&timers.due(Event, 9, 9)),
            std::slice::from_ref(expected)
        );
    }
}

#[test]
fn too_many_timers_fail_the_task() {
    let advice = "; raise the limit, raise the parallelism, or register fewer";
    let (any, two) = (Options::default(), 2 * (TIMER_OVERHEAD + 1));
    for (options, fits, exceeds, expected) in [
        (
            Options {
                max_timers: 2,
                ..any
            },
            "1:a. 2:a. 2:a.",
            "3:a.",
            "`timers.max`: one subtask would have more than 2 timers",
        ),
        (
            Options {
                max_timer_bytes: ByteSize(two),
                ..any
            },
            "1:a. 2:a. 2:a.",
            "3:.",
            "`timers.max-bytes`: the timers of one subtask would take more than 194 B",
        ),
    ] {
        let mut timers = service(options);
        timers.register(Event, &parse(fits)).unwrap();
        let failure = timers.register(Processing, &parse(exceeds)).unwrap_err();
        assert_eq!(
            failure.to_string(),
            format!("the bundle exceeded the limit {expected}{advice}")
        );
    }
}

#[test]
fn malformed_columns_and_foreign_keys_break_the_contract() {
    let groups = OwnedGroups::new(0, 2, 128);
    let mut keys = (0_u32..).map(|n| n.to_string());
    let foreign = keys.find(|k| groups.group_of(k.as_bytes()) >= 64).unwrap();
    let mut timers = TimerService::new(groups, &Options::default());
    let foreign = columns(&[(1, foreign, String::new())]);
    let short = Timers {
        times: vec![1, 2],
        ..columns(&[(1, String::new(), String::new())])
    };
    let broken = Timers {
        namespaces: Blobs {
            ends: vec![7],
            data: vec![],
        },
        ..columns(&[(1, String::new(), String::new())])
    };
    for (columns, expected) in [
        (&foreign, "is in key group"),
        (
            &short,
            "got 1 elements in column `keys` where the others have 2",
        ),
        (&broken, "got a malformed column `namespaces`"),
    ] {
        for outcome in [
            timers.register(Event, columns),
            timers.delete(Event, columns),
        ] {
            let failure = outcome.unwrap_err();
            assert!(matches!(failure, TaskFailure::Contract(_)));
            assert!(failure.to_string().contains(expected), "{failure}");
        }
    }
    assert!(timers.is_empty());
}

#[test]
fn a_random_history_agrees_with_a_naive_model() {
    for seed in 0..50 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut timers = service(Options::default());
        let mut model: BTreeSet<Named> = BTreeSet::new();
        for _ in 0..200 {
            let some: Vec<Named> = (0..random.random_range(0..6))
                .map(|_| {
                    let mut name = |n| random.random_range(0..n).to_string();
                    let (key, namespace) = (name(5), name(3));
                    (random.random_range(-10..10), key, namespace)
                })
                .collect();
            match random.random_range(0..4) {
                0 => {
                    timers.delete(Event, &columns(&some)).unwrap();
                    some.iter().for_each(|timer| {
                        model.remove(timer);
                    });
                }
                1 => fire(&mut random, &mut timers, &mut model),
                _ => {
                    timers.register(Event, &columns(&some)).unwrap();
                    model.extend(some);
                }
            }
            assert_eq!(timers.next(Event), model.first().map(|timer| timer.0));
            assert_eq!(timers.len(), model.len());
        }
    }
}

/// Takes one batch and checks it: the first timers of the model, cut only for a stated reason.
fn fire(random: &mut SmallRng, timers: &mut TimerService, model: &mut BTreeSet<Named>) {
    let (up_to, max) = (random.random_range(-10..10), random.random_range(0..8));
    let fired = named(&timers.due(Event, up_to, max));
    for timer in &fired {
        assert_eq!(model.pop_first().as_ref(), Some(timer));
        assert!(timer.0 <= up_to);
    }
    let keys: BTreeSet<_> = fired.iter().map(|timer| &timer.1).collect();
    assert_eq!(keys.len(), fired.len(), "a key is in a batch twice");
    let cut = model
        .first()
        .is_none_or(|next| fired.len() == max || next.0 > up_to || keys.contains(&next.1));
    assert!(
        cut,
        "the batch {fired:?} could have taken {:?}",
        model.first()
    );
}
