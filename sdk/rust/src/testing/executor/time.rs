//! How time passes for the subtasks under test.
//!
//! Invariant: operators hear of a watermark before the timers that it fires, and those who read from them
//! after these.

use anyhow::Result;

use super::super::event_time::Channel;
use super::super::host::Emitted;
use super::Executor;
use crate::host::empty_blobs;
use crate::timers::TimeDomain;

impl Executor {
    /// Event time has advanced at the inputs of a subtask: first its operators hear of it, then timers
    /// fire, then those who read from it hear of it.
    pub(super) fn advance(&mut self, task: usize, time: i64) -> Result<()> {
        self.call(task, |instance| instance.on_watermark(time))?;
        self.fire(task, TimeDomain::Event, time)?;
        let (makes_its_own, _) = self.plan.makes_watermarks(self.tasks[task].vertex);
        match makes_its_own && time < i64::MAX {
            true => Ok(()),
            false => self.route(task, vec![Emitted::Watermark(time)]),
        }
    }

    pub(super) fn idle(&mut self, task: usize, channel: Channel) -> Result<()> {
        let (passed, all) = self.tasks[task].event_time.idle(channel);
        passed.map_or(Ok(()), |time| self.advance(task, time))?;
        let (makes_its_own, _) = self.plan.makes_watermarks(self.tasks[task].vertex);
        match all && !makes_its_own {
            true => self.route(task, vec![Emitted::Idle]),
            false => Ok(()),
        }
    }

    /// Fires the timers of a subtask up to a time, also those that they register.
    fn fire(&mut self, task: usize, domain: TimeDomain, up_to: i64) -> Result<()> {
        let due = |executor: &mut Self| {
            let host = executor.tasks[task].host()?;
            host.timers.due(domain, up_to)
        };
        while let Some(due) = due(self) {
            self.call(task, |instance| {
                instance.on_timers(domain, &due.times, &due.keys, &due.namespaces)
            })?;
        }
        Ok(())
    }

    pub(super) fn fire_processing(&mut self) -> Result<()> {
        for task in self.running() {
            self.fire(task, TimeDomain::Processing, self.clock)?;
        }
        self.drain()
    }

    /// Asks the operators that make watermarks for one, as the host does from time to time.
    pub(super) fn probe(&mut self) -> Result<()> {
        for task in self.running() {
            let (_, is_probed) = self.plan.makes_watermarks(self.tasks[task].vertex);
            if is_probed {
                let none = empty_blobs();
                self.call(task, |instance| {
                    instance.on_timers(TimeDomain::Processing, &[], &none, &none)
                })?;
            }
        }
        self.drain()
    }
}
