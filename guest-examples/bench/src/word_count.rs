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
            for word in line.split(' ').filter(|word| !word.is_empty()) {
                out.emit((word.to_owned(), 1_u64));
            }
        })
        .key_by_ref(|(word, _)| word.as_str())
        .reduce(|(word, count), (_, more)| (word, count + more))
        .process_with(|_| Sum::new(|(_, count): &(String, u64)| *count))
        .sink(Blackhole);
    Ok(())
}
