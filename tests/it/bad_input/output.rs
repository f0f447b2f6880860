//! Output that cannot be written.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::refused;
use crate::harness::{Wasmill, assert_nothing_written, bundle};

#[test]
fn an_output_directory_that_cannot_be_made() {
    let dir = tempfile::tempdir().unwrap();
    let (input, file) = (dir.path().join("in.txt"), dir.path().join("file"));
    fs::write(&input, "text").unwrap();
    fs::write(&file, "not a directory").unwrap();
    let below = file.join("out");
    refused(
        "word-count",
        [&input, &below],
        1,
        &[below.to_str().unwrap()],
    );
    let told = [file.to_str().unwrap()];
    let args = [Path::new("--input"), &input, Path::new("--output"), &file];
    let ended = Wasmill::run_local(&bundle("word-count"), &[], args)
        .end()
        .with_code(1);
    ended.error_with(&told);
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn an_output_directory_that_may_not_be_written() {
    // Nobody may write there, not even the system's administrator.
    let output = Path::new("/proc/self/wasmill-counts");
    if !Path::new("/proc/self").exists() {
        return super::skipped("there is no /proc");
    }
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.txt");
    fs::write(&input, "text").unwrap();
    refused(
        "word-count",
        [&input, output],
        1,
        &[output.to_str().unwrap()],
    );
}

/// Mounts a disk of 256 KiB over its first argument, runs the rest, and says what is left on the disk.
/// The mount is gone with the process.
const ON_A_SMALL_DISK: &str = r#"
disk=$1; shift
mount -t tmpfs -o size=256k wasmill-test "$disk" || exit 99
"$@"; code=$?
echo "left: $(ls -A "$disk/out" 2>/dev/null)"
exit $code
"#;

#[test]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (input, disk) = (dir.path().join("in.txt"), dir.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    let text: String = (0..200_000)
        .map(|number| format!("word{number} "))
        .collect();
    fs::write(&input, text.replace("0 ", "0\n")).unwrap();

    let mut starter = Command::new("unshare");
    starter
        .args([
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            ON_A_SMALL_DISK,
            "sh",
        ])
        .arg(&disk);
    let probe = Command::new("unshare")
        .args([
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            ON_A_SMALL_DISK,
            "sh",
        ])
        .args([disk.as_path(), Path::new("true")])
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return super::skipped("this user may mount no disk");
    }
    let output = disk.join("out");
    let bundle = bundle("word-count");
    let args = [
        Path::new("run"),
        Path::new("--local"),
        &bundle,
        Path::new("--"),
        Path::new("--input"),
        &input,
        Path::new("--output"),
        &output,
    ];
    let ended = Wasmill::started_by(starter, args).end().with_code(1);
    ended.error_with(&["No space left on device", output.to_str().unwrap()]);
    assert_eq!(ended.stdout.trim(), "left:");
}

/// `sh` that runs its arguments under a limit of the system.
fn limited(limit: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("ulimit {limit} || exit 99; exec \"$@\""),
        "sh",
    ]);
    shell
}

#[test]
fn a_limit_of_the_system_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.txt"), dir.path().join("out"));
    let text: String = (0..100_000)
        .map(|number| format!("word{number}\n"))
        .collect();
    fs::write(&input, text).unwrap();
    let bundle = bundle("word-count");
    for (limit, told) in [
        // In blocks of 512 or 1024 bytes.
        ("-f 100", &["File too large", "counts"] as &[&str]),
        // In KiB; an instance reserves 4 GiB.
        ("-v 3000000", &["address space", "ulimit -v unlimited"]),
    ] {
        let args = [
            Path::new("run"),
            Path::new("--local"),
            &bundle,
            Path::new("--"),
            Path::new("--input"),
            &input,
            Path::new("--output"),
            &output,
        ];
        let ended = Wasmill::started_by(limited(limit), args).end().with_code(1);
        ended.error_with(told);
        assert!(!ended.error().contains("the bundle broke"), "{limit}");
        assert_nothing_written(&output);
    }
}
