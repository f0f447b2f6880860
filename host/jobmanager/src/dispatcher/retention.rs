//! How long jobs that have ended are kept: pure.
//!
//! Invariant: at most so many are kept, and none longer than so long; the oldest go first.

use std::collections::VecDeque;
use std::time::Duration;

use wasmill_types::id::JobId;

/// The jobs that have ended.
#[derive(Debug)]
pub(super) struct Retention {
    most: usize,
    longest: Duration,
    /// In the order of their ends.
    ended: VecDeque<(JobId, Duration)>,
}

impl Retention {
    pub(super) fn new(most: usize, longest: Duration) -> Self {
        Self {
            most,
            longest,
            ended: VecDeque::new(),
        }
    }

    /// A job ends.
    pub(super) fn add(&mut self, job: JobId, now: Duration) {
        self.ended.push_back((job, now));
    }

    /// A job has ended and is there again.
    pub(super) fn remove(&mut self, job: JobId) {
        self.ended.retain(|(other, _)| *other != job);
    }

    /// Those that are to be forgotten by now.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<JobId> {
        let mut expired = Vec::new();
        while let Some((job, at)) = self.ended.front() {
            let is_old = now.saturating_sub(*at) >= self.longest;
            if !is_old && self.ended.len() <= self.most {
                break;
            }
            expired.push(*job);
            self.ended.pop_front();
        }
        expired
    }

    /// When the next one is to be forgotten.
    pub(super) fn due(&self) -> Option<Duration> {
        let first = self.ended.front();
        first.map(|(_, at)| at.saturating_add(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_by_number_and_by_time() {
        let mut kept = Retention::new(2, Duration::from_secs(10));
        let at = Duration::from_secs;
        for (job, second, expired) in [
            (1, 0, &[][..]),
            (2, 1, &[]),
            (3, 2, &[JobId(1)]),
            (4, 30, &[JobId(2), JobId(3)]),
        ] {
            kept.add(JobId(job), at(second));
            assert_eq!(kept.expire(at(second)), expired);
        }
        assert_eq!(kept.due(), Some(at(40)));
        assert_eq!(kept.expire(at(39)), []);
        assert_eq!(kept.expire(at(40)), [JobId(4)]);
        assert_eq!(kept.due(), None);
    }
}
