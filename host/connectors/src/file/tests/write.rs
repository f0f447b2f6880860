//! Part files: what stands when, under which name.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use wasmill_types::Batch;

use super::*;
use crate::file::FileSink;
use crate::file::commit::PartName;
use crate::file::part::OpenPart;
use crate::sink::{Committable, Sink, SinkWriter, WriterContext};

pub(super) fn sink(path: &Path, options: &[(&str, &str)]) -> FileSink {
    let mut all = vec![("path", path.to_str().unwrap())];
    all.extend(options);
    FileSink::parse(&spec("file", &all), &Access::unrestricted()).unwrap()
}

pub(super) fn writer(sink: &FileSink, subtask: u32) -> Box<dyn SinkWriter> {
    let context = WriterContext {
        subtask,
        parallelism: 2,
        attempt: 0,
        run: "run/1".to_owned(),
    };
    sink.writer(context).unwrap()
}

pub(super) fn write(writer: &mut dyn SinkWriter, records: &[&str]) {
    let mut batch = Batch::default();
    records
        .iter()
        .for_each(|record| batch.push(record.as_bytes()));
    writer.write(&batch.view()).unwrap();
}

/// What one subtask leaves to be committed.
pub(super) fn staged(sink: &FileSink, subtask: u32, records: &[&str]) -> Vec<Committable> {
    let mut writer = writer(sink, subtask);
    write(writer.as_mut(), records);
    writer.finish().unwrap()
}

/// The files of a directory with their content, `name=content`, hidden ones by name only.
pub(super) fn listing(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            match name.starts_with('.') {
                true => name,
                false => format!("{name}={}", fs::read_to_string(&path).unwrap()),
            }
        })
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_stands_under_a_final_name_before_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/out");
    let sink = sink(&out, &[("format", "csv"), ("header", "word,count")]);
    sink.prepare().unwrap();
    assert!(listing(&out).is_empty(), "the check leaves nothing behind");
    let mut first = writer(&sink, 0);
    let mut third = writer(&sink, 2);
    let idle = writer(&sink, 1);
    write(first.as_mut(), &["a,1", "b,2"]);
    write(first.as_mut(), &["a,2"]);
    write(third.as_mut(), &["c,1"]);
    first.flush().unwrap();
    let hidden = [
        ".part-0-0.csv.inprogress-run-1-0",
        ".part-2-0.csv.inprogress-run-1-0",
    ];
    assert_eq!(listing(&out), hidden);
    let written = fs::read_to_string(out.join(hidden[0])).unwrap();
    assert_eq!(written, "word,count\na,1\nb,2\na,2\n", "flushed");
    let mut parts = third.finish().unwrap();
    parts.extend(first.finish().unwrap());
    parts.extend(idle.finish().unwrap());
    assert_eq!(listing(&out), hidden);
    let parts: Vec<Committable> =
        serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
    sink.commit(parts.clone()).unwrap();
    let expected = [
        "part-0-0.csv=word,count\na,1\nb,2\na,2\n",
        "part-2-0.csv=word,count\nc,1\n",
    ];
    assert_eq!(listing(&out), expected);
    sink.commit(parts).unwrap();
    assert_eq!(listing(&out), expected, "a commit can be repeated");
}

