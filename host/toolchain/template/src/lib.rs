//! Counts the words of text files.

use wasmill::prelude::*;

/// Reads the lines of `--input` (a file, a directory or a pattern) and writes to the directory
/// `--output`, for every word that it meets, how often it has met it so far: `word,count`.
#[wasmill::job]
pub fn count_words(env: &Env) -> Result<()> {
    env.source(File::lines(env.arg("input")?))
        .flat_map(|line: String, out| {
            for word in words(&line) {
                out.emit(word);
            }
        })
        .key_by(|word| word.clone())
        .count()
        .sink(File::csv(env.arg("output")?));
    Ok(())
}

/// The words of a line, in lower case.
fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case() {
        let found: Vec<String> = words("To be, or  not").collect();
        assert_eq!(found, ["to", "be,", "or", "not"]);
    }

    #[test]
    fn the_job_asks_for_its_arguments() {
        let error = wasmill::testing::describe(count_words, &["--input", "a"]).unwrap_err();
        assert!(error.contains("--output"), "{error}");
        assert!(
            wasmill::testing::describe(count_words, &["--input", "a", "--output", "b"]).is_ok()
        );
    }
}
