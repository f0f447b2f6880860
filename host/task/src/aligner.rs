//! When the barriers of a checkpoint have come on all channels of a task (semantics §7.5–7.12). Pure.
//!
//! The task tells it each barrier, each end of a channel and what the coordinator gave up, and does what
//! it says. Invariants: a checkpoint is taken at most once and none after a later one; a channel is
//! blocked exactly while its barrier of the pending checkpoint waits for the others'.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use wasmill_types::barrier::{Alignment, Barrier};
use wasmill_types::id::CheckpointId;

/// How many checkpoints may be counted at a time where channels are not blocked (semantics §7.10).
const MAX_COUNTED: usize = 50;

/// The barriers of one task.
#[derive(Debug)]
pub struct Aligner {
    /// Whether something may still come, by channel.
    open: Vec<bool>,
    /// The newest checkpoint that was taken.
    taken: Option<CheckpointId>,
    /// Later ones that were given up; at most [`MAX_COUNTED`].
    given_up: BTreeSet<CheckpointId>,
    /// The checkpoint for which channels are blocked.
    pending: Option<Arrivals>,
    /// Those for which none is.
    counted: BTreeMap<CheckpointId, Arrivals>,
}

/// Which channels have brought the barrier of a checkpoint.
#[derive(Debug)]
struct Arrivals {
    barrier: Arc<Barrier>,
    arrived: Vec<bool>,
    /// How many open channels have not.
    missing: usize,
    /// When the first came.
    since: Duration,
    /// Whether the checkpoint was taken before all had come.
    is_taken: bool,
}

/// Something for the task to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take nothing from this channel.
    Block(usize),
    /// Take from this channel again.
    Resume(usize),
    /// Take the checkpoint.
    Take {
        /// Its barrier.
        barrier: Arc<Barrier>,
        /// When the first barrier came.
        since: Duration,
        /// Whether what comes on [`Aligner::is_missing`] channels belongs to it too, until
        /// [`Step::Complete`].
        records: bool,
    },
    /// The barrier that overtook has come on all channels (semantics §7.11).
    Complete(CheckpointId),
    /// Tell the coordinator that the checkpoint is not taken: a newer one came first (semantics §7.7).
    Subsumed(CheckpointId),
}

impl Aligner {
    /// No barrier has come on any of these channels.
    pub fn new(channels: usize) -> Self {
        Self {
            open: vec![true; channels],
            taken: None,
            given_up: BTreeSet::new(),
            pending: None,
            counted: BTreeMap::new(),
        }
    }

    /// A barrier has come.
    pub fn barrier(&mut self, channel: usize, barrier: Arc<Barrier>, now: Duration) -> Vec<Step> {
        let id = barrier.checkpoint;
        if self.is_settled(id) {
            return Vec::new();
        }
        if barrier.alignment == Alignment::AtLeastOnce {
            return self.count(channel, barrier, now);
        }
        let mut steps = Vec::new();
        match &self.pending {
            Some(pending) if pending.barrier.checkpoint > id => return steps,
            Some(pending) if pending.barrier.checkpoint < id => {
                steps.push(Step::Subsumed(pending.barrier.checkpoint));
                self.release(&mut steps);
            }
            Some(_) | None => {}
        }
        let overtakes = barrier.overtakes();
        let pending = self
            .pending
            .get_or_insert_with(|| Arrivals::new(&self.open, Arc::clone(&barrier), now));
        let is_new = pending.arrive(channel);
        if overtakes && !pending.is_taken {
            pending.barrier = barrier;
            self.take_early(&mut steps);
        } else if is_new && !pending.is_taken {
            steps.push(Step::Block(channel));
        }
        self.take_if_aligned(&mut steps);
        steps
    }

    /// The pending checkpoint has tried to align for long enough: from here on its barrier overtakes
    /// (semantics §7.12).
    pub fn overtake(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(pending) = &mut self.pending
            && !pending.is_taken
        {
            pending.barrier = Arc::new(pending.barrier.passing(Alignment::Unaligned));
            self.take_early(&mut steps);
        }
        steps
    }

    /// The barrier that channels wait for, if there is one.
    pub fn pending(&self) -> Option<&Arc<Barrier>> {
        let pending = self.pending.as_ref().filter(|pending| !pending.is_taken);
        pending.map(|pending| &pending.barrier)
    }

    /// Whether the barrier of the checkpoint that was taken early has not come on a channel.
    pub fn is_missing(&self, channel: usize) -> bool {
        let pending = self.pending.as_ref().filter(|pending| pending.is_taken);
        pending.is_some_and(|pending| !pending.arrived[channel])
    }

