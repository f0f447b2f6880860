//! Programs that describe no graph, or one that cannot run, and command lines that make no sense.

use crate::harness::{Wasmill, bundle};

#[test]
fn a_broken_graph_is_refused_with_the_operators_that_break_it() {
    for (kind, told) in [
        (
            "x",
            &["argument `--kind`: `x` is none of none, empty, cycle,"] as &[&str],
        ),
        ("empty", &["no operators"]),
        ("cycle", &["`first` (id 1)", "`second` (id 2)", "cycle"]),
        ("dangling-edge", &["edge 3", "77", "not in the graph"]),
        ("duplicate-id", &["`first`", "`second`", "same id 1"]),
        (
            "duplicate-uid",
            &["`first` (id 1)", "`second` (id 2)", "uid `twin`"],
        ),
        ("parallelism-0", &["`first`", "parallelism", "is 0"]),
        (
            "parallelism-above-max",
            &["`first` (id 1)", "parallelism 8", "max parallelism 4"],
        ),
        (
            "unknown-connector",
            &["`source`", "no source connector `kafak`", "datagen"],
        ),
        (
            "unknown-option",
            &["`source`", "no option `rowz`", "did you mean `rows`"],
        ),
        ("bad-option", &["`source`", "option `rows`, value `many`"]),
        (
            "unknown-format",
            &["unknown format `smoke-signals`", "postcard"],
        ),
        ("no-input", &["`lonely` (id 4)", "no input"]),
        ("too-many-operators", &["operators", "limit", "1000"]),
    ] {
        let args = ["--kind", kind];
        let bundle = bundle("evil/broken-graph");
        let ended = Wasmill::run_local(&bundle, &[], args).end().with_code(2);
        ended.error_with(told);
        // The summary says that nothing ran.
        assert!(
            ended.stdout.contains("\"job\":null"),
            "{kind}: {}",
            ended.stdout
        );
        let inspect = ["inspect", bundle.to_str().unwrap(), "--", "--kind", kind];
        Wasmill::new(inspect).end().with_code(2).error_with(told);
    }
}

#[test]
fn the_sound_graph_beside_the_broken_ones_is_accepted() {
    let bundle = bundle("evil/broken-graph");
    let inspect = ["inspect", bundle.to_str().unwrap(), "--", "--kind", "none"];
    Wasmill::new(inspect).end().with_code(0);
}

#[test]
fn a_program_that_cannot_describe_its_graph_says_why() {
    for (args, told) in [
        (
            &[] as &[&str],
            &["`--output` is missing", "after `--`"] as &[&str],
        ),
        (&["--output", "o"], &["`--input` is missing"]),
        (
            &["--output", "o", "--input", "i", "--inptu", "j"],
            &["no argument `--inptu`", "`--input`"],
        ),
        (&["--output"], &["`--output` needs a value"]),
    ] {
        let ended = Wasmill::run_local(&bundle("word-count"), &[], args)
            .end()
            .with_code(2);
        ended.error_with(told);
        ended.error_with(&["word-count.wasm"]);
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let word_count = bundle("word-count");
    let word_count = word_count.to_str().unwrap();
    for (args, told) in [
        (
            &["run", "--local", "--parallelism", "0", word_count] as &[&str],
            "--parallelism",
        ),
        (&["run", "--local", "--detach", word_count], "--detach"),
        (
            &["run", "--local", "--parallelism", "32769", word_count],
            "32768",
        ),
        (
            &["run", "--local", "--on-bad-record", "ignore", word_count],
            "skip",
        ),
        (&["run", "--local", word_count, "--input", "x"], "--input"),
        (
            &["run", "--local", "--max-memory", "5GiB", word_count],
            "from 1 MiB to 4 GiB",
        ),
        (
            &["run", "--local", "--call-timeout", "soon", word_count],
            "`soon` is not a duration",
        ),
        (&["bench", "map-filter", "--records", "0"], "--records"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let ended = Wasmill::new(args).end().with_code(2);
        ended.error_with(&[told]);
    }
    let nobody = Wasmill::new(["run", word_count]).env("WASMILL_URL", "http://127.0.0.1:1");
    nobody
        .end()
        .with_code(1)
        .error_with(&["cluster start", "--local"]);
}
