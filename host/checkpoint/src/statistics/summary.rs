//! Minimum, maximum, average and percentiles of some numbers.
//!
//! Invariant: percentiles are those of Flink (Apache Commons Math, `LEGACY` estimation).

use std::collections::VecDeque;

use serde::Serialize;

use super::SUMMARY_WINDOW;

/// Numbers in short; all zero when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Summary {
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// The average, rounded down.
    pub avg: u64,
    /// Half are below.
    pub p50: f64,
    /// Nine of ten are below.
    pub p90: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// 999 of 1000 are below.
    pub p999: f64,
}

/// The latest of many numbers, at most [`SUMMARY_WINDOW`].
#[derive(Debug, Clone, Default)]
pub struct Window {
    values: VecDeque<u64>,
}

impl Window {
    /// Takes a number in, and the earliest out when there are too many.
    pub fn add(&mut self, value: u64) {
        if self.values.len() == SUMMARY_WINDOW {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// The numbers in short.
    pub fn summary(&self) -> Summary {
        summarize(self.values.iter().copied().collect())
    }
}

/// Numbers in short.
pub(super) fn summarize(mut values: Vec<u64>) -> Summary {
    values.sort_unstable();
    let (Some(min), Some(max)) = (values.first().copied(), values.last().copied()) else {
        return Summary::default();
    };
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    let percentile = |quantile| percentile(&values, quantile);
    Summary {
        min,
        max,
        avg: (sum / values.len() as u128) as u64,
        p50: percentile(0.5),
        p90: percentile(0.9),
        p95: percentile(0.95),
        p99: percentile(0.99),
        p999: percentile(0.999),
    }
}

/// Interpolates between the two neighbours of the position `quantile · (n + 1)`, counted from 1.
fn percentile(sorted: &[u64], quantile: f64) -> f64 {
    let count = sorted.len();
    let position = quantile * (count as f64 + 1.0);
    let below = position.floor();
    if below < 1.0 {
        return sorted[0] as f64;
    }
    if below >= count as f64 {
        return sorted[count - 1] as f64;
    }
    let lower = sorted[below as usize - 1] as f64;
    let upper = sorted[below as usize] as f64;
    lower + (position - below) * (upper - lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_those_of_commons_math() {
        for (values, min, max, avg, p50, p90, p999) in [
            (vec![], 0, 0, 0, 0.0, 0.0, 0.0),
            (vec![7], 7, 7, 7, 7.0, 7.0, 7.0),
            (vec![4, 1, 3, 2], 1, 4, 2, 2.5, 4.0, 4.0),
            ((1..=99).collect(), 1, 99, 50, 50.0, 90.0, 99.0),
        ] {
            let found = summarize(values);
            assert_eq!((found.min, found.max, found.avg), (min, max, avg));
            assert_eq!((found.p50, found.p90, found.p999), (p50, p90, p999));
        }
    }

    #[test]
    fn a_window_forgets_the_earliest() {
        let mut window = Window::default();
        (0..SUMMARY_WINDOW as u64 + 10).for_each(|value| window.add(value));
        let summary = window.summary();
        assert_eq!((summary.min, summary.max), (10, SUMMARY_WINDOW as u64 + 9));
    }
}
