//! Every record arrives where it should, exactly once, however the job is cut.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_types::job::Partitioning;
use wasmill_types::key_group;

use super::*;
use crate::fixture::graph::PARTITIONINGS;
use crate::fixture::guest::{Call, DONE, Io};
use crate::fixture::texts;

const ROWS: u64 = 500;

fn all_rows() -> Vec<u64> {
    (0..ROWS).collect()
}

#[test]
fn every_partitioning_delivers_every_record_once_at_every_parallelism() {
    for partitioning in PARTITIONINGS {
        for (writers, readers) in (1..=5).flat_map(|p| (1..=5).map(move |q| (p, q))) {
            let name = partitioning.ship_strategy().to_lowercase();
            let text = format!(
                "n:datagen*{writers} -> w*{writers} ={name}=> r!never*{readers} -> out:blackhole*{readers}"
            );
            let mut job = Job::new(&text, Some(ROWS));
            let kept = job.keep("r");
            let summary = job.run().unwrap();
            let copies = match partitioning {
                Partitioning::Broadcast => readers as usize,
                _ => 1,
            };
            let expected: Vec<u64> = all_rows()
                .into_iter()
                .flat_map(|row| vec![row; copies])
                .collect();
            assert_eq!(kept.numbers(), expected, "{text}");
            assert_eq!(summary.records_in, ROWS, "{text}");
            assert_eq!(summary.records_out, expected.len() as u64, "{text}");
            check_places(partitioning, readers, &kept.by_subtask(), &text);
        }
    }
}

/// Records went to the subtasks that the partitioning means.
fn check_places(
    partitioning: Partitioning,
    readers: u32,
    kept: &BTreeMap<u32, Vec<String>>,
    text: &str,
) {
    let owner = |record: &String| {
        let hash = key_group::hash(record.as_bytes());
        match partitioning {
            Partitioning::Custom => hash % readers,
            _ => key_group::owner(key_group::of_hash(hash, 128), readers, 128),
        }
    };
    for (subtask, records) in kept {
        match partitioning {
            Partitioning::Global => assert_eq!(*subtask, 0, "{text}"),
            Partitioning::Hash | Partitioning::Custom => {
                assert!(
                    records.iter().all(|record| owner(record) == *subtask),
                    "{text}"
                );
            }
            // Each record once is checked for all; here the split is even.
            Partitioning::Rebalance => {
                let share = ROWS as usize / readers as usize;
                let slack = 5 + readers as usize;
                assert!(
                    records.len().abs_diff(share) <= slack,
                    "{text}: {}",
                    records.len()
                );
            }
            Partitioning::Forward
            | Partitioning::Rescale
            | Partitioning::Shuffle
            | Partitioning::Broadcast => {}
        }
    }
}

#[test]
fn the_order_of_a_channel_is_kept() {
    for name in [
        "forward",
        "hash",
        "rebalance",
        "rescale",
        "broadcast",
        "global",
        "custom",
    ] {
        let text = format!("n:datagen*1 -> w*1 ={name}=> r!never*3 -> out:blackhole*3");
        let text = if name == "forward" {
            text.replace("*3", "*1")
        } else {
            text
        };
        let mut job = Job::new(&text, Some(ROWS));
        let kept = job.keep("r");
        job.run().unwrap();
        for records in kept.by_subtask().into_values() {
            let numbers: Vec<u64> = records
                .iter()
                .map(|record| record.parse().unwrap())
                .collect();
            assert!(numbers.is_sorted(), "{text}");
        }
    }
}

#[test]
fn jobs_without_guest_code_move_records_from_sources_to_sinks() {
    for (text, sinks, copies) in [
        ("n:datagen*3 -> out:file*3", vec!["out"], 1),
        ("n:datagen*3 =rebalance=> out:file*2", vec!["out"], 1),
        ("n:datagen*1 =rescale=> out:file*4", vec!["out"], 1),
        ("n:datagen*2 =broadcast=> out:file*3", vec!["out"], 3),
        (
            "n:datagen*2 -> a:file*2\nn =rebalance=> b:file*3",
            vec!["a", "b"],
            1,
        ),
    ] {
        let mut job = Job::new(text, Some(ROWS));
        let summary = job.run().unwrap();
        let mut expected: Vec<String> = all_rows().iter().map(u64::to_string).collect();
        expected = expected
            .into_iter()
            .flat_map(|row| vec![row; copies])
            .collect();
        expected.sort();
        for sink in &sinks {
            assert_eq!(job.lines(sink), expected, "{sink} of {text}");
        }
        assert_eq!(summary.records_in, ROWS, "{text}");
        assert_eq!(
            summary.records_out,
            ROWS * (copies * sinks.len()) as u64,
            "{text}"
        );
    }
}

