//! Counts the words of text files: the whole program, and how it finds words.
//!
//! A word is what Unicode white space separates, in lower case, without the characters at both ends that
//! are neither letters nor digits; what is then empty is no word. For each word that the program meets it
//! writes how often it has met it so far, so the last count of a word is its total.
//!
//! Letters and digits are what Unicode calls Alphabetic or Numeric ([`char::is_alphanumeric`]). Vowel signs at
//! the ends of words, as in Hindi and Thai, are among them; for Python's `str.isalnum` they are not.

use wasmill::prelude::*;

/// Reads the lines of `--input` (a file, a directory or a pattern) and writes `word,count` to part files
/// in the directory `--output`; `--overwrite` replaces those of an earlier run.
#[wasmill::job]
pub fn word_count(env: &Env) -> Result<()> {
    env.name("word count");
    let counts = File::csv(env.arg("output")?);
    let counts = if env.flag("overwrite") {
        counts.overwrite()
    } else {
        counts
    };
    env.source(File::lines(env.arg("input")?))
        .name("lines")
        .flat_map(|line: String, out| words(line, |word| out.emit(word)))
        .name("words")
        // A word is its own key, so nothing is copied to look at it.
        .key_by_ref(String::as_str)
        .count()
        .name("count")
        .uid("count")
        .sink(counts)
        .name("counts");
    Ok(())
}

/// Calls `each` with every word of a line.
pub fn words(mut line: String, mut each: impl FnMut(String)) {
    if line.is_ascii() {
        // The lower case of ASCII does not depend on what is around it, so the line can be changed in
        // place, and words are copied out of it.
        line.make_ascii_lowercase();
        ascii_words(&line, |word| each(word.to_owned()));
    } else {
        for token in line.split_whitespace() {
            let token = token.to_lowercase();
            let word = token.trim_matches(|c: char| !c.is_alphanumeric());
            if !word.is_empty() {
                each(word.to_owned());
            }
        }
    }
}

/// Calls `each` with every word of a line of lower-case ASCII.
fn ascii_words(line: &str, mut each: impl FnMut(&str)) {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        // Outside a word only a letter or a digit matters: it begins one.
        if !bytes[at].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let start = at;
        let mut end = at;
        while at < bytes.len() && !is_space(bytes[at]) {
            at += 1;
            if bytes[at - 1].is_ascii_alphanumeric() {
                end = at;
            }
        }
        each(&line[start..end]);
    }
}

/// Whether a byte is white space as Unicode has it; `u8::is_ascii_whitespace` leaves the vertical tab out.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use wasmill::testing::Job;

    use super::*;

    fn check(line: &str, expected: &[&str]) {
        let mut found = Vec::new();
        words(line.to_owned(), |word| found.push(word));
        assert_eq!(found, expected, "in {line:?}");
        // The way of other lines must find the same: the letter makes the line one of those.
        let mut found = Vec::new();
        words(format!("{line} é"), |word| found.push(word));
        assert_eq!(found.pop().as_deref(), Some("é"));
        assert_eq!(found, expected, "in {line:?} with another letter behind it");
    }

    #[test]
    fn words_are_in_lower_case_and_without_what_surrounds_them() {
        for (line, expected) in [
            ("", &[] as &[&str]),
            (" \t \u{b}\u{c}\r", &[]),
            ("--- ... !", &[]),
            (
                "To be, or  NOT to be?",
                &["to", "be", "or", "not", "to", "be"],
            ),
            (
                "don't stop-gap \"a,b\" (x)",
                &["don't", "stop-gap", "a,b", "x"],
            ),
            (
                "one\u{b}two\u{c}three\rfour",
                &["one", "two", "three", "four"],
            ),
            ("9th 3.14, v2.0.", &["9th", "3.14", "v2.0"]),
            ("_x_ __ a_b", &["x", "a_b"]),
            ("ÄRGER «Straße» l’été", &["ärger", "straße", "l’été"]),
            ("ΟΔΟΣ. ΟΔΟΣ", &["οδος", "οδος"]),
            (
                "no\u{a0}break\u{3000}space\u{2003}here",
                &["no", "break", "space", "here"],
            ),
            ("東京、 ½ Ⅷ.", &["東京", "½", "ⅷ"]),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn the_job_asks_for_its_arguments() {
        let describe = |args: &[&str]| wasmill::testing::describe(word_count, args);
        for (args, missing) in [
            (&["--input", "a"] as &[&str], "--output"),
            (&["--output", "b"], "--input"),
        ] {
            let error = describe(args).unwrap_err();
            assert!(error.contains(missing), "{error}");
        }
        let graph = describe(&["--input", "a", "--output", "b", "--overwrite"]).unwrap();
        let names: Vec<_> = graph.operators.iter().map(|o| o.name.as_str()).collect();
        assert_eq!(names, ["lines", "words", "count", "counts"]);
    }

    #[test]
    fn each_word_is_counted_up_by_one() {
        let text = ["To be, or not to be:", "", "that is the question.", "TO?"];
        let job = Job::new(word_count)
            .args(["--input", "any", "--output", "any"])
            .input("lines", text);
        let counts = [
            "to,1",
            "be,1",
            "or,1",
            "not,1",
            "to,2",
            "be,2",
            "that,1",
            "is,1",
            "the,1",
            "question,1",
            "to,3",
        ];
        assert_eq!(job.run().unwrap().lines("counts"), counts);
        let spread = job.parallelism(3).chained().run().unwrap();
        let (mut spread, mut counts) = (spread.lines("counts"), counts);
        spread.sort();
        counts.sort_unstable();
        assert_eq!(spread, counts);
    }
}