#[test]
fn an_unfinished_or_discarded_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[("roll-bytes", "4 B")]);
    let mut writer = writer(&sink, 0);
    write(writer.as_mut(), &["one", "two", "x"]);
    assert_eq!(listing(dir.path()).len(), 3);
    drop(writer);
    assert!(listing(dir.path()).is_empty());
    let parts = staged(&sink, 0, &["one", "two"]);
    sink.discard(parts.clone()).unwrap();
    sink.discard(parts).unwrap();
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn large_output_rolls_over_to_further_parts() {
    for (header, roll, expected) in [
        (
            None,
            "8 B",
            &[
                "part-0-0.log=one\ntwo\n",
                "part-0-1.log=three\nx\n",
                "part-0-2.log=y\n",
            ][..],
        ),
        (
            None,
            "1 B",
            &[
                "part-0-0.log=one\n",
                "part-0-1.log=two\n",
                "part-0-2.log=three\n",
                "part-0-3.log=x\n",
                "part-0-4.log=y\n",
            ],
        ),
        (
            Some("a long header"),
            "12 B",
            &[
                "part-0-0.log=a long header\none\n",
                "part-0-1.log=a long header\ntwo\n",
                "part-0-2.log=a long header\nthree\n",
                "part-0-3.log=a long header\nx\n",
                "part-0-4.log=a long header\ny\n",
            ],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = vec![("roll-bytes", roll), ("extension", "log")];
        options.extend(header.map(|header| ("header", header)));
        let sink = sink(dir.path(), &options);
        let mut writer = writer(&sink, 0);
        write(writer.as_mut(), &["one", "two", "three", "x"]);
        write(writer.as_mut(), &["y"]);
        sink.commit(writer.finish().unwrap()).unwrap();
        assert_eq!(listing(dir.path()), expected);
    }
}

#[test]
fn existing_part_files_are_kept_replaced_or_in_the_way() {
    let before = [
        ("part-0-0.txt", "old0\n"),
        ("part-0-7.csv", "old7\n"),
        ("part-1-0.txt", "old1\n"),
        ("other", "o\n"),
        ("part-01-0.txt", "not ours\n"),
    ];
    let error = {
        let dir = files(&before);
        told(sink(dir.path(), &[]).prepare().unwrap_err())
            .replace(dir.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(
        error,
        "output directory `DIR` already holds part files, for instance `part-0-0.txt`; choose another \
         output directory or empty this one; the job's author can also let its sink `overwrite` or \
         `append` with the option `on-existing`"
    );
    for (mode, expected) in [
        (
            "overwrite",
            &[
                "other=o\n",
                "part-0-0.txt=new\n",
                "part-01-0.txt=not ours\n",
            ][..],
        ),
        (
            "append",
            &[
                "other=o\n",
                "part-0-0.txt=old0\n",
                "part-0-7.csv=old7\n",
                "part-0-8.txt=new\n",
                "part-01-0.txt=not ours\n",
                "part-1-0.txt=old1\n",
            ],
        ),
    ] {
        let dir = files(&before);
        let sink = sink(dir.path(), &[("on-existing", mode)]);
        sink.prepare().unwrap();
        let parts = staged(&sink, 0, &["new"]);
        let kept = listing(dir.path())
            .iter()
            .filter(|name| name.contains("old"))
            .count();
        assert_eq!(kept, 3, "nothing is removed before the commit");
        sink.commit(parts.clone()).unwrap();
        assert_eq!(listing(dir.path()), expected, "{mode}");
        sink.commit(parts).unwrap();
        assert_eq!(listing(dir.path()), expected, "{mode}, repeated");
    }
}

#[test]
fn a_job_that_appends_beside_another_takes_the_next_free_name() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[("on-existing", "append")]);
    let parts = staged(&sink, 0, &["mine"]);
    fs::write(dir.path().join("part-0-0.txt"), "another's\n").unwrap();
    for _ in 0..2 {
        sink.commit(parts.clone()).unwrap();
        assert_eq!(
            listing(dir.path()),
            ["part-0-0.txt=another's\n", "part-0-1.txt=mine\n"]
        );
    }
}

#[test]
fn a_directory_that_another_job_took_meanwhile_is_left_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    let mut parts = staged(&sink, 0, &["mine"]);
    parts.extend(staged(&sink, 1, &["mine too"]));
    fs::write(dir.path().join("part-0-0.txt"), "another's\n").unwrap();
    let error = told(sink.commit(parts).unwrap_err());
    let expected = "another job wrote to `DIR` meanwhile, for instance `part-0-0.txt`; run the job again \
                    with another directory";
    assert_eq!(error.replace(dir.path().to_str().unwrap(), "DIR"), expected);
    assert_eq!(listing(dir.path()), ["part-0-0.txt=another's\n"]);
}