#[test]
fn lines_of_files_come_out_again() {
    let mut job = Job::new("in:files*2 -> map -> out:file*2\nmap*2", None);
    std::fs::create_dir(job.path("in")).unwrap();
    for file in 0..5 {
        let lines: String = (0..50)
            .map(|line| format!("{}\n", file * 50 + line))
            .collect();
        std::fs::write(job.path("in").join(format!("{file}.txt")), lines).unwrap();
    }
    job.run().unwrap();
    let mut found: Vec<u64> = job
        .lines("out")
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, (0..250).collect::<Vec<u64>>());
}

#[test]
fn a_union_gets_the_records_of_all_its_inputs() {
    for readers in [1, 3] {
        let text = format!(
            "a:datagen*2 -> x*2 =rebalance=> u*{readers} -> out:blackhole*{readers}\n\
             b:datagen*3 -> y*3 =shuffle=> u\nc:datagen*1 =rescale=> u"
        );
        let mut job = Job::new(&text, Some(ROWS));
        let kept = job.keep("u");
        let summary = job.run().unwrap();
        let expected: Vec<u64> = all_rows().into_iter().flat_map(|row| [row; 3]).collect();
        assert_eq!(kept.numbers(), expected, "{text}");
        assert_eq!(summary.records_in, 3 * ROWS);
        assert_eq!(summary.records_out, 3 * ROWS);
    }
}

#[test]
fn an_operator_tells_its_inputs_apart() {
    let text = "a:datagen*2 -> x*2 =rebalance=> join*2\nb:datagen*1 -> y*1 =rebalance,in1=> join";
    let mut job = Job::new(
        &format!("{text}\njoin -> even:file*2\njoin =out1=> odd:file*2"),
        Some(10),
    );
    job.bundle.code("join", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Process(input, records) = call {
                io.emit(input as usize, &records)?;
            }
            DONE
        }
    });
    job.run().unwrap();
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    assert_eq!(job.lines("even"), digits);
    assert_eq!(job.lines("odd"), digits);
}

#[test]
fn side_outputs_and_several_sinks_each_get_their_own() {
    let text = "n:datagen*2 -> split*2 -> even:file*2\nsplit =out1,rebalance=> odd:file*3\n\
                split =out2,hash=> count*2 -> counted:file*2\nn -> all:file*2";
    let mut job = Job::new(text, Some(100));
    job.bundle.code("split", || {
        |io: &mut Io, call: Call<'_>| {
            if let Call::Process(_, records) = call {
                for record in texts(&records) {
                    let number: u64 = record.parse().unwrap();
                    let batch = crate::fixture::batch(&[record.as_str()]);
                    io.emit((number % 2) as usize, &batch.view())?;
                    io.emit(2, &batch.view())?;
                }
            }
            DONE
        }
    });
    let summary = job.run().unwrap();
    let count = |sink: &str| job.lines(sink).into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!(
        ["even", "odd", "counted", "all"].map(count),
        [50, 50, 100, 100]
    );
    assert!(
        job.lines("odd")
            .iter()
            .all(|line| line.parse::<u64>().unwrap() % 2 == 1)
    );
    assert_eq!(summary.records_out, 300);
}

#[test]
fn a_wide_job_ends_with_all_its_records() {
    let text = "n:datagen*64 -> w*64 =hash=> k*64 =rebalance=> out:blackhole*64";
    let mut job = Job::new(text, Some(20_000));
    job.options = Options::default();
    let kept = job.keep("k");
    let summary = job.run().unwrap();
    assert_eq!(kept.numbers(), (0..20_000).collect::<Vec<u64>>());
    assert_eq!(summary.records_out, 20_000);
}
