//! Timers of one subtask: what its guest wants to be called for later (semantics §2).
//!
//! A task passes the guest's registrations on, asks [`TimerService::next`] how long it may sleep, and
//! fires what [`TimerService::due`] hands out. Pure: it knows no clock and no watermark. Invariants: a
//! timer is identified by domain, time, key and namespace and exists at most once; the answers depend
//! on the timers alone, not on the order in which they came.
//!
//! A callback may register and delete timers of its own key only. So firing a whole batch at once is the
//! same as firing its timers one by one, provided that no key is in the batch twice; otherwise a timer
//! could not be deleted by, or preceded by one of, an earlier timer of its key.

mod set;
mod slots;
mod snapshot;
mod timer;

use hashbrown::HashSet;
use wasmill_types::operator::{TimeDomain, Timers};
use wasmill_types::size::ByteSize;
use wasmill_types::{TaskFailure, key_group};

use crate::columns;
use crate::error::StateError;
use crate::options::Options;
use crate::owned::OwnedGroups;
use crate::snapshot::TimerItem;
use crate::timers::set::TimerSet;
use crate::timers::timer::Timer;

pub(crate) use snapshot::FrozenTimers;

/// The bytes that a timer counts besides its key and namespace: an estimate, from above, of what the
/// ordered set and the allocator add.
pub const TIMER_OVERHEAD: u64 = 96;

/// The keys and namespaces of one batch take at most this many bytes, unless a single timer takes more.
const BATCH_BYTES: usize = 1 << 20;

/// The timers of one subtask.
#[derive(Debug)]
pub struct TimerService {
    groups: OwnedGroups,
    max: u64,
    max_bytes: ByteSize,
    event: TimerSet,
    processing: TimerSet,
    bytes: u64,
    /// The hashes of the keys in the batch being made. A hash that two keys share ends a batch early and
    /// does nothing else.
    batch_keys: HashSet<u32>,
}

impl TimerService {
    /// A service without timers.
    pub fn new(groups: OwnedGroups, options: &Options) -> Self {
        Self {
            groups,
            max: options.max_timers,
            max_bytes: options.max_timer_bytes,
            event: TimerSet::default(),
            processing: TimerSet::default(),
            bytes: 0,
            batch_keys: HashSet::new(),
        }
    }

    /// Registers timers; those that exist are not registered again.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] on malformed columns and on keys of other subtasks;
    /// [`TaskFailure::Limit`] when there would be too many timers.
    pub fn register(&mut self, domain: TimeDomain, timers: &Timers) -> Result<(), TaskFailure> {
        columns::check_timers("timers.register", timers)?;
        for timer in each(timers) {
            self.groups.check(timer.key())?;
            let bytes = footprint(&timer);
            if self.set(domain).insert(timer) {
                self.bytes += bytes;
                self.check_limits()?;
            }
        }
        Ok(())
    }

    /// Deletes timers; those that do not exist are ignored.
    ///
    /// # Errors
    /// [`TaskFailure::Contract`] on malformed columns and on keys of other subtasks.
    pub fn delete(&mut self, domain: TimeDomain, timers: &Timers) -> Result<(), TaskFailure> {
        columns::check_timers("timers.delete", timers)?;
        for timer in each(timers) {
            self.groups.check(timer.key())?;
            if self.set(domain).remove(&timer) {
                self.bytes -= footprint(&timer);
            }
        }
        Ok(())
    }

    /// Takes timers at or before `up_to` out, in ascending order of time, at most `max`.
    ///
    /// No key is in the result twice (see the module). The caller fires them and asks again until
    /// nothing comes: that includes timers which the fired ones registered (semantics §2.3).
    pub fn due(&mut self, domain: TimeDomain, up_to: i64, max: usize) -> Timers {
        let mut due = Timers::default();
        self.batch_keys.clear();
        let mut bytes = 0;
        // Timers are sorted when they are looked at, so those that are not due are not.
        let is_due = |set: &TimerSet| set.first_time().is_some_and(|time| time <= up_to);
        while due.times.len() < max && is_due(self.set_ref(domain)) {
            let Some(first) = self.set(domain).first() else {
                break;
            };
            bytes += first.len();
            let too_large = !due.times.is_empty() && bytes > BATCH_BYTES;
            if too_large {
                break;
            }
            let key_hash = key_group::hash(first.key());
            if !self.batch_keys.insert(key_hash) {
                break;
            }
            let timer = self.set(domain).pop_first();
            let timer = timer.expect("the set has a first element");
            self.bytes -= footprint(&timer);
            due.times.push(timer.time);
            due.keys.push(timer.key());
            due.namespaces.push(timer.namespace());
        }
        due
    }

    /// When the earliest timer fires.
    pub fn next(&self, domain: TimeDomain) -> Option<i64> {
        self.set_ref(domain).first_time()
    }

    /// The number of timers of both domains.
    pub fn len(&self) -> usize {
        self.event.len() + self.processing.len()
    }

    /// Whether there are no timers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key groups whose timers are here.
    pub fn groups(&self) -> &OwnedGroups {
        &self.groups
    }

    /// The timers as they are now; none is copied.
    pub(crate) fn snapshot(&self) -> FrozenTimers {
        FrozenTimers {
            event: self.event.freeze(),
            processing: self.processing.freeze(),
        }
    }

    /// Registers a timer that comes from a snapshot.
    pub(crate) fn restore(&mut self, item: &TimerItem<'_>) -> Result<(), StateError> {
        let refused = |failure| StateError::Refused(Box::new(failure));
        self.groups.check(item.key).map_err(refused)?;
        let timer = Timer::new(item.time, item.key, item.namespace);
        let bytes = footprint(&timer);
        if self.set(item.domain).insert(timer) {
            self.bytes += bytes;
            self.check_limits().map_err(refused)?;
        }
        Ok(())
    }

    fn set(&mut self, domain: TimeDomain) -> &mut TimerSet {
        match domain {
            TimeDomain::Event => &mut self.event,
            TimeDomain::Processing => &mut self.processing,
        }
    }

    fn set_ref(&self, domain: TimeDomain) -> &TimerSet {
        match domain {
            TimeDomain::Event => &self.event,
            TimeDomain::Processing => &self.processing,
        }
    }

    fn check_limits(&self) -> Result<(), TaskFailure> {
        let (limit, message) = if self.len() as u64 > self.max {
            let max = self.max;
            (
                "timers.max",
                format!("one subtask would have more than {max} timers"),
            )
        } else if self.bytes > self.max_bytes.0 {
            let max = self.max_bytes;
            (
                "timers.max-bytes",
                format!("the timers of one subtask would take more than {max}"),
            )
        } else {
            return Ok(());
        };
        let message =
            format!("{message}; raise the limit, raise the parallelism, or register fewer");
        Err(TaskFailure::Limit { limit, message })
    }
}

/// What a timer counts.
fn footprint(timer: &Timer) -> u64 {
    timer.len() as u64 + TIMER_OVERHEAD
}

/// The timers of checked columns.
fn each(timers: &Timers) -> impl Iterator<Item = Timer> {
    let (keys, namespaces) = (timers.keys.view(), timers.namespaces.view());
    let names = keys.iter().zip(namespaces.iter());
    timers
        .times
        .iter()
        .zip(names)
        .map(|(&time, (key, namespace))| Timer::new(time, key, namespace))
}

#[cfg(test)]
mod tests;
