//! The shape of source files: length, header, words that must not stay, names of things in tables.
//!
//! Clippy checks the length of functions, and debug macros (`clippy.toml`, the workspace's lints).

use std::fs;
use std::path::{Path, PathBuf};

use super::report;
use crate::harness::root;

/// The most lines of a file.
const MAX_LINES: usize = 500;

/// Files that may be longer, and why.
const LONG: [(&str, &str); 1] = [(
    "sdk/rust/src/bindings.rs",
    "generated from wit/ as one file",
)];

/// Directories of sources.
const HOMES: [&str; 4] = ["host", "sdk", "guest-examples", "tests"];

/// What no source may hold, in two parts so that this file does not, and what to do instead.
const FORBIDDEN: [(&str, &str, &str); 5] = [
    (
        "FIX",
        "ME",
        "mend it, or open an issue that says what is wrong",
    ),
    ("dbg", "!(", "remove it"),
    ("unimplemented", "!(", "implement it"),
    ("#[ign", "ore", "make the test pass, or delete it"),
    ("#[should", "_panic", "assert the error"),
];

/// A source file.
pub(super) struct Source {
    /// Its path in the checkout.
    pub(super) path: String,
    pub(super) text: String,
}

/// All sources in Rust; the directories that tools write are left out.
pub(super) fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for home in HOMES {
        collect(&root().join(home), &mut files);
    }
    assert!(files.len() > 100, "the sources were not found");
    files.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().display().to_string(),
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Asks a question about every source; the answers are findings.
fn check(rule: &str, question: impl Fn(&Source) -> Vec<String>) {
    let find = |source: &Source| {
        let found = question(source).into_iter();
        found
            .map(|finding| format!("{}: {finding}", source.path))
            .collect::<Vec<_>>()
    };
    report(rule, &sources().iter().flat_map(find).collect::<Vec<_>>());
}

/// The numbers of the lines that hold a text.
fn lines_with<'a>(source: &'a Source, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let lines = source.text.lines().enumerate();
    lines
        .filter(move |(_, line)| line.contains(text))
        .map(|(number, line)| (number + 1, line))
}

#[test]
fn no_file_is_long() {
    check("split the file", |source| {
        let lines = source.text.lines().count();
        let exempt = LONG.iter().any(|(path, _)| *path == source.path);
        let long = lines > MAX_LINES && !exempt;
        Vec::from_iter(long.then(|| format!("{lines} lines, {MAX_LINES} are allowed")))
    });
}

#[test]
fn exemptions_are_still_needed() {
    for (path, reason) in LONG {
        let text = fs::read_to_string(root().join(path)).unwrap();
        assert!(
            text.lines().count() > MAX_LINES,
            "{path} is short now; it was exempt: {reason}"
        );
    }
}

#[test]
fn every_file_says_what_it_is() {
    check(
        "begin the file with `//!`: what it is, who calls it, its invariant",
        |source| {
            let says = source.text.starts_with("//! ");
            Vec::from_iter((!says).then(|| "no `//!` at the top".to_owned()))
        },
    );
}

#[test]
fn modules_have_files_of_their_own_name() {
    check("name the file after its module", |source| {
        let is_mod = source.path.ends_with("/mod.rs");
        Vec::from_iter(is_mod.then(|| "`foo/mod.rs` should be `foo.rs`".to_owned()))
    });
}

#[test]
fn nothing_unfinished_stays() {
    check("unfinished", |source| {
        let findings = FORBIDDEN.iter().flat_map(|(a, b, fix)| {
            let word = format!("{a}{b}");
            let places: Vec<_> = lines_with(source, &word).map(|(line, _)| line).collect();
            places
                .into_iter()
                .map(move |line| format!("line {line} has `{word}`; {fix}"))
        });
        findings.collect()
    });
}

#[test]
fn what_is_still_to_do_names_its_issue() {
    let word = concat!("TO", "DO");
    check("unowned", |source| {
        let unowned = lines_with(source, word).filter(|(_, line)| !names_issue(line, word));
        unowned
            .map(|(line, _)| format!("line {line}: write `{word}(#N)`"))
            .collect()
    });
}

/// Whether the word is followed by `(#N)` wherever it stands.
fn names_issue(line: &str, word: &str) -> bool {
    line.split(word).skip(1).all(|rest| {
        let number = rest
            .strip_prefix("(#")
            .and_then(|rest| rest.split_once(')'));
        number.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
    })
}

#[test]
fn an_issue_is_a_number_in_parentheses() {
    for (line, expected) in [
        ("// X(#12): later", true),
        ("// X: later", false),
        ("// X(soon)", false),
        ("// X(#12), X", false),
        ("// nothing", true),
    ] {
        assert_eq!(names_issue(line, "X"), expected, "{line}");
    }
}

#[test]
fn metrics_of_the_host_are_in_the_table() {
    let table = "host/types/src/metric.rs";
    check("take the name from `types::metric`", |source| {
        // Tests say which names others see.
        let is_test = source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
        if !source.path.starts_with("host/") || source.path == table || is_test {
            return Vec::new();
        }
        let names = lines_with(source, "\"num").filter(|(_, line)| {
            let rest = line.split("\"num").nth(1).unwrap_or_default();
            rest.starts_with(char::is_uppercase)
        });
        names
            .map(|(line, _)| format!("line {line} names a metric"))
            .collect()
    });
}

#[test]
fn every_kind_of_thread_is_documented() {
    let path = "host/actor/src/threads.rs";
    let text = fs::read_to_string(root().join(path)).unwrap();
    let (_, rest) = text.split_once("pub enum ThreadKind {\n").unwrap();
    let (kinds, behaviour) = rest.split_once("\n}\n").unwrap();
    let mut documented = false;
    let mut findings = Vec::new();
    for line in kinds.lines().map(str::trim) {
        if line.starts_with("///") {
            documented = true;
            continue;
        }
        let kind = line.trim_end_matches(',');
        if !documented {
            findings.push(format!("`{kind}` does not say what it does"));
        }
        if !behaviour.contains(&format!("Self::{kind} => OnPanic::")) {
            findings.push(format!("`{kind}` does not say what its panic does"));
        }
        documented = false;
    }
    report(path, &findings);
}

#[test]
fn the_readme_begins_with_the_two_commands() {
    /// What fits on one screen.
    const FIRST_SCREEN: usize = 40;
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let screen: Vec<_> = readme.lines().take(FIRST_SCREEN).collect();
    let missing = ["make demo", "make test"].into_iter();
    let missing = missing.filter(|command| !screen.iter().any(|line| line.contains(command)));
    let findings: Vec<_> = missing.map(|command| format!("no `{command}`")).collect();
    report("the first screen of README.md", &findings);
}
