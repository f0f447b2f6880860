//! The timers of one subtask as they were when a snapshot was taken.
//!
//! Made by [`super::TimerService`] on the task's thread, read on another. Invariant: whatever the task
//! does meanwhile, the timers stay.

use wasmill_types::operator::TimeDomain;

use crate::owned::OwnedGroups;
use crate::snapshot::TimerItem;
use crate::timers::slots::FrozenSlots;

/// All timers of one moment.
#[derive(Debug)]
pub(crate) struct FrozenTimers {
    pub(super) event: FrozenSlots,
    pub(super) processing: FrozenSlots,
}

/// All timers of one moment, by key group.
pub(crate) struct GroupedTimers<'a>(Vec<(u16, TimerItem<'a>)>);

impl FrozenTimers {
    pub(crate) fn by_group(&self, groups: &OwnedGroups) -> GroupedTimers<'_> {
        let mut timers = Vec::with_capacity(self.event.len() + self.processing.len());
        let domains = [
            (TimeDomain::Event, &self.event),
            (TimeDomain::Processing, &self.processing),
        ];
        for (domain, set) in domains {
            timers.extend(set.iter().map(|timer| {
                let key = timer.key();
                let item = TimerItem {
                    domain,
                    time: timer.time,
                    key,
                    namespace: timer.namespace(),
                };
                (groups.group_of(key), item)
            }));
        }
        timers.sort_unstable();
        GroupedTimers(timers)
    }
}

impl<'a> GroupedTimers<'a> {
    /// The timers of one key group, always in the same order.
    pub(crate) fn of(&self, group: u16) -> impl Iterator<Item = TimerItem<'a>> {
        let first = self.0.partition_point(|(of, _)| *of < group);
        let timers = self.0[first..].iter();
        timers
            .take_while(move |(of, _)| *of == group)
            .map(|(_, timer)| *timer)
    }
}