#[test]
fn a_commit_that_stops_says_what_stands_and_goes_on_when_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    let mut parts = staged(&sink, 0, &["zero"]);
    parts.extend(staged(&sink, 1, &["one"]));
    parts.extend(staged(&sink, 2, &["two"]));
    fs::write(dir.path().join("part-1-0.txt"), "in the way\n").unwrap();
    let error = told(sink.commit(parts.clone()).unwrap_err());
    let shown = error.replace(dir.path().to_str().unwrap(), "DIR");
    assert_eq!(
        shown,
        "made 1 of 3 part files visible in `DIR` (visible: part-0-0.txt; not visible: part-1-0.txt, \
         part-2-0.txt): output directory `DIR` already holds part files, for instance `part-1-0.txt`; \
         choose another output directory or empty this one; the job's author can also let its sink \
         `overwrite` or `append` with the option `on-existing`"
    );
    fs::remove_file(dir.path().join("part-1-0.txt")).unwrap();
    sink.commit(parts.clone()).unwrap();
    let expected = [
        "part-0-0.txt=zero\n",
        "part-1-0.txt=one\n",
        "part-2-0.txt=two\n",
    ];
    assert_eq!(listing(dir.path()), expected);

    fs::remove_file(dir.path().join("part-2-0.txt")).unwrap();
    let error = told(sink.commit(parts).unwrap_err());
    assert!(
        error.contains("is gone, and no `part-2-0.txt` of 4 bytes stands in its place"),
        "{error}"
    );
}

#[test]
fn discarding_after_a_commit_that_stopped_removes_only_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    let mut parts = staged(&sink, 0, &["zero"]);
    parts.extend(staged(&sink, 1, &["one"]));
    fs::write(dir.path().join("part-1-0.txt"), "in the way\n").unwrap();
    sink.commit(parts.clone()).unwrap_err();
    sink.discard(parts).unwrap();
    let left = ["part-0-0.txt=zero\n", "part-1-0.txt=in the way\n"];
    assert_eq!(listing(dir.path()), left);
}

#[test]
fn a_commit_that_stopped_between_two_steps_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[("on-existing", "append")]);
    let parts = staged(&sink, 0, &["zero"]);
    let temporary = dir.path().join(".part-0-0.txt.inprogress-run-1-0");
    fs::hard_link(temporary, dir.path().join("part-0-0.txt")).unwrap();
    sink.commit(parts).unwrap();
    assert_eq!(listing(dir.path()), ["part-0-0.txt=zero\n"]);
}

#[test]
fn a_committable_from_outside_cannot_name_a_file_elsewhere() {
    let dir = files(&[("out/keep", ""), (".part-x", "secret\n")]);
    let sink = sink(&dir.path().join("out"), &[]);
    let good = staged(&sink, 0, &["x"]).remove(0);
    let state = String::from_utf8(good.state.clone()).unwrap();
    for bad in [
        state.replace(".part-0-0", ".part-/../../.part-x"),
        state.replace(".part-0-0", "keep"),
        state.replace("\"txt\"", "\"x/../../y\""),
        "{}".to_owned(),
    ] {
        let name = good.name.clone();
        let error = sink
            .commit(vec![Committable {
                name,
                state: bad.into_bytes(),
            }])
            .unwrap_err();
        assert!(matches!(error, ConnectorError::Foreign { .. }), "{error}");
    }
    assert!(dir.path().join(".part-x").exists());
}

#[test]
fn a_target_that_cannot_be_written_is_refused_before_the_job_starts() {
    let dir = files(&[("plain", "x\n")]);
    let plain = dir.path().join("plain");
    for (path, expected) in [
        (
            plain.clone(),
            "is there and is not a directory; choose another path for the output",
        ),
        (plain.join("out"), "Not a directory (os error 20)"),
        (
            "/proc/wasmill/out".into(),
            "No such file or directory (os error 2)",
        ),
    ] {
        let error = told(sink(&path, &[]).prepare().unwrap_err());
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.ends_with(expected), "{error}");
    }
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Whoever runs the tests as root can write everywhere.
    if fs::write(locked.join("probe"), "").is_err() {
        let error = told(sink(&locked, &[]).prepare().unwrap_err());
        let expected = "cannot write to the output directory `{}`: Permission denied (os error 13)";
        assert_eq!(error, expected.replace("{}", locked.to_str().unwrap()));
    }
}

