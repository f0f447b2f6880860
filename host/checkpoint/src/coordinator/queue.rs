//! The wishes for checkpoints that wait, and which of them is next (semantics §7.18–7.19).
//!
//! Invariant: at most [`MAX_QUEUED`] wait; the first is the most urgent.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Request, Wanted};
use crate::failure::FailureReason;

/// How many wishes wait at most.
pub(super) const MAX_QUEUED: usize = 1_000;

/// Somebody's wish, or the timer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A user's, or that of a job that wants to end.
    Asked(Request),
    /// The interval is over.
    Periodic,
    /// All tasks have finished and wait for it.
    Final,
}

impl Cause {
    fn is_savepoint(&self) -> bool {
        match self {
            Self::Asked(request) => !matches!(request.wanted, Wanted::Checkpoint { .. }),
            Self::Periodic | Self::Final => false,
        }
    }
}

/// Savepoints first, then forced, then what is not periodic, then in order.
type Key = (Reverse<bool>, Reverse<bool>, bool, u64);

/// The wishes that wait.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: BTreeMap<Key, Cause>,
    next: u64,
    /// Whether savepoints run beside the checkpoints that are under way: not beside unaligned ones.
    forces_savepoints: bool,
}

/// What the coordinator is doing when it looks for the next wish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) pending: usize,
    pub(super) cleaning: usize,
    pub(super) max_concurrent: usize,
    /// Before this, no periodic checkpoint starts.
    pub(super) pause_until: Duration,
    pub(super) now: Duration,
}

/// What to do with the first of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing, for now.
    Wait,
    /// Start it.
    Start(Cause),
    /// It is dropped, and the timer set to this time: the pause is not over.
    Reschedule(Duration),
}

impl Queue {
    pub(super) fn new(forces_savepoints: bool) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next: 0,
            forces_savepoints,
        }
    }

    /// Adds a wish; returns one that had to go because there were too many.
    pub(super) fn add(&mut self, cause: Cause) -> Option<Cause> {
        if cause == Cause::Periodic && self.has(&Cause::Periodic)
            || cause == Cause::Final && self.has(&Cause::Final)
        {
            return None;
        }
        let last_is_periodic = self
            .waiting
            .last_key_value()
            .is_some_and(|(_, cause)| *cause == Cause::Periodic);
        if self.waiting.len() >= MAX_QUEUED && !last_is_periodic {
            return Some(cause);
        }
        let key = self.key(&cause);
        self.next += 1;
        self.waiting.insert(key, cause);
        if self.waiting.len() > MAX_QUEUED {
            return self.waiting.pop_last().map(|(_, cause)| cause);
        }
        None
    }

    /// Decides about the first wish.
    pub(super) fn next(&mut self, load: Load) -> Decision {
        let Some((key, cause)) = self.waiting.first_key_value() else {
            return Decision::Wait;
        };
        let is_forced = key.1.0;
        if load.cleaning > load.max_concurrent {
            return Decision::Wait;
        }
        if load.pending >= load.max_concurrent && !is_forced {
            return Decision::Wait;
        }
        if *cause == Cause::Periodic && load.now < load.pause_until {
            self.waiting.pop_first();
            return Decision::Reschedule(load.pause_until);
        }
        let first = self.waiting.pop_first();
        first.map_or(Decision::Wait, |(_, cause)| Decision::Start(cause))
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) -> Vec<Cause> {
        std::mem::take(&mut self.waiting).into_values().collect()
    }

    fn has(&self, cause: &Cause) -> bool {
        self.waiting.values().any(|waiting| waiting == cause)
    }

    fn key(&self, cause: &Cause) -> Key {
        let savepoint = cause.is_savepoint();
        let forced = savepoint && self.forces_savepoints;
        (
            Reverse(savepoint),
            Reverse(forced),
            *cause == Cause::Periodic,
            self.next,
        )
    }
}

/// What a wish is told that had to go.
pub(super) const DROPPED: FailureReason = FailureReason::TooManyCheckpointRequests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestId;
    use crate::barrier::Format;

    fn asked(id: u64, savepoint: bool) -> Cause {
        let wanted = if savepoint {
            Wanted::Savepoint {
                target: None,
                format: Format::Canonical,
            }
        } else {
            Wanted::Checkpoint { full: false }
        };
        Cause::Asked(Request {
            id: RequestId(id),
            wanted,
        })
    }

    const IDLE: Load = Load {
        pending: 0,
        cleaning: 0,
        max_concurrent: 1,
        pause_until: Duration::ZERO,
        now: Duration::ZERO,
    };

    #[test]
    fn savepoints_come_first_then_what_is_not_periodic_then_in_order() {
        let mut queue = Queue::new(true);
        for cause in [
            Cause::Periodic,
            asked(1, false),
            asked(2, true),
            asked(3, false),
            asked(4, true),
        ] {
            assert_eq!(queue.add(cause), None);
        }
        for cause in [
            asked(2, true),
            asked(4, true),
            asked(1, false),
            asked(3, false),
            Cause::Periodic,
        ] {
            assert_eq!(queue.next(IDLE), Decision::Start(cause));
        }
        assert_eq!(queue.next(IDLE), Decision::Wait);
    }

    #[test]
    fn a_full_queue_drops_the_lowest_priority() {
        let mut queue = Queue::new(true);
        assert_eq!(queue.add(Cause::Periodic), None);
        for id in 1..MAX_QUEUED as u64 {
            assert_eq!(queue.add(asked(id, false)), None);
        }
        assert_eq!(queue.add(asked(0, true)), Some(Cause::Periodic));
        assert_eq!(
            queue.add(asked(7_777, true)),
            Some(asked(7_777, true)),
            "none is periodic"
        );
        assert_eq!(queue.clear().len(), MAX_QUEUED);
    }

    #[test]
    fn while_max_concurrent_are_pending_only_forced_requests_run() {
        let busy = Load { pending: 1, ..IDLE };
        for (forces, cause, starts) in [
            (true, asked(1, true), true),
            (false, asked(1, true), false),
            (true, asked(1, false), false),
            (true, Cause::Periodic, false),
        ] {
            let mut queue = Queue::new(forces);
            queue.add(cause.clone());
            assert_eq!(queue.next(busy) == Decision::Start(cause), starts);
        }
    }

    #[test]
    fn nothing_starts_while_more_than_max_concurrent_are_being_cleaned_up() {
        let mut queue = Queue::new(true);
        queue.add(asked(1, true));
        assert_eq!(
            queue.next(Load {
                cleaning: 2,
                ..IDLE
            }),
            Decision::Wait
        );
        assert_eq!(
            queue.next(Load {
                cleaning: 1,
                ..IDLE
            }),
            Decision::Start(asked(1, true))
        );
    }

    #[test]
    fn only_a_periodic_request_is_dropped_before_the_pause_is_over() {
        let early = Load {
            pause_until: Duration::from_secs(5),
            ..IDLE
        };
        for (cause, expected) in [
            (
                Cause::Periodic,
                Decision::Reschedule(Duration::from_secs(5)),
            ),
            (asked(1, false), Decision::Start(asked(1, false))),
            (asked(1, true), Decision::Start(asked(1, true))),
            (Cause::Final, Decision::Start(Cause::Final)),
        ] {
            let mut queue = Queue::new(true);
            queue.add(cause);
            assert_eq!(queue.next(early), expected);
            assert_eq!(queue.next(IDLE), Decision::Wait, "it is gone");
        }
    }
}
