//! Randomness: entropy in production, a seed in tests and replays.
//!
//! A job gets one [`Rng`] and forks a stream per subtask. Invariant: all numbers of a seeded generator
//! and its forks follow from the seed and the fork numbers alone, never from the order of threads. The
//! numbers are not fit for secrets; [`secret`] is.

use rand::rngs::{OsRng, SmallRng};
use rand::{Rng as _, RngCore as _, SeedableRng as _, TryRngCore as _};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: u64,
    stream: SmallRng,
}

impl Rng {
    /// The stream that belongs to a seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            stream: SmallRng::seed_from_u64(seed),
        }
    }

    /// A stream that nobody can foretell from outside.
    pub fn from_entropy() -> Self {
        Self::seeded(SmallRng::from_os_rng().next_u64())
    }

    /// The seed: what must be logged to replay the stream.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Sixty-four random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// A number from 0 to `n - 1`, each as likely as the others.
    ///
    /// # Panics
    /// If `n` is 0: there is no such number.
    #[track_caller]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        self.stream.random_range(0..n)
    }

    /// The stream number `stream` of this seed.
    ///
    /// It depends on the seed and the number, not on how much was drawn before.
    pub fn fork(&self, stream: u64) -> Self {
        // Mixed twice, so that neither forks of neighbouring seeds nor forks of forks coincide as a
        // plain sum would: seed 1 stream 2 is not seed 2 stream 1.
        Self::seeded(mix(mix(self.seed) ^ stream))
    }
}

/// Random bytes from the operating system, fit for keys and tokens. No replay dictates them.
///
/// # Panics
/// When the operating system has no randomness: nothing could be kept secret then.
pub fn secret<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has randomness");
    bytes
}

/// The finaliser of SplitMix64, a bijection that spreads every bit.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut one, mut other) = (Rng::seeded(7), Rng::seeded(7));
        for _ in 0..100 {
            assert_eq!(one.next_u64(), other.next_u64());
        }
    }

    #[test]
    fn a_fork_does_not_depend_on_what_was_drawn_before() {
        let mut parent = Rng::seeded(7);
        let before = parent.fork(3).next_u64();
        parent.next_u64();
        assert_eq!(parent.fork(3).next_u64(), before);
    }

    #[test]
    fn forks_of_neighbouring_seeds_and_of_forks_differ() {
        let mut first_numbers = HashSet::new();
        for seed in 0..20 {
            for stream in 0..20 {
                let child = Rng::seeded(seed).fork(stream);
                assert!(first_numbers.insert(child.clone().next_u64()));
                assert!(first_numbers.insert(child.fork(stream).next_u64()));
            }
        }
    }

    #[test]
    fn numbers_below_a_bound_cover_it_and_stay_below() {
        let mut rng = Rng::seeded(1);
        for bound in [1, 2, 3, 10] {
            let seen: HashSet<u64> = (0..1_000).map(|_| rng.below(bound)).collect();
            assert_eq!(seen, (0..bound).collect(), "below {bound}");
        }
    }

    #[test]
    fn two_streams_from_entropy_differ() {
        assert_ne!(Rng::from_entropy().seed(), Rng::from_entropy().seed());
    }
}
