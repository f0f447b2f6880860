//! Output that becomes visible at checkpoints, and targets that are brought back to one.

use super::write::{listing, sink, write};
use super::*;
use crate::sink::{Recovery, Sink, SinkWriter, WriterContext};

/// A writer of subtask 0 in one run of a job.
fn writer(sink: &dyn Sink, run: &str) -> Box<dyn SinkWriter> {
    let context = WriterContext {
        subtask: 0,
        parallelism: 1,
        attempt: 0,
        run: run.to_owned(),
    };
    sink.writer(context).unwrap()
}

#[test]
fn what_was_handed_over_is_visible_once_its_checkpoint_is_complete_and_repeating_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    sink.prepare_for_checkpoints().unwrap();
    let mut writer = writer(&sink, "job-1");
    write(writer.as_mut(), &["a"]);
    let first = writer.prepare_commit().unwrap();
    write(writer.as_mut(), &["b"]);
    let second = writer.prepare_commit().unwrap();
    assert_eq!(writer.prepare_commit().unwrap(), [], "nothing came since");
    assert_eq!(
        listing(dir.path()),
        [
            ".part-0-0.txt.pending-job-1-0",
            ".part-0-1.txt.pending-job-1-0"
        ]
    );
    // What was handed over is not the writer's any more.
    drop(writer);
    for _ in 0..2 {
        sink.commit_checkpoint(first.clone()).unwrap();
        assert_eq!(
            listing(dir.path()),
            [".part-0-1.txt.pending-job-1-0", "part-0-0.txt=a\n"]
        );
    }
    // Whoever reads the output may have carried it off.
    fs::remove_file(dir.path().join("part-0-0.txt")).unwrap();
    sink.commit_checkpoint([first, second].concat()).unwrap();
    assert_eq!(listing(dir.path()), ["part-0-1.txt=b\n"]);
}

#[test]
fn a_target_is_brought_back_to_a_checkpoint_and_other_jobs_are_left_alone() {
    for (removes_later, left) in [
        (true, vec![]),
        // A savepoint may refer to what was handed over.
        (false, vec![".part-0-1.txt.pending-job-1-0"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(dir.path(), &[]);
        sink.prepare_for_checkpoints().unwrap();
        let mut ours = writer(&sink, "job-1");
        write(ours.as_mut(), &["covered"]);
        let covered = ours.prepare_commit().unwrap();
        write(ours.as_mut(), &["later"]);
        ours.prepare_commit().unwrap();
        write(ours.as_mut(), &["unfinished"]);
        let mut other = writer(&sink, "another-1");
        write(other.as_mut(), &["other"]);
        sink.recover(&Recovery {
            job: "job-".to_owned(),
            commit: covered,
            removes_later,
            subtasks: None,
        })
        .unwrap();
        let mut expected = left;
        expected.extend([
            ".part-0-0.txt.inprogress-another-1-0",
            "part-0-0.txt=covered\n",
        ]);
        expected.sort_unstable();
        assert_eq!(listing(dir.path()), expected);
    }
}

#[test]
fn what_some_subtasks_have_left_goes_while_the_others_write_on() {
    for (removes_later, left) in [
        (true, vec![]),
        (false, vec![".part-0-1.txt.pending-job-1-0"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(dir.path(), &[]);
        sink.prepare_for_checkpoints().unwrap();
        let of_subtask = |subtask| {
            let context = WriterContext {
                subtask,
                parallelism: 2,
                attempt: 0,
                run: "job-1".to_owned(),
            };
            sink.writer(context).unwrap()
        };
        let (mut struck, mut other) = (of_subtask(0), of_subtask(1));
        let mut covered = Vec::new();
        for writer in [&mut struck, &mut other] {
            write(writer.as_mut(), &["covered"]);
            covered.extend(writer.prepare_commit().unwrap());
            write(writer.as_mut(), &["later"]);
            writer.prepare_commit().unwrap();
            write(writer.as_mut(), &["unfinished"]);
        }
        sink.recover(&Recovery {
            job: "job-".to_owned(),
            commit: covered,
            removes_later,
            subtasks: Some([0].into()),
        })
        .unwrap();
        let mut expected = left;
        expected.extend([
            ".part-1-1.txt.pending-job-1-0",
            ".part-1-2.txt.inprogress-job-1-0",
            "part-0-0.txt=covered\n",
            "part-1-0.txt=covered\n",
        ]);
        expected.sort_unstable();
        assert_eq!(listing(dir.path()), expected);
    }
}

/// A task that is about to be stopped, and whoever restores the job, may commit the same parts at once.
#[test]
fn two_who_commit_the_same_parts_place_each_once() {
    const PARTS: usize = 400;
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    sink.prepare_for_checkpoints().unwrap();
    let mut writer = writer(&sink, "job-1");
    let mut parts = Vec::new();
    for number in 0..PARTS {
        write(writer.as_mut(), &[&number.to_string()]);
        parts.extend(writer.prepare_commit().unwrap());
    }
    let together = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for part in &parts {
                    together.wait();
                    sink.commit_checkpoint(vec![part.clone()]).unwrap();
                }
            });
        }
    });
    let found = listing(dir.path());
    let contents = found.iter().map(|file| file.split_once('=').unwrap().1);
    let mut contents: Vec<usize> = contents.map(|text| text.trim().parse().unwrap()).collect();
    contents.sort_unstable();
    assert_eq!(contents, Vec::from_iter(0..PARTS));
}