#[test]
fn two_writers_of_one_part_notice_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink(dir.path(), &[]);
    let mut first = writer(&sink, 0);
    write(first.as_mut(), &["x"]);
    let mut second = writer(&sink, 0);
    let mut batch = Batch::default();
    batch.push(b"y");
    let error = told(second.write(&batch.view()).unwrap_err());
    assert!(
        error.ends_with("inprogress-run-1-0`: File exists (os error 17)"),
        "{error}"
    );
    drop(second);
    assert_eq!(
        listing(dir.path()).len(),
        1,
        "the file is the first writer's"
    );
}

#[test]
fn a_device_that_is_full_is_named() {
    let full = Path::new("/dev/full");
    let file = fs::OpenOptions::new().write(true).open(full).unwrap();
    let name = PartName {
        subtask: 0,
        sequence: 0,
        extension: "txt".to_owned(),
    };
    let mut part = OpenPart::on(file, name, full.to_owned());
    part.push(b"record");
    let error = told(part.write_out().unwrap_err());
    assert_eq!(
        error,
        "cannot write `/dev/full`: No space left on device (os error 28); free space there or choose a \
         directory on another disk"
    );
}

#[test]
fn a_full_disk_ends_the_writer_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str], program: &str| {
        let mounted = Command::new(program)
            .args(arguments)
            .arg(dir.path())
            .output();
        mounted.is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs"], "mount") {
        // Only root may mount; `a_device_that_is_full_is_named` covers the error itself.
        return;
    }
    let sink = sink(dir.path(), &[]);
    let mut writer = writer(&sink, 0);
    let mut batch = Batch::default();
    batch.push(&vec![b'x'; 2 << 20]);
    let error = writer.write(&batch.view()).map_err(told);
    let before = listing(dir.path());
    drop(writer);
    drop(sink);
    let after = listing(dir.path());
    assert!(mount(&[], "umount"));
    let error = error.unwrap_err();
    assert!(
        error.contains("inprogress-run-1-0`: No space left on device (os error 28); free space"),
        "{error}"
    );
    assert_eq!((before.len(), after.len()), (1, 0));
}

#[test]
fn a_record_that_would_read_back_as_several_is_refused() {
    let mut batch = Batch::default();
    batch.push(b"fine");
    batch.push(b"two\nlines");
    for (format, refused) in [("lines", true), ("json-lines", true), ("csv", false)] {
        let dir = tempfile::tempdir().unwrap();
        let sink = sink(dir.path(), &[("format", format)]);
        let mut writer = writer(&sink, 0);
        let Err(error) = writer.write(&batch.view()) else {
            assert!(!refused, "{format}");
            continue;
        };
        assert!(refused, "{format}");
        let shown = told(error).replace(dir.path().to_str().unwrap(), "DIR");
        assert_eq!(
            shown,
            "a record for `DIR` holds a line end and would read back as several: `two\\nlines`; take it \
             out, or write CSV or JSON, which keep such a record together"
        );
    }
}

#[test]
fn limits_of_the_machine_come_with_what_to_do() {
    for (number, fix) in [
        (
            28,
            "; free space there or choose a directory on another disk",
        ),
        (
            27,
            "; raise the limit of a file's size (`ulimit -f`) or write smaller files (`roll-bytes`)",
        ),
        (
            24,
            "; raise the limit of open files (`ulimit -n`) or lower the parallelism",
        ),
        (
            23,
            "; close other programs, the whole system has too many files open",
        ),
        (13, "Permission denied (os error 13)"),
    ] {
        let source = std::io::Error::from_raw_os_error(number);
        let error = told(ConnectorError::io("make", Path::new("x"), source));
        assert!(error.starts_with("cannot make `x`: "), "{error}");
        assert!(error.ends_with(fix), "{error}");
    }
}