    /// Takes the pending checkpoint before its barrier has come everywhere.
    fn take_early(&mut self, steps: &mut Vec<Step>) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        pending.is_taken = true;
        steps.push(Step::Take {
            barrier: Arc::clone(&pending.barrier),
            since: pending.since,
            records: true,
        });
        // Those that were blocked are behind their barrier already.
        let channels = pending.arrived.iter().zip(&self.open).enumerate();
        let blocked = channels.filter(|(_, (arrived, open))| **arrived && **open);
        steps.extend(blocked.map(|(channel, _)| Step::Resume(channel)));
    }

    /// Nothing comes on this channel any more, which counts as a barrier of each checkpoint (semantics
    /// §7.9).
    pub fn ended(&mut self, channel: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        if !std::mem::take(&mut self.open[channel]) {
            return steps;
        }
        if let Some(pending) = &mut self.pending {
            pending.arrive(channel);
        }
        self.take_if_aligned(&mut steps);
        for arrivals in self.counted.values_mut() {
            arrivals.arrive(channel);
        }
        // The newest that is complete covers those before it.
        let complete = self.counted.values().rev().find(|it| it.missing == 0);
        let complete = complete.map(|it| it.barrier.checkpoint);
        steps.extend(complete.and_then(|id| self.take_counted(id)));
        steps
    }

    /// The coordinator has given a checkpoint up (semantics §7.8).
    pub fn aborted(&mut self, checkpoint: CheckpointId) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.is_settled(checkpoint) {
            return steps;
        }
        self.given_up.insert(checkpoint);
        if self.given_up.len() > MAX_COUNTED {
            self.given_up.pop_first();
        }
        self.counted.remove(&checkpoint);
        let is_pending = |pending: &Arrivals| pending.barrier.checkpoint == checkpoint;
        if self.pending.as_ref().is_some_and(is_pending) {
            self.release(&mut steps);
        }
        steps
    }

    fn is_settled(&self, id: CheckpointId) -> bool {
        self.taken.is_some_and(|taken| id <= taken) || self.given_up.contains(&id)
    }

    fn count(&mut self, channel: usize, barrier: Arc<Barrier>, now: Duration) -> Vec<Step> {
        let id = barrier.checkpoint;
        let arrivals = self
            .counted
            .entry(id)
            .or_insert_with(|| Arrivals::new(&self.open, barrier, now));
        arrivals.arrive(channel);
        if arrivals.missing == 0 {
            return self.take_counted(id).into_iter().collect();
        }
        if self.counted.len() > MAX_COUNTED {
            self.counted.pop_first();
        }
        Vec::new()
    }

    fn take_counted(&mut self, id: CheckpointId) -> Option<Step> {
        let arrivals = self.counted.remove(&id)?;
        self.counted = self.counted.split_off(&id);
        self.settle(id);
        Some(Step::Take {
            barrier: arrivals.barrier,
            since: arrivals.since,
            records: false,
        })
    }

    fn take_if_aligned(&mut self, steps: &mut Vec<Step>) {
        if self.pending.as_ref().is_none_or(|it| it.missing > 0) {
            return;
        }
        // First taken, then released: what comes after the barrier is not part of it.
        let mut resumed = Vec::new();
        if let Some(pending) = self.release(&mut resumed) {
            self.settle(pending.barrier.checkpoint);
            steps.push(match pending.is_taken {
                true => Step::Complete(pending.barrier.checkpoint),
                false => Step::Take {
                    barrier: pending.barrier,
                    since: pending.since,
                    records: false,
                },
            });
        }
        steps.extend(resumed);
    }

    fn settle(&mut self, id: CheckpointId) {
        self.taken = Some(id);
        self.given_up = self.given_up.split_off(&id.next());
    }

    /// Ends the pending alignment.
    fn release(&mut self, steps: &mut Vec<Step>) -> Option<Arrivals> {
        let pending = self.pending.take()?;
        let channels = pending.arrived.iter().zip(&self.open).enumerate();
        let blocked = channels.filter(|(_, (arrived, open))| **arrived && **open);
        if !pending.is_taken {
            steps.extend(blocked.map(|(channel, _)| Step::Resume(channel)));
        }
        Some(pending)
    }
}

impl Arrivals {
    fn new(open: &[bool], barrier: Arc<Barrier>, now: Duration) -> Self {
        Self {
            barrier,
            arrived: open.iter().map(|open| !open).collect(),
            missing: open.iter().filter(|open| **open).count(),
            since: now,
            is_taken: false,
        }
    }

    /// Whether the channel had not brought it yet.
    fn arrive(&mut self, channel: usize) -> bool {
        let is_new = !std::mem::replace(&mut self.arrived[channel], true);
        self.missing -= usize::from(is_new);
        is_new
    }
}

#[cfg(test)]
mod tests;
