//! The program as a newcomer meets it: from `wasmill new` to a running job, and what helps on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Wasmill, bundle, lines_of_parts, root};

/// A place that is the same in each run, so that the SDK is compiled only when it has changed.
const PLACE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cli");

#[test]
fn a_new_project_is_tested_built_and_run() {
    let place = Path::new(PLACE);
    let project = place.join("my-words");
    drop(fs::remove_dir_all(&project));
    fs::create_dir_all(place.join(".cargo")).unwrap();
    let config = "[build]\ntarget-dir = \"target\"\n";
    fs::write(place.join(".cargo/config.toml"), config).unwrap();

    let made = Wasmill::new(["new", "my-words"])
        .within(place)
        .end()
        .with_code(0);
    assert!(made.stdout.contains("cd my-words"), "{}", made.stdout);
    Wasmill::new(["new", "my-words"])
        .within(place)
        .end()
        .with_code(2)
        .error_with(&["my-words"]);
    // The versions that the rest of the tests use, so that no new release can break this one.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();

    let mut cargo = Command::new("cargo");
    let tests = cargo.args(["test", "--quiet"]).current_dir(&project);
    let tests = tests.env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(
        tests.status.success(),
        "{}",
        String::from_utf8_lossy(&tests.stderr)
    );

    let build = Wasmill::new(["build", "--quiet"]).within(&project);
    let built = build.without("CARGO_TARGET_DIR").end().with_code(0);
    let bundle = project.join(built.stdout.trim());
    assert_eq!(bundle.file_name().unwrap(), "my-words.wasm");

    fs::write(project.join("text"), "a b A\n").unwrap();
    let args = ["--input", "text", "--output", "counts"];
    let run = Wasmill::run_local(&bundle, &[], args)
        .within(&project)
        .end()
        .with_code(0);
    assert_eq!(run.summary()["records_in"], 1);
    assert_eq!(run.summary()["job"], "my-words", "the crate's name");
    assert_eq!(
        lines_of_parts(&project.join("counts")),
        ["a,1", "a,2", "b,1"]
    );
    fs::remove_dir_all(project.join("counts")).unwrap();
    follow_readme(&project);
    a_second_job_is_refused(&project);
}

