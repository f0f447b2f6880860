//! The examples do what their own README.md shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Wasmill, bundle, lines_of_parts, root};

/// The text of an example's README.md.
fn readme(guest: &str) -> String {
    fs::read_to_string(root().join("guest-examples").join(guest).join("README.md")).unwrap()
}

/// The lines of the blocks of a README that are written in a language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let blocks = readme
        .split(&begin)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

fn sorted(lines: &[&str]) -> Vec<String> {
    let mut lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
    lines.sort();
    lines
}

/// Writes what stands in a README's script between `<<'WORD'` and `WORD` to a file.
fn here_document(readme: &str, word: &str, file: &Path) {
    let text = readme.split(&format!("<<'{word}'\n")).nth(1).unwrap();
    let text = text.split(&format!("{word}\n")).next().unwrap();
    fs::write(file, text).unwrap();
}

/// Runs an example over `input` at several degrees of parallelism; `outputs` are the options with a
/// directory, each with the lines that must come out there, in any order.
fn check(guest: &str, input: &Path, more: &[&str], outputs: &[(&str, Vec<String>)]) {
    for parallelism in ["1", "2", "4"] {
        let dir = tempfile::tempdir().unwrap();
        let mut args = vec![PathBuf::from("--input"), input.to_owned()];
        args.extend(more.iter().map(PathBuf::from));
        for (option, _) in outputs {
            args.extend([PathBuf::from(option), dir.path().join(&option[2..])]);
        }
        let flags = ["--parallelism", parallelism];
        Wasmill::run_local(&bundle(guest), &flags, args)
            .end()
            .with_code(0);
        for (option, expected) in outputs {
            let found = lines_of_parts(&dir.path().join(&option[2..]));
            assert_eq!(
                &found, expected,
                "{guest} {option} at parallelism {parallelism}"
            );
        }
    }
}

#[test]
fn map_filter() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("readings.csv");
    fs::write(&input, "sensor,celsius\noven,180.5\nroom,21\nfever,39.4\n").unwrap();
    let hot = [
        r#"{"sensor":"oven","fahrenheit":356.9}"#,
        r#"{"sensor":"fever","fahrenheit":102.9}"#,
    ];
    assert_eq!(blocks(&readme("map-filter"), "json"), hot);
    check(
        "map-filter",
        &input,
        &["--above", "100"],
        &[("--output", sorted(&hot))],
    );

    let text = "place,celsius,sensor\n\"a, b\",20,\"say \"\"hi\"\"\"\nx,-300,cold\n";
    fs::write(&input, text).unwrap();
    let all = [
        r#"{"sensor":"say \"hi\"","fahrenheit":68.0}"#,
        r#"{"sensor":"cold","fahrenheit":-508.0}"#,
    ];
    check(
        "map-filter",
        &input,
        &["--above=-1000"],
        &[("--output", sorted(&all))],
    );
}

#[test]
fn page_views() {
    let readme = readme("page-views");
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("views.jsonl");
    here_document(&readme, "END", &input);
    let (suspects, statistics): (Vec<_>, Vec<_>) = blocks(&readme, "json")
        .into_iter()
        .partition(|line| line.contains("recent_ms"));
    assert_eq!((suspects.len(), statistics.len()), (1, 6));
    let sorted = |lines: Vec<String>| sorted(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let outputs = [
        ("--output", sorted(statistics)),
        ("--suspects", sorted(suspects)),
    ];
    check("page-views", &input, &[], &outputs);
}

#[test]
fn page_views_of_many_users() {
    const USERS: usize = 500;
    const VIEWS: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("views.jsonl");
    let mut text = String::new();
    let (mut statistics, mut suspects) = (Vec::new(), Vec::new());
    for view in 0..VIEWS {
        for user in 0..USERS {
            // Each fifth user is too fast; each looks at the pages 0 and 1 in turn.
            let ms = if user % 5 == 0 { 10 } else { 1000 + user };
            let page = view % 2;
            text += &format!("{{\"user\":\"u{user}\",\"page\":\"/{page}\",\"ms\":{ms}}}\n");
            statistics.push(format!(
                "{{\"user\":\"u{user}\",\"views\":{},\"average_ms\":{ms},\"favourite\":\"/0\"}}",
                view + 1
            ));
            if user % 5 == 0 && view % 3 == 2 {
                suspects.push(format!("{{\"user\":\"u{user}\",\"recent_ms\":[10,10,10]}}"));
            }
        }
    }
    fs::write(&input, text).unwrap();
    statistics.sort();
    suspects.sort();
    check(
        "page-views",
        &input,
        &[],
        &[("--output", statistics), ("--suspects", suspects)],
    );
}

#[test]
fn fraud() {
    let readme = readme("fraud");
    let dir = tempfile::tempdir().unwrap();
    let (rules, payments) = (dir.path().join("rules"), dir.path().join("payments"));
    here_document(&readme, "END", &rules);
    here_document(&readme, "RAW", &payments);
    let alerts = blocks(&readme, "json");
    assert_eq!(alerts.len(), 4);
    for parallelism in ["1", "2", "4"] {
        let output = dir.path().join(parallelism);
        let names = ["--rules", "--payments", "--output"].map(PathBuf::from);
        let paths = [&rules, &payments, &output].map(PathBuf::clone);
        let args = names
            .into_iter()
            .zip(paths)
            .flat_map(|(name, path)| [name, path]);
        let flags = ["--parallelism", parallelism];
        let run = Wasmill::run_local(&bundle("fraud"), &flags, args);
        run.end().with_code(0);
        // Already in the order in which `lines_of_parts` sorts.
        assert_eq!(
            lines_of_parts(&output),
            alerts,
            "at parallelism {parallelism}"
        );
    }
}

#[test]
fn word_count() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("hamlet.txt");
    fs::write(&input, "To be, or not to be:\nthat is the question.\n").unwrap();
    let shown = blocks(&readme("word-count"), "");
    let shown: Vec<_> = shown
        .iter()
        .filter(|line| line.contains(','))
        .map(String::as_str)
        .collect();
    let shown: Vec<_> = shown
        .into_iter()
        .filter(|line| !line.contains(' '))
        .collect();
    assert_eq!(shown.len(), 10);
    check("word-count", &input, &[], &[("--output", sorted(&shown))]);
}

#[test]
fn sessionize() {
    let readme = readme("sessionize");
    let clicks = readme.split("<<'END'\n").nth(1).unwrap();
    let clicks = clicks.split("END\n").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("clicks.jsonl");
    fs::write(&input, clicks).unwrap();
    let (visits, late): (Vec<_>, Vec<_>) = blocks(&readme, "json")
        .into_iter()
        .partition(|line| line.contains("pages"));
    let sorted = |lines: &[String]| sorted(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    // One reader only, else it depends on when the others find nothing to read which clicks are late.
    let [output, aside] = ["visits", "late"].map(|name| dir.path().join(name));
    let paths = [&input, &output, &aside].map(|path| path.to_str().unwrap());
    let args = [
        "--input", paths[0], "--output", paths[1], "--late", paths[2],
    ];
    let args = args.into_iter().chain(["--gap", "30"]);
    let run = Wasmill::run_local(&bundle("sessionize"), &["--parallelism", "1"], args);
    run.end().with_code(0);
    assert_eq!(lines_of_parts(&output), sorted(&visits));
    assert_eq!(lines_of_parts(&aside), sorted(&late));
}
