//! Counts the words of text files.

use wasmill::prelude::*;

/// Reads the lines of `--input` (a file, a directory or a pattern) and writes to the directory
/// `--output`, for every word that is read, how often it has been seen so far: `word,count`.
#[wasmill::job]
pub fn count_words(env: &Env) -> Result<()> {
    env.source(File::lines(env.arg("input")?))
        .flat_map(|line: String, out| {
            for word in line.split_whitespace() {
                out.emit(word.to_lowercase());
            }
        })
        .key_by(|word| word.clone())
        .count()
        .sink(File::csv(env.arg("output")?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill::testing::Harness;

    #[test]
    fn words_are_counted_whatever_their_case() {
        let mut job = Harness::new(count_words, &["--input", "in", "--output", "out"]).unwrap();
        job.input("in", ["To be or not", "to be"]).unwrap();
        let counts = job.run().unwrap();
        assert_eq!(
            counts.lines("out"),
            ["to,1", "be,1", "or,1", "not,1", "to,2", "be,2"]
        );
    }
}