/// The commands of a new project's README work as they are written.
fn follow_readme(project: &Path) {
    // The tests' projects share a target directory; a user's project has its own.
    std::os::unix::fs::symlink("../target", project.join("target")).unwrap();
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let (_, rest) = readme.split_once("```sh\n").unwrap();
    let (commands, _) = rest.split_once("```").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", commands]).current_dir(project);
    shell
        .env("PATH", Wasmill::path())
        .env_remove("CARGO_TARGET_DIR");
    let ended = shell.output().unwrap();
    let [stdout, stderr] =
        [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(ended.status.success(), "{commands}\n{stdout}{stderr}");
    // The last command prints the counts of the README itself.
    assert!(stdout.lines().any(|line| line == "wasmill,3"), "{stdout}");
}

/// Two jobs in one crate are an error that says so.
fn a_second_job_is_refused(project: &Path) {
    let library = project.join("src/lib.rs");
    let second = "\nmod other {\n    use wasmill::prelude::*;\n    #[wasmill::job(name = \"other\")]\n    \
                  fn other(_: &Env) -> Result<()> {\n        Ok(())\n    }\n}\n";
    fs::write(&library, fs::read_to_string(&library).unwrap() + second).unwrap();
    let build = Wasmill::new(["build", "--quiet"]).within(project);
    let built = build.without("CARGO_TARGET_DIR").end().with_code(1);
    // The compiler's own words, which begin with `error:` too.
    let told = "#[wasmill::job]: only one function of a crate may have it";
    assert!(built.stderr.contains(told), "{}", built.stderr);
}

#[test]
fn a_job_that_cannot_run_has_a_summary_too() {
    let ended = Wasmill::new(["run", "--local", "--json", "missing.wasm"]).end();
    let ended = ended.with_code(2);
    ended.error_with(&["there is no bundle `missing.wasm`"]);
    let summary = ended.summary();
    assert_eq!(summary["job"], Value::Null);
    assert_eq!(summary["state"], "FAILED");
    let error = summary["error"].as_str().unwrap();
    assert!(ended.error().ends_with(error), "{error}");
}

#[test]
fn records_that_a_bundle_makes_itself_are_records_in() {
    // Its one chain makes the records, drops half, and sums up the rest: nothing leaves it.
    let args = ["--workload", "map-filter-fused", "--records", "1000"];
    let flags = ["--parallelism", "2"];
    let run = Wasmill::run_local(&bundle("bench"), &flags, args);
    let summary = run.end().with_code(0).summary();
    assert_eq!(summary["records_in"], 1000);
    assert_eq!(summary["records_out"], 0);
}

#[test]
fn a_bundle_is_inspected_as_table_json_and_dot() {
    let bundle = bundle("word-count");
    let inspect = |flags: &[&str]| {
        let args = ["--", "--input", "texts", "--output", "counts"];
        let args = ["inspect"]
            .iter()
            .chain(flags)
            .map(PathBuf::from)
            .chain([bundle.clone()])
            .chain(args.map(PathBuf::from));
        Wasmill::new(args).end().with_code(0).stdout
    };
    let table = inspect(&["--parallelism", "3"]);
    for text in [
        "word-count",
        "sha256",
        "wasmill:dataflow/output@0.1.0",
        "lines",
        "HASH",
        "counts",
    ] {
        assert!(table.contains(text), "no `{text}` in\n{table}");
    }
    let json: Value = serde_json::from_str(&inspect(&["--json", "--parallelism", "3"])).unwrap();
    assert_eq!(json["digest"].as_str().unwrap().len(), 64);
    assert_eq!(json["bytes"], fs::metadata(&bundle).unwrap().len());
    assert_eq!(json["error"], Value::Null);
    for key in ["imports", "exports", "graph", "plan"] {
        assert!(!json[key].is_null(), "{key}");
    }
    let dot = inspect(&["--dot"]);
    assert!(dot.starts_with("digraph") && dot.contains("->"), "{dot}");
}

#[test]
fn the_help_names_every_command_and_shows_how_to_begin() {
    let help = Wasmill::new(["--help"]).end().with_code(0).stdout;
    let commands = [
        "new",
        "build",
        "inspect",
        "run",
        "connectors",
        "completions",
    ];
    for command in commands {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} is missing in\n{help}"
        );
        let own = Wasmill::new([command, "--help"]).end().with_code(0).stdout;
        assert!(own.contains("Usage: wasmill"), "{own}");
        assert!(
            own.contains("Example"),
            "the help of `{command}` shows no example"
        );
    }
    assert!(help.contains("wasmill run --local"), "{help}");
    let version = Wasmill::new(["--version"]).end().with_code(0).stdout;
    assert_eq!(
        version.trim(),
        format!("wasmill {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn connectors_are_listed_with_their_options() {
    let all = Wasmill::new(["connectors"]).end().with_code(0).stdout;
    for text in [
        "file (source)",
        "file (sink)",
        "socket",
        "datagen",
        "print",
        "blackhole",
        "split-bytes",
    ] {
        assert!(all.contains(text), "no `{text}` in\n{all}");
    }
    Wasmill::new(["connectors", "flie"])
        .end()
        .with_code(2)
        .error_with(&["`flie`", "`file`"]);
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Wasmill::new(["completions", shell])
            .end()
            .with_code(0)
            .stdout;
        assert!(script.contains("on-bad-record"), "{shell}");
    }
}

#[test]
fn the_summary_is_one_line_for_people_and_one_object_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("text"), "to be or not to be\nthat\n").unwrap();
    let bundle = bundle("word-count");
    let run = |flags: &[&str], output: &str| {
        let args = ["--", "--input", "text", "--output", output].map(PathBuf::from);
        let command = ["run", "--local"].iter().chain(flags).map(PathBuf::from);
        Wasmill::new(command.chain([bundle.clone()]).chain(args))
            .within(dir.path())
            .end()
            .with_code(0)
    };
    let plain = run(&[], "plain");
    assert_eq!(plain.stdout, "");
    assert_eq!(plain.stderr.lines().count(), 1, "{}", plain.stderr);
    assert!(
        plain
            .stderr
            .contains("job `word count` finished: 2 records in, 7 out"),
        "{}",
        plain.stderr
    );
    let quiet = run(&["--quiet"], "quiet");
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let json = run(&["--json"], "json");
    assert_eq!((json.stdout.lines().count(), json.stderr.as_str()), (1, ""));
    let summary = json.summary();
    assert_eq!(summary["job"], "word count");
    assert_eq!(summary["records_in"], 2);
    assert_eq!(summary["records_out"], 7);
    assert_eq!(summary["bytes_in"], 22);
}
