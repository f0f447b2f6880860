//! An ordered set of timers of which a snapshot can be taken without copying it.
//!
//! Used by [`super::TimerService`], one per domain. A snapshot shares the set as it was; until the
//! snapshot is done, what changes is kept beside it and then folded in. Invariants: a shared set never
//! changes; a timer is either among the own ones or alive in the shared set, never both.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::timers::Timer;

/// Timers in ascending order.
#[derive(Debug, Default)]
pub(super) struct TimerSet {
    own: BTreeSet<Timer>,
    shared: Option<Shared>,
}

/// Timers that a snapshot may have too, and what became of them since.
#[derive(Debug)]
struct Shared {
    base: Arc<BTreeSet<Timer>>,
    /// This one and all before it are gone.
    front: Option<Timer>,
    /// Those after `front` that are gone; the first one after `front` is not.
    removed: BTreeSet<Timer>,
    /// How many are still there.
    alive: usize,
}

impl TimerSet {
    pub(super) fn len(&self) -> usize {
        self.own.len() + self.shared.as_ref().map_or(0, |shared| shared.alive)
    }

    /// Adds a timer; whether it was not there.
    pub(super) fn insert(&mut self, timer: Timer) -> bool {
        if let Some(shared) = &mut self.shared {
            if shared.is_alive(&timer) {
                return false;
            }
            if shared.revive(&timer) {
                return true;
            }
        }
        self.own.insert(timer)
    }

    /// Removes a timer; whether it was there.
    pub(super) fn remove(&mut self, timer: &Timer) -> bool {
        self.own.remove(timer)
            || self
                .shared
                .as_mut()
                .is_some_and(|shared| shared.remove(timer))
    }

    /// The earliest timer.
    pub(super) fn first(&self) -> Option<&Timer> {
        let shared = self.shared.as_ref().and_then(Shared::first);
        match (self.own.first(), shared) {
            (Some(own), Some(shared)) => Some(own.min(shared)),
            (own, shared) => own.or(shared),
        }
    }

    /// Takes the earliest timer out.
    pub(super) fn pop_first(&mut self) -> Option<Timer> {
        let Some(shared) = &mut self.shared else {
            return self.own.pop_first();
        };
        let is_own = match (self.own.first(), shared.first()) {
            (Some(own), Some(shared)) => own < shared,
            (_, shared) => shared.is_none(),
        };
        if is_own {
            self.own.pop_first()
        } else {
            shared.pop_first()
        }
    }

    /// The timers as they are now.
    pub(super) fn share(&mut self) -> Arc<BTreeSet<Timer>> {
        self.fold();
        let base = Arc::new(std::mem::take(&mut self.own));
        self.shared = Some(Shared {
            base: Arc::clone(&base),
            front: None,
            removed: BTreeSet::new(),
            alive: base.len(),
        });
        base
    }

    /// Folds the changes in if no snapshot needs the shared timers any more.
    ///
    /// Each change is folded once, so this costs about as much as the changes did.
    pub(super) fn settle(&mut self) {
        let is_done = |shared: &Shared| Arc::strong_count(&shared.base) == 1;
        if self.shared.as_ref().is_some_and(is_done) {
            self.fold();
        }
    }

    /// Makes all timers own ones; copies those that a snapshot still needs.
    fn fold(&mut self) {
        let Some(shared) = self.shared.take() else {
            return;
        };
        let mut base = Arc::unwrap_or_clone(shared.base);
        if let Some(front) = &shared.front {
            while base.first().is_some_and(|first| first <= front) {
                base.pop_first();
            }
        }
        for timer in &shared.removed {
            base.remove(timer);
        }
        // The smaller set is put into the larger one.
        if base.len() < self.own.len() {
            std::mem::swap(&mut base, &mut self.own);
        }
        self.own.extend(base);
    }
}

impl Shared {
    fn is_after_front(&self, timer: &Timer) -> bool {
        self.front.as_ref().is_none_or(|front| timer > front)
    }

    fn is_alive(&self, timer: &Timer) -> bool {
        self.is_after_front(timer) && self.base.contains(timer) && !self.removed.contains(timer)
    }

    /// Undoes a removal; whether there was one that can be undone.
    fn revive(&mut self, timer: &Timer) -> bool {
        let is_revived = self.removed.remove(timer);
        self.alive += usize::from(is_revived);
        is_revived
    }

    fn remove(&mut self, timer: &Timer) -> bool {
        if !self.is_alive(timer) {
            return false;
        }
        self.removed.insert(timer.clone());
        self.alive -= 1;
        self.skip_removed();
        true
    }

    /// The first after `front`, alive or not.
    fn next(&self) -> Option<&Timer> {
        let after = self
            .front
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        self.base.range((after, Bound::Unbounded)).next()
    }

    fn first(&self) -> Option<&Timer> {
        if self.alive == 0 { None } else { self.next() }
    }

    fn pop_first(&mut self) -> Option<Timer> {
        let first = self.first()?.clone();
        self.front = Some(first.clone());
        self.alive -= 1;
        self.skip_removed();
        Some(first)
    }

    fn skip_removed(&mut self) {
        while let Some(next) = self.next()
            && self.removed.contains(next)
        {
            let next = next.clone();
            self.removed.remove(&next);
            self.front = Some(next);
        }
    }
}

#[cfg(test)]
mod tests;
