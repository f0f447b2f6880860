//! `wasmill bench` with state: what it says of checkpoints, and that it leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::Wasmill;

/// An empty directory for temporary files.
fn empty(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bench")
        .join(name);
    drop(fs::remove_dir_all(&place));
    fs::create_dir_all(&place).unwrap();
    place
}

fn files(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn bench(place: &Path, args: &str) -> Wasmill {
    let args = ["bench"].into_iter().chain(args.split(' '));
    Wasmill::new(args).env("TMPDIR", &place.display().to_string())
}

#[test]
fn keyed_count_says_what_its_checkpoints_were_like() {
    let place = empty("figures");
    let flags = "--backend rocksdb --checkpoint-interval 50ms --records 300000 --rounds 1 --json";
    let ended = bench(&place, &format!("keyed-count {flags}")).end();
    let figures: Value = serde_json::from_str(ended.with_code(0).stdout.trim()).unwrap();
    for field in [
        "checkpoints",
        "checkpoint_p50_ms",
        "checkpoint_bytes",
        "state_bytes",
        "records_per_second",
    ] {
        assert!(figures[field].as_f64().unwrap() > 0.0, "{field}: {figures}");
    }
    assert_eq!(files(&place), Vec::<PathBuf>::new());
}

#[test]
fn windows_and_queries_are_measured() {
    let place = empty("windows");
    for command in [
        "tumbling-window --octaves 13 --records 100000",
        "nexmark --query q11 --events 50000 --parallelism 2 --backend rocksdb --checkpoint-interval 100ms",
    ] {
        let ended = bench(&place, &format!("{command} --rounds 1 --json")).end();
        let figures: Value = serde_json::from_str(ended.with_code(0).stdout.trim()).unwrap();
        for field in ["records_per_second", "ns_per_record_core", "sandbox_tax"] {
            assert!(figures[field].as_f64().unwrap() > 0.0, "{field}: {figures}");
        }
    }
    assert_eq!(files(&place), Vec::<PathBuf>::new());
}

#[test]
fn latency_is_told_for_each_buffer_timeout() {
    let place = empty("latency");
    for (flags, timeouts) in [
        ("", &[100.0, 1.0, 0.0][..]),
        (" --buffer-timeout 5ms", &[5.0]),
    ] {
        let ended = bench(&place, &format!("latency --seconds 1 --json{flags}")).end();
        let figures: Value = serde_json::from_str(ended.with_code(0).stdout.trim()).unwrap();
        assert_eq!(
            (&figures["name"], &figures["parallelism"]),
            (&"latency".into(), &2.into())
        );
        let runs = figures["runs"].as_array().unwrap();
        let of = |name: &str| -> Vec<f64> {
            runs.iter().map(|run| run[name].as_f64().unwrap()).collect()
        };
        assert_eq!(of("buffer_timeout_ms"), timeouts);
        for (p50, (p99, max)) in of("p50_ms")
            .iter()
            .zip(of("p99_ms").iter().zip(of("max_ms")))
        {
            assert!(0.0 < *p50 && p50 <= p99 && *p99 <= max, "{figures}");
        }
        // A sixth of 50 000 is left out.
        assert!(
            of("records").iter().all(|records| *records == 41_668.0),
            "{figures}"
        );
    }
    assert_eq!(files(&place), Vec::<PathBuf>::new());
}

#[test]
fn a_benchmark_that_is_interrupted_leaves_no_state_behind() {
    let place = empty("interrupted");
    let flags =
        "--backend rocksdb --checkpoint-interval 50ms --records 1000000000 --log-level info";
    let running = bench(&place, &format!("keyed-count {flags}")).start();
    let running = running.until("contender=");
    assert_ne!(files(&place), Vec::<PathBuf>::new(), "there is state");
    running.signalled("INT").with_code(130);
    assert_eq!(files(&place), Vec::<PathBuf>::new());
}

#[test]
fn options_of_other_workloads_are_refused() {
    let place = empty("refused");
    let ended = bench(&place, "map-filter --backend rocksdb").end();
    ended
        .with_code(1)
        .error_with(&["`--backend`", "`keyed-count`"]);
}

#[test]
fn backpressure_says_how_long_both_kinds_of_checkpoints_take() {
    let place = empty("backpressure");
    let flags = "--checkpoint-interval 20ms --records 20000 --rounds 1 --json";
    let ended = bench(&place, &format!("backpressure {flags}")).end();
    let figures: Value = serde_json::from_str(ended.with_code(0).stdout.trim()).unwrap();
    for kind in ["aligned", "unaligned"] {
        let taken = &figures[kind];
        assert!(taken["checkpoints"].as_u64().unwrap() > 0, "{figures}");
        assert!(taken["checkpoint_max_ms"].as_f64() >= taken["checkpoint_p50_ms"].as_f64());
    }
    assert_eq!(files(&place), Vec::<PathBuf>::new());
}
