//! Random numbers that depend on a seed only: the same in each run, on every machine, in the sandbox and
//! outside of it.
//!
//! Invariant: no function of the platform's mathematics library is used, for their last bits differ.

use std::sync::LazyLock;

/// The generator splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

/// The distance of the states, from the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The shortest text that [`Random::text`] makes before it is trimmed.
const MIN_TEXT: usize = 3;

/// How many letters there are to take texts from, and how many a text has at most.
const POOL: usize = 1 << 16;
const MAX_LETTERS: usize = 1 << 10;

/// Small letters. They are made once: to make those of a bid would take longer than the rest of it.
static LETTERS: LazyLock<String> = LazyLock::new(|| {
    let mut random = Random::new(OF_LETTERS, 0);
    let letters = (0..POOL).map(|_| char::from(b'a' + random.below(26) as u8));
    letters.collect()
});
/// The kind of their seed.
const OF_LETTERS: u64 = 3;

impl Random {
    /// Seeds of all kinds of things must differ, so the kind is part of it.
    pub(crate) fn new(kind: u64, number: u64) -> Self {
        let mut random = Self(number.wrapping_mul(STEP) ^ kind.rotate_left(56));
        // Neighbouring numbers have neighbouring states until these are mixed.
        random.0 = random.next();
        random
    }

    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must be less than 2^32.
    #[inline]
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scale(self.next() >> 32, bound)
    }

    /// One of several.
    pub(crate) fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// A price in cents, from 100 to 100 million; each power of ten is as likely as the others.
    #[inline]
    pub(crate) fn price(&mut self) -> i64 {
        const TO_UNIT: f64 = 1.0 / (1_u64 << 53) as f64;
        let exponent = (self.next() >> 11) as f64 * TO_UNIT * 6.0;
        (power_of_ten(exponent) * 100.0 + 0.5) as i64
    }

    /// Small letters with some `gap`s among them, fewer than `max`.
    pub(crate) fn text(&mut self, max: usize, gap: char) -> String {
        let length = MIN_TEXT + self.below((max - MIN_TEXT) as u64) as usize;
        let mut text = String::with_capacity(length);
        for _ in 0..length {
            let random = self.next();
            let is_gap = scale(random >> 32, 13) == 0;
            text.push(match is_gap {
                true => gap,
                false => char::from(b'a' + scale(random & 0xFFFF_FFFF, 26) as u8),
            });
        }
        text.truncate(text.trim_end().len());
        text.drain(..text.len() - text.trim_start().len());
        text
    }

    /// So many small letters of [`LETTERS`], from anywhere.
    #[inline]
    pub(crate) fn letters(&mut self, length: usize) -> String {
        let length = length.min(MAX_LETTERS);
        let start = self.below((POOL - MAX_LETTERS) as u64) as usize;
        LETTERS[start..start + length].to_owned()
    }

    /// Letters that bring an event of `size` bytes to `average` ones, give or take a fifth.
    pub(crate) fn extra(&mut self, size: usize, average: usize) -> String {
        let Some(missing) = average.checked_sub(size).filter(|missing| *missing > 0) else {
            return String::new();
        };
        let delta = (missing + 2) / 5;
        let more = match delta {
            0 => 0,
            delta => self.below(2 * delta as u64) as usize,
        };
        self.letters(missing - delta + more)
    }
}

/// Brings a random number below 2^32 below `bound`.
#[inline]
fn scale(random: u64, bound: u64) -> u64 {
    (random * bound) >> 32
}

/// 10 to the power of an exponent from 0 to 6, with additions and multiplications only.
#[inline]
fn power_of_ten(exponent: f64) -> f64 {
    const WHOLE: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    let whole = exponent as usize;
    // An eighth of the rest, so that few terms of the series are enough; its power is squared thrice.
    let x = (exponent - whole as f64) * std::f64::consts::LN_10 / 8.0;
    let terms = [5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0];
    let series = terms
        .into_iter()
        .fold(0.0, |sum, factorial| sum * x + 1.0 / factorial);
    let squared = series * series;
    let squared = squared * squared;
    squared * squared * WHOLE[whole.min(6)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_are_as_the_library_has_them() {
        for i in 0..600 {
            let exponent = f64::from(i) / 100.0;
            let known = 10_f64.powf(exponent);
            let error = (power_of_ten(exponent) - known).abs() / known;
            assert!(error < 1e-8, "{exponent}: {error}");
        }
    }

    #[test]
    fn prices_lie_between_a_hundred_and_a_hundred_million() {
        let mut random = Random::new(1, 2);
        let prices: Vec<i64> = (0..10_000).map(|_| random.price()).collect();
        assert!(prices.iter().all(|it| (100..=100_000_000).contains(it)));
        let cheap = prices.iter().filter(|it| **it < 100_000).count();
        assert!((4_500..5_500).contains(&cheap), "{cheap}");
    }

    #[test]
    fn extra_letters_bring_an_event_to_its_average_size() {
        let mut random = Random::new(3, 4);
        let total: usize = (0..10_000).map(|_| 32 + random.extra(32, 100).len()).sum();
        assert!((990_000..1_010_000).contains(&total), "{total}");
        assert_eq!(random.extra(101, 100), "");
    }
}
