//! How much memory values take, estimated from a few of them.
//!
//! Used by the columns of all kinds of state. Invariant: to estimate costs a few bytes of encoding per change,
//! however large values are.

/// How long encoded values are on average: what their heap memory is taken to be.
///
/// Invariant: old values count for less and less, so the average follows values that grow.
#[derive(Default)]
pub(crate) struct Average {
    total: usize,
    count: usize,
    /// How many values are no samples before the next one is.
    wait: usize,
}

/// How many values, the first ones, are all encoded just to learn how long they are.
const SAMPLES: usize = 64;
/// Of the values after that, one in so many is.
const SAMPLE_EACH: usize = 64;
/// How many bytes may be encoded for each value, on average: large values are samples more rarely.
const SAMPLE_BYTES: usize = 8;
/// At how many values the older ones begin to count for half.
const MEMORY: usize = 1024;

impl Average {
    #[inline]
    pub(crate) fn add(&mut self, bytes: usize) {
        self.total += bytes;
        self.count += 1;
        if self.count >= MEMORY {
            self.total /= 2;
            self.count /= 2;
        }
    }

    /// Whether the value at hand should be encoded to learn how long it is.
    #[inline]
    pub(crate) fn wants_sample(&mut self) -> bool {
        if self.wait == 0 {
            return true;
        }
        self.wait -= 1;
        false
    }

    /// Adds a value that was encoded for this alone.
    pub(crate) fn sample(&mut self, bytes: usize) {
        self.add(bytes);
        let each = match self.count < SAMPLES {
            true => 1,
            false => SAMPLE_EACH,
        };
        self.wait = each.max(bytes / SAMPLE_BYTES) - 1;
    }

    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.total / self.count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `changes` are samples when each has so many bytes.
    fn samples(changes: usize, bytes: usize) -> usize {
        let mut average = Average::default();
        let mut samples = 0;
        for _ in 0..changes {
            if average.wants_sample() {
                average.sample(bytes);
                samples += 1;
            }
        }
        samples
    }

    #[test]
    fn large_values_are_samples_more_rarely() {
        assert_eq!(samples(64 + 6_400, 8), 64 + 100);
        assert_eq!(samples(100_000, 80_000), 10);
        assert_eq!(samples(10, 0), 10);
    }
}
