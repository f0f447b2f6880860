//! Lines of ten words, counted word by word.

use wasmill::connector::Custom;
use wasmill::prelude::*;

use crate::Sum;

/// Splits on single blanks, counts per word after a shuffle, and adds up the counts at the end.
pub(crate) fn word_count(env: &Env) -> Result<()> {
    let lines = Custom::text("bench")
        .option("workload", "word-count")
        .option("records", env.arg_as::<u64>("records")?);
    env.source::<String, _>(lines)
        .flat_map(|line: String, out| {
            let mut start = 0;
            for blank in memchr::memchr_iter(b' ', line.as_bytes()).chain([line.len()]) {
                if blank > start {
                    out.emit((line[start..blank].to_owned(), 1_u64));
                }
                start = blank + 1;
            }
        })
        .key_by_ref(|(word, _)| word.as_str())
        .reduce(|(word, count), (_, more)| (word, count + more))
        .sink_with(Sum::new(|(_, count): &(String, u64)| *count));
    Ok(())
}
