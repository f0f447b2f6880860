//! Lines and JSON lines; finding files; packed files.

use super::*;
use crate::source::SourceReader;

#[test]
fn every_kind_of_path_finds_its_files_in_order() {
    let dir = files(&[
        ("b.txt", "b\n"),
        ("a.txt", "a\n"),
        (".hidden", "x\n"),
        ("_SUCCESS", "x\n"),
        ("sub/c.txt", "c\n"),
        ("sub/.deep/x.txt", "x\n"),
        ("sub/_tmp/x.txt", "x\n"),
        ("sub/d.log", "d\n"),
        ("brackets[1].txt", "[\n"),
        ("empty.txt", ""),
    ]);
    std::os::unix::fs::symlink(dir.path().join("sub"), dir.path().join("z-link")).unwrap();
    for (path, expected) in [
        ("a.txt", &["a"][..]),
        ("empty.txt", &[]),
        ("", &["a", "b", "[", "c", "d", "c", "d"]),
        ("sub", &["c", "d"]),
        ("*.txt", &["a", "b", "["]),
        ("?.txt", &["a", "b"]),
        ("s*", &["c", "d"]),
        ("**/*.txt", &["a", "b", "[", "c", "c"]),
        ("**/*", &["a", "b", "[", "c", "d", "c", "d"]),
        ("brackets[1].txt", &["["]),
        ("[ab].txt", &["a", "b"]),
        ("_*", &["x"]),
        ("sub/_tmp/*", &["x"]),
        ("*/.deep/*", &["x", "x"]),
    ] {
        let got = texts(read(&dir.path().join(path), &[]).unwrap());
        assert_eq!(got, expected, "{path}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_made_up_as_it_is_read_is_read_to_its_end() {
    let version = Path::new("/proc/version");
    assert_eq!(fs::metadata(version).unwrap().len(), 0);
    let expected = fs::read_to_string(version).unwrap();
    assert_eq!(texts(read(version, &[]).unwrap()), [expected.trim_end()]);
    let restarted = read_with_restarts(Path::new("/proc/meminfo"), &[]);
    assert!(restarted[0].starts_with(b"MemTotal:"));
    assert!(restarted.len() > 3);
}

#[test]
fn a_path_without_files_is_refused_before_the_job_starts() {
    let dir = files(&[("only/.hidden", ""), ("loop/a", ""), ("plain", "x\n")]);
    let at = |path: &str| dir.path().join(path);
    std::os::unix::fs::symlink(at("loop"), at("loop/z")).unwrap();
    let none = "; names that start with `.` or `_` are left out";
    for (path, expected) in [
        (
            "missing",
            "cannot read `{}`: No such file or directory (os error 2)".to_owned(),
        ),
        (
            "missing/*",
            "cannot read `{parent}`: No such file or directory (os error 2)".to_owned(),
        ),
        ("*.csv", format!("`{{}}` matches no files{none}")),
        ("only", format!("`{{}}` holds no files to read{none}")),
        ("only/*", format!("`{{}}` matches no files{none}")),
        (
            "loop/**/*",
            "`{loop}` leads through a link to a directory that the link is itself in".to_owned(),
        ),
        (
            "loop",
            "`{}/z` leads through a link to a directory that the link is itself in".to_owned(),
        ),
        (
            "plain/x",
            "cannot read `{}`: Not a directory (os error 20)".to_owned(),
        ),
        (
            "a[",
            "`{}` is not a pattern: Pattern syntax error near position".to_owned(),
        ),
    ] {
        let error = told(read(&at(path), &[]).unwrap_err());
        let parent = at("missing").display().to_string();
        let expected = expected.replace("{parent}", &parent);
        let expected = expected.replace("{loop}", &at("loop/z/z").display().to_string());
        let expected = expected.replace("{}", &at(path).display().to_string());
        assert!(error.starts_with(&expected), "{error}, not {expected}");
    }
    let error = told(read(Path::new("/dev/null"), &[]).unwrap_err());
    assert_eq!(error, "`/dev/null` is neither a file nor a directory");
}

#[test]
fn an_unreadable_file_is_refused_before_the_job_starts() {
    use std::os::unix::fs::PermissionsExt;
    let dir = files(&[("secret", "x\n")]);
    let path = dir.path().join("secret");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever runs the tests as root can read everything.
    if fs::File::open(&path).is_err() {
        let error = told(read(dir.path(), &[]).unwrap_err());
        let expected = format!(
            "cannot read `{}`: Permission denied (os error 13)",
            path.display()
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn lines_come_without_their_ends_and_without_the_mark() {
    for (text, expected) in [
        ("a\nb\n", &["a", "b"][..]),
        ("a\r\nb", &["a", "b"]),
        ("\n\n", &["", ""]),
        ("\u{feff}a\n\u{feff}b\n", &["a", "\u{feff}b"]),
        ("\u{feff}", &[]),
        ("\u{feff}\n", &[""]),
        ("a\rb\n", &["a\rb"]),
    ] {
        for name in ["x.txt", "x.gz", "x.zst", "x.txt.GZ"] {
            let dir = files(&[]);
            let path = dir.path().join(name);
            let packed_as = if name.ends_with("GZ") { "x.gz" } else { name };
            fs::write(&path, packed(Path::new(packed_as), text.as_bytes())).unwrap();
            for size in ["1 B", "3 B", "1 MiB"] {
                let options = [("split-bytes", size)];
                let got = texts(read(&path, &options).unwrap());
                assert_eq!(got, expected, "{text:?} in {name}, {size}");
                let again = read_with_restarts(&path, &options);
                assert_eq!(again.len(), expected.len(), "{text:?} in {name}, {size}");
            }
        }
    }
}

#[test]
fn json_lines_leave_blank_lines_out_and_check_nothing() {
    let dir = files(&[("x.jsonl", "{\"a\":1}\n\n  \t\r\n not json\n")]);
    let source = source(dir.path(), &[("format", "json-lines")]);
    assert_eq!(source.format(), "json");
    let got = texts(read(dir.path(), &[("format", "json-lines")]).unwrap());
    assert_eq!(got, ["{\"a\":1}", " not json"]);
}

#[test]
fn one_large_file_becomes_splits_for_every_reader() {
    let text = "0123456789abcde\n".repeat(512 << 10);
    let dir = files(&[("x.txt", &text)]);
    for (parallelism, size, expected) in [
        (1, "32 MiB", 4),
        (2, "32 MiB", 8),
        (8, "32 MiB", 8),
        (1, "1 MiB", 8),
        (1, "3 MiB", 4),
    ] {
        let source = source(dir.path(), &[("split-bytes", size)]);
        let splits = source.splits(parallelism).unwrap();
        assert_eq!(splits.len(), expected, "{parallelism} readers, {size}");
        let reading = read_splits(&source, splits, CONTEXT, BUDGET).unwrap();
        assert!(reading.records.len() == 512 << 10);
    }
    let source = source(dir.path(), &[("split-bytes", "8")]);
    let error = told(source.splits(1).unwrap_err());
    assert!(
        error.ends_with("would make more than 1000000 splits; raise `split-bytes`"),
        "{error}"
    );
}

#[test]
fn a_reader_goes_on_where_a_snapshot_was_taken() {
    let text = "one\ntwo\r\n\nlonger line\nlast";
    let dir = files(&[("a.txt", text), ("b.txt.gz", text), ("c.txt.zst", text)]);
    let all = read(dir.path(), &[]).unwrap().records;
    assert_eq!(all.len(), 15);
    for size in ["1 B", "5 B", "1 MiB"] {
        assert_eq!(
            read_with_restarts(dir.path(), &[("split-bytes", size)]),
            all,
            "{size}"
        );
    }
}

#[test]
fn records_can_be_located() {
    let dir = files(&[("a.txt", "one\ntwo\n"), ("b.gz", "three\nfour\n")]);
    let source = source(dir.path(), &[]);
    let mut reader = source.reader(CONTEXT).unwrap();
    for split in source.splits(1).unwrap() {
        reader.assign(split).unwrap();
    }
    let drained = drain(reader.as_mut(), BUDGET).unwrap();
    let locations: Vec<_> = drained
        .iter()
        .map(|(_, location)| location.as_str())
        .collect();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let expected = [
        format!("{}, byte 0", at("a.txt")),
        format!("{}, byte 4", at("a.txt")),
        format!("{}, byte 0 of the unpacked data", at("b.gz")),
        format!("{}, byte 6 of the unpacked data", at("b.gz")),
    ];
    assert_eq!(locations, expected);
}

#[test]
fn members_of_packed_files_follow_each_other() {
    let dir = files(&[]);
    for name in ["x.gz", "x.zst"] {
        let path = dir.path().join(name);
        let mut bytes = packed(&path, b"one\ntw");
        bytes.extend(packed(&path, b"o\nthree\n"));
        fs::write(&path, bytes).unwrap();
        assert_eq!(
            texts(read(&path, &[]).unwrap()),
            ["one", "two", "three"],
            "{name}"
        );
    }
}

#[test]
fn a_broken_packed_file_is_named() {
    let text: String = (0..20_000)
        .map(|i| format!("line {}\n", i * 7919 % 10_007))
        .collect();
    for (name, damage, expected) in [
        ("x.gz", "cut", "` is cut off, it cannot be unpacked: "),
        ("x.zst", "cut", "` is cut off, it cannot be unpacked: "),
        ("x.gz", "flip", "` is damaged, it cannot be unpacked: "),
        ("x.zst", "flip", "` is damaged, it cannot be unpacked: "),
        (
            "x.gz",
            "plain",
            "` is not gzip, though its name ends in `.gz`; rename it or pack it",
        ),
        (
            "x.gz",
            "short",
            "` is not gzip, though its name ends in `.gz`; rename it or pack it",
        ),
        (
            "x.zst",
            "plain",
            "` is damaged, it cannot be unpacked: Unknown frame descriptor",
        ),
        ("x.gz", "tail", "` is damaged, it cannot be unpacked: "),
        ("x.gz", "empty", "` is cut off, it cannot be unpacked: "),
    ] {
        let dir = files(&[]);
        let path = dir.path().join(name);
        let mut bytes = packed(&path, text.as_bytes());
        let middle = bytes.len() / 2;
        match damage {
            "cut" => bytes.truncate(middle),
            "flip" => bytes[middle..middle + 40]
                .iter_mut()
                .for_each(|byte| *byte ^= 0x5a),
            "short" => bytes = b"no".to_vec(),
            "plain" => bytes = text.clone().into_bytes(),
            "tail" => bytes.extend(b"garbage behind the last member"),
            _ => bytes.clear(),
        }
        fs::write(&path, bytes).unwrap();
        let error = told(read(&path, &[]).unwrap_err());
        let expected = format!("`{}{expected}", path.display());
        assert!(error.starts_with(&expected), "{error}, not {expected}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let dir = files(&[("x.txt", &"line\n".repeat(100))]);
    let path = dir.path().join("x.txt");
    let source = source(&path, &[]);
    let splits = source.splits(1).unwrap();
    fs::write(&path, "line\n").unwrap();
    let error = told(read_splits(&source, splits.clone(), CONTEXT, BUDGET).unwrap_err());
    assert_eq!(
        error,
        format!(
            "`{}` became shorter while the job read it: it ends at byte 5, not 500; do not change files \
             that are being read",
            path.display()
        )
    );
    fs::remove_file(&path).unwrap();
    let error = told(read_splits(&source, splits, CONTEXT, BUDGET).unwrap_err());
    assert!(error.starts_with("cannot open `"), "{error}");
}

#[test]
fn a_line_over_the_limit_fails_with_its_place_or_is_skipped() {
    let long = "x".repeat(2 << 20);
    let text = format!("one\n{long}\r\ntwo\n{long}");
    for name in ["x.txt", "x.gz"] {
        let dir = files(&[(name, &text)]);
        let path = dir.path().join(name);
        let error = told(read(&path, &[]).unwrap_err());
        let place = if name == "x.gz" {
            " of the unpacked data"
        } else {
            ""
        };
        assert_eq!(
            error,
            format!(
                "bad record at {}, byte 4{place}: the line is longer than the limit of 1048576 bytes for \
                 a record; leave such records out with `--on-bad-record skip`",
                path.display()
            )
        );
        for size in ["1 MiB", "100 B"] {
            let options = [("split-bytes", size)];
            let reading = read_skipping(&path, &options, 1000).unwrap();
            assert_eq!(
                (reading.bad_records, texts(reading)),
                (2, vec!["one".into(), "two".into()])
            );
        }
        let reading = read_skipping(&path, &[], 2 << 20).unwrap();
        assert_eq!((reading.bad_records, reading.records.len()), (0, 4));
    }
}

#[test]
fn a_poll_is_short_even_when_there_is_nothing_to_take() {
    let dir = files(&[]);
    let path = dir.path().join("x.txt");
    fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let source = source(&path, &[("split-bytes", "64 MiB")]);
    let context = ReaderContext {
        on_bad_record: BadRecordPolicy::Skip,
        ..CONTEXT
    };
    let mut reader: Box<dyn SourceReader> = source.reader(context).unwrap();
    for split in source.splits(1).unwrap() {
        reader.assign(split).unwrap();
    }
    let mut polls = 0;
    let mut batch = wasmill_types::Batch::default();
    while reader.poll(0, BUDGET, &mut batch).unwrap() == wasmill_types::operator::PollStatus::Ready
    {
        polls += 1;
    }
    assert!(polls >= 15, "{polls} polls for 64 MiB");
    assert_eq!((batch.len(), reader.bad_records()), (0, 1));
}
