//! The words of real texts are counted right: each word once for each time that it is there.
//!
//! The counts are compared with those of a program of a few lines below, and of one in Python.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Wasmill, bundle, parts, root};

type Counts = BTreeMap<String, u64>;

/// The same as `guest-examples/word-count`, for a whole text and without care for speed.
fn count(text: &str) -> Counts {
    let mut counts = Counts::new();
    for token in text.split(char::is_whitespace) {
        let token = token.to_lowercase();
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The same in Python; its characters that are white space are some more, so they are named.
const PYTHON: &str = r"
import re, sys
counts = {}
text = sys.stdin.buffer.read().decode()
for token in re.split('[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', text):
    token = token.lower()
    start, end = 0, len(token)
    while start < end and not token[start].isalnum(): start += 1
    while start < end and not token[end - 1].isalnum(): end -= 1
    if start < end:
        counts[token[start:end]] = counts.get(token[start:end], 0) + 1
for word, count in counts.items():
    sys.stdout.buffer.write(f'{word}\t{count}\n'.encode())
";

/// What Python counts; nothing where there is no Python.
fn count_in_python(text: &str) -> Option<Counts> {
    let mut command = Command::new("python3");
    command
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let counts = lines.lines().map(|line| {
        let (word, count) = line.rsplit_once('\t').unwrap();
        (word.to_owned(), count.parse().unwrap())
    });
    Some(counts.collect())
}

/// The counts that the job has written. Those of one word must be 1, 2, 3 and so on, in one part file.
fn written(dir: &Path) -> Counts {
    let mut all = Counts::new();
    for part in parts(dir) {
        let mut counts = Counts::new();
        for line in fs::read_to_string(&part).unwrap().lines() {
            let (word, count) = line.rsplit_once(',').unwrap();
            let known = counts.entry(unquoted(word)).or_default();
            *known += 1;
            assert_eq!(
                count,
                known.to_string(),
                "of `{word}` in {}",
                part.display()
            );
        }
        for (word, count) in counts {
            let elsewhere = all.insert(word.clone(), count);
            assert_eq!(elsewhere, None, "`{word}` is in two part files");
        }
    }
    all
}

/// A field of CSV as it was.
fn unquoted(field: &str) -> String {
    match field
        .strip_prefix('"')
        .and_then(|field| field.strip_suffix('"'))
    {
        Some(field) => field.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

/// Runs the job over `input` and compares its counts with those of the text behind it.
fn check(input: &Path, text: &str, parallelism: u32) {
    let output = tempfile::tempdir().unwrap();
    let output = output.path().join("counts");
    let args = [
        "--input",
        input.to_str().unwrap(),
        "--output",
        output.to_str().unwrap(),
    ];
    let flags = ["--parallelism", &parallelism.to_string()];
    let ended = Wasmill::run_local(&bundle("word-count"), &flags, args)
        .end()
        .with_code(0);
    let expected = count(text);
    let found = written(&output);
    let place = format!("of {} at parallelism {parallelism}", input.display());
    assert_eq!(found.len(), expected.len(), "the number of words {place}");
    for (word, count) in &expected {
        assert_eq!(found.get(word), Some(count), "`{word}` {place}");
    }
    let summary = ended.summary();
    assert_eq!(summary["state"], "FINISHED");
    assert_eq!(
        summary["records_out"],
        expected.values().sum::<u64>(),
        "records {place}"
    );
}

/// A directory with copies of files of the checkout, and all their text.
struct Texts {
    dir: TempDir,
    text: String,
}

impl Texts {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            text: String::new(),
        }
    }

    fn add(&mut self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// The files of a directory of the checkout that end like this.
    fn of(dir: &str, end: &str) -> Self {
        let mut texts = Self::new();
        for entry in fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(end) {
                texts.add(name, &fs::read_to_string(&path).unwrap());
            }
        }
        assert!(!texts.text.is_empty(), "no {end} in {dir}");
        texts
    }
}

#[test]
fn real_texts_are_counted_as_python_counts_them() {
    for (dir, end) in [
        ("", "LICENSE"),
        ("wit", ".wit"),
        ("sdk/rust/src", ".rs"),
        ("", ".md"),
    ] {
        let texts = Texts::of(dir, end);
        if let Some(counts) = count_in_python(&texts.text) {
            assert_eq!(counts, count(&texts.text), "{dir} {end}");
        }
        for parallelism in [1, 2, 8] {
            check(texts.dir.path(), &texts.text, parallelism);
        }
    }
}

/// Text without end that is the same every time, with what is hard about text.
struct Babble {
    state: u64,
}

impl Babble {
    fn next(&mut self, below: usize) -> usize {
        // Xorshift: good enough, and the same everywhere.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below as u64) as usize
    }

    fn word(&mut self) -> String {
        const ALPHABETS: [&str; 6] = [
            "abcdefghijklmnopqrstuvwxyz",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            "äöüßéèñøåÆŒİıǅ",
            "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΣΩ",
            "абвгдежзиклмнопрстуфхцчшщыэюяЖЩЯ",
            "東京日本語中文한국어٠١٢٣हिन्दी𝔘𝟙",
        ];
        const AROUND: [&str; 10] = ["", "", "", "", ".", ",", "\"", "(", "…", "»"];
        let alphabet = ALPHABETS[self.next(4).min(self.next(6))];
        let letters: Vec<char> = alphabet.chars().collect();
        let length = 1 + self.next(3).min(self.next(40));
        let word: String = (0..length)
            .map(|_| letters[self.next(letters.len())])
            .collect();
        format!("{}{word}{}", AROUND[self.next(10)], AROUND[self.next(10)])
    }

    fn line(&mut self) -> String {
        const SPACES: [&str; 8] = [" ", " ", " ", "  ", "\t", "\u{a0}", "\u{3000}", "\u{b}"];
        let words = match self.next(1000) {
            // One line in a thousand is some 100 KB long.
            0 => 10_000,
            n if n < 100 => 0,
            _ => self.next(20),
        };
        let words = (0..words).map(|_| self.word() + SPACES[self.next(8)]);
        words.collect::<String>() + ["\n", "\n", "\r\n"][self.next(3)]
    }

    fn text(bytes: usize) -> String {
        let mut babble = Self {
            state: 0x1234_5678_9abc_def1,
        };
        let mut text = String::new();
        while text.len() < bytes {
            text.push_str(&babble.line());
        }
        text + "the end without a line end"
    }
}

#[test]
fn a_large_text_in_many_alphabets_is_counted_however_it_is_stored() {
    let text = Babble::text(3 << 20);
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("babble.txt");
    fs::write(&plain, &text).unwrap();

    let gzipped = dir.path().join("babble.txt.gz");
    let mut gzip =
        flate2::write::GzEncoder::new(File::create(&gzipped).unwrap(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap();

    let zipped = dir.path().join("babble.txt.zst");
    zstd::stream::copy_encode(text.as_bytes(), File::create(&zipped).unwrap(), 1).unwrap();

    for (file, parallelism) in [
        (&plain, 1),
        (&plain, 2),
        (&plain, 8),
        (&gzipped, 2),
        (&zipped, 1),
        (&zipped, 8),
    ] {
        check(file, &text, parallelism);
    }
    check(dir.path(), &[text.as_str(); 3].join("\n"), 2);
}

#[test]
fn many_files_are_found_by_a_pattern_and_empty_ones_do_no_harm() {
    let mut texts = Texts::new();
    for number in 0..40 {
        let text = format!("file {number}\n\n{}", "word ".repeat(number));
        texts.add(&format!("{number}.txt"), &text);
    }
    texts.add("empty.txt", "");
    fs::write(texts.dir.path().join("other.log"), "not this").unwrap();
    check(&texts.dir.path().join("*.txt"), &texts.text, 3);
}

#[test]
fn an_output_directory_is_used_twice_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("text"), dir.path().join("counts"));
    let run = |text: &str, more: &[&str]| {
        fs::write(&input, text).unwrap();
        let args = [
            "--input",
            input.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ];
        Wasmill::run_local(&bundle("word-count"), &[], args.iter().chain(more)).end()
    };
    run("one one", &[]).with_code(0);
    let refused = run("two", &[]);
    assert_ne!(refused.code, Some(0));
    refused.error_with(&[output.to_str().unwrap(), "overwrite"]);
    assert_eq!(written(&output), count("one one"));
    run("two", &["--overwrite"]).with_code(0);
    assert_eq!(written(&output), count("two"));
}
