//! The lines of the word-count workload: 65 536 lines of ten words from a vocabulary of 10 000 whose
//! frequencies follow Zipf's law.

use std::sync::{Arc, OnceLock};

use super::mix;

const LINES: usize = 1 << 16;
const WORDS_PER_LINE: usize = 10;
const VOCABULARY: usize = 10_000;
/// Words are drawn by a table of this many entries.
const TABLE: usize = 1 << 17;

/// The lines, made once per process.
pub(super) fn line_pool() -> Arc<[String]> {
    static POOL: OnceLock<Arc<[String]>> = OnceLock::new();
    Arc::clone(POOL.get_or_init(|| {
        let (words, table) = (vocabulary(), zipf_table());
        let word = |n: usize| {
            let drawn = mix(n as u64) as usize & (TABLE - 1);
            words[usize::from(table[drawn])].as_str()
        };
        let line = |l: usize| {
            (0..WORDS_PER_LINE)
                .map(|w| word(l * WORDS_PER_LINE + w))
                .collect::<Vec<_>>()
        };
        (0..LINES).map(|l| line(l).join(" ")).collect()
    }))
}

/// Distinct lower-case words of 3 to 10 letters: three letters count, the rest is filler.
fn vocabulary() -> Vec<String> {
    let letter = |n: u64| char::from(b'a' + (n % 26) as u8);
    let word = |i: usize| {
        let h = mix(0x7777_0000 + i as u64);
        let length = 3 + (h >> 60 & 7) as usize;
        let (first, second, third) = (i, i / 26, i / 676);
        let head = [first, second, third].map(|n| letter(n as u64));
        let filler = (3..length).map(|k| letter(h >> (k * 5) & 31));
        head.into_iter().chain(filler).collect()
    };
    (0..VOCABULARY).map(word).collect()
}

/// Word indices in the proportions 1, 1/2, 1/3, …
fn zipf_table() -> Vec<u16> {
    let total: f64 = (0..VOCABULARY).map(|i| 1.0 / (i as f64 + 1.0)).sum();
    let mut table = Vec::with_capacity(TABLE);
    let mut share = 0.0;
    for i in 0..VOCABULARY {
        share += 1.0 / (i as f64 + 1.0) / total;
        let until = ((share * TABLE as f64).round() as usize).min(TABLE);
        table.resize(until.max(table.len()), i as u16);
    }
    table.resize(TABLE, (VOCABULARY - 1) as u16);
    table
}
