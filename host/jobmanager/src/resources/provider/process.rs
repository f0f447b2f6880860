//! TaskManagers as processes of this machine: started when slots are missing, stopped when they are idle.
//!
//! What to do is decided by [`Plan`], which knows no process; [`ProcessProvider`] does it. Invariants: at
//! most so many processes run; a process that is still starting counts as the slots that it will bring;
//! one that ends at once is not started again and again: there is a pause that grows; names are used again,
//! so that there are no more data directories than processes at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use wasmill_types::id::TaskManagerId;

use super::{Picture, ResourceProvider};

/// The pause after a process that ended by itself; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a process may take to register before it is taken to hang.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a process may take to end in good order before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What the provider may do.
pub struct ProcessOptions {
    /// The most processes at a time.
    pub max_task_managers: usize,
    /// How many slots each brings.
    pub slots: usize,
    /// How long one may be idle.
    pub idle_timeout: Duration,
    /// The command line of a TaskManager of this name.
    pub command: Box<dyn Fn(&TaskManagerId) -> Command + Send>,
}

/// Starts and stops TaskManager processes. Its processes are killed when it is dropped.
#[derive(Debug)]
pub struct ProcessProvider {
    options: ProcessOptions,
    plan: Plan,
    children: BTreeMap<TaskManagerId, Child>,
}

/// The processes, without the processes themselves.
#[derive(Debug, Default)]
struct Plan {
    processes: BTreeMap<TaskManagerId, Process>,
    /// Processes in a row that ended by themselves before they had registered.
    failed: u32,
    paused_until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Starting { since: Duration },
    Registered,
    Stopping { since: Duration },
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
struct Steps {
    start: usize,
    stop: Vec<TaskManagerId>,
    kill: Vec<TaskManagerId>,
}

impl ProcessProvider {
    /// A provider that has started nothing yet.
    pub fn new(options: ProcessOptions) -> Self {
        Self {
            options,
            plan: Plan::default(),
            children: BTreeMap::new(),
        }
    }

    /// Takes out the processes that have ended.
    fn reap(&mut self) -> Vec<TaskManagerId> {
        let mut ended = Vec::new();
        for (id, child) in &mut self.children {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => {
                    tracing::info!(tm = %id, %status, "TaskManager process ended");
                    ended.push(id.clone());
                }
                Err(error) => tracing::warn!(tm = %id, %error, "look after a TaskManager process"),
            }
        }
        for id in &ended {
            self.children.remove(id);
        }
        ended
    }

    fn start(&mut self, picture: &Picture) {
        let now = picture.now;
        let Some(id) = self.free_name(&picture.registered) else {
            return;
        };
        let spawned = (self.options.command)(&id).kill_on_drop(true).spawn();
        match spawned {
            Ok(child) => {
                tracing::info!(tm = %id, "TaskManager process started");
                self.plan.started(id.clone(), now);
                self.children.insert(id, child);
            }
            Err(error) => {
                tracing::error!(%error, "start a TaskManager process");
                self.plan.pause(now);
            }
        }
    }

    /// The first name that no process has, nor one that is still taken to be there.
    fn free_name(&self, registered: &[TaskManagerId]) -> Option<TaskManagerId> {
        let names = (1_usize..).map(|number| format!("local-{number}").parse());
        let mut names = names.map_while(Result::<TaskManagerId, _>::ok);
        names.find(|id| !self.children.contains_key(id) && !registered.contains(id))
    }

    fn terminate(&self, id: &TaskManagerId) {
        let pid = self.children.get(id).and_then(Child::id);
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid as i32)) {
            // It may have ended meanwhile.
            let _ended_already = kill_process(pid, Signal::TERM);
        }
    }
}

impl ResourceProvider for ProcessProvider {
    fn update(&mut self, picture: &Picture) -> Vec<TaskManagerId> {
        for id in self.reap() {
            self.plan.ended(&id, picture.now);
        }
        let steps = self.plan.steps(&self.options, picture);
        for _ in 0..steps.start {
            self.start(picture);
        }
        for id in &steps.kill {
            if let Some(child) = self.children.get_mut(id) {
                tracing::warn!(tm = %id, "TaskManager process neither works nor ends, and is killed");
                // Killing what has ended is no loss.
                let _ended_already = child.start_kill();
            }
        }
        for id in &steps.stop {
            self.terminate(id);
        }
        steps.stop
    }

    fn is_active(&self) -> bool {
        true
    }

    fn stop(&mut self) {
        for id in self.children.keys() {
            self.terminate(id);
        }
    }

    fn has_stopped(&mut self) -> bool {
        self.reap();
        self.children.is_empty()
    }
}

impl Plan {
    fn steps(&mut self, options: &ProcessOptions, picture: &Picture) -> Steps {
        for id in &picture.registered {
            if let Some(process @ Process::Starting { .. }) = self.processes.get_mut(id) {
                *process = Process::Registered;
                self.failed = 0;
            }
        }
        let now = picture.now;
        let mut steps = Steps::default();
        for (id, process) in &self.processes {
            let has_passed = |since: Duration, time| now.saturating_sub(since) >= time;
            match process {
                Process::Starting { since } if has_passed(*since, START_PATIENCE) => {
                    steps.kill.push(id.clone());
                }
                Process::Stopping { since } if has_passed(*since, STOP_PATIENCE) => {
                    steps.kill.push(id.clone());
                }
                _ => {}
            }
        }
        let is_starting = |it: &&Process| matches!(it, Process::Starting { .. });
        let coming = self.processes.values().filter(is_starting).count() * options.slots;
        let missing = picture.missing_slots.saturating_sub(coming);
        let room = options
            .max_task_managers
            .saturating_sub(self.processes.len());
        if now >= self.paused_until {
            steps.start = missing.div_ceil(options.slots.max(1)).min(room);
        }
        if picture.missing_slots == 0 {
            self.stop_idle(options, picture, &mut steps);
        }
        steps
    }

    fn stop_idle(&mut self, options: &ProcessOptions, picture: &Picture, steps: &mut Steps) {
        let now = picture.now;
        for (id, since) in &picture.idle {
            let is_late = now.saturating_sub(*since) >= options.idle_timeout;
            if let Some(process @ Process::Registered) = self.processes.get_mut(id)
                && is_late
            {
                *process = Process::Stopping { since: now };
                steps.stop.push(id.clone());
            }
        }
    }

    fn started(&mut self, id: TaskManagerId, now: Duration) {
        self.processes.insert(id, Process::Starting { since: now });
    }

    fn ended(&mut self, id: &TaskManagerId, now: Duration) {
        if let Some(Process::Starting { .. }) = self.processes.remove(id) {
            self.pause(now);
        }
    }

    fn pause(&mut self, now: Duration) {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failed.min(10));
        self.failed = self.failed.saturating_add(1);
        self.paused_until = now + pause.min(LONGEST_PAUSE);
    }
}

impl fmt::Debug for ProcessOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            max_task_managers,
            slots,
            ..
        } = self;
        write!(f, "ProcessOptions({max_task_managers} of {slots} slots)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn id(name: &str) -> TaskManagerId {
        name.parse().unwrap()
    }

    fn options() -> ProcessOptions {
        ProcessOptions {
            max_task_managers: 3,
            slots: 2,
            idle_timeout: secs(50),
            command: Box::new(|_| Command::new("false")),
        }
    }

    fn picture(missing_slots: usize, registered: &[&str], idle: &[&str], now: u64) -> Picture {
        Picture {
            missing_slots,
            registered: registered.iter().map(|name| id(name)).collect(),
            idle: idle.iter().map(|name| (id(name), secs(10))).collect(),
            now: secs(now),
        }
    }

    /// What to do at each picture, as `+started -stopped !killed`; the started are named `a`, `b`, ….
    fn steps(pictures: &[Picture]) -> Vec<String> {
        let mut plan = Plan::default();
        let mut names = 'a'..='z';
        let mut all = Vec::new();
        for picture in pictures {
            let steps = plan.steps(&options(), picture);
            let mut text = Vec::new();
            for _ in 0..steps.start {
                let name = names.next().unwrap().to_string();
                plan.started(id(&name), picture.now);
                text.push(format!("+{name}"));
            }
            text.extend(steps.stop.iter().map(|id| format!("-{id}")));
            text.extend(steps.kill.iter().map(|id| format!("!{id}")));
            all.push(text.join(" "));
        }
        all
    }

    #[test]
    fn processes_are_started_for_missing_slots_and_stopped_when_idle() {
        for (pictures, expected) in [
            (
                &[picture(3, &[], &[], 1), picture(3, &[], &[], 2)][..],
                &["+a +b", ""][..],
            ),
            (&[picture(9, &[], &[], 1)], &["+a +b +c"]),
            (
                &[
                    picture(1, &[], &[], 1),
                    picture(0, &["a"], &["a"], 59),
                    picture(0, &["a"], &["a"], 60),
                    picture(0, &["a"], &["a"], 61),
                    picture(0, &["a"], &["a"], 90),
                ],
                &["+a", "", "-a", "", "!a"],
            ),
            (&[picture(0, &["other"], &["other"], 100)], &[""]),
            (
                &[picture(1, &[], &[], 1), picture(0, &[], &[], 61)],
                &["+a", "!a"],
            ),
        ] {
            assert_eq!(steps(pictures), expected);
        }
    }

    #[test]
    fn a_process_that_ends_at_once_is_started_again_after_growing_pauses() {
        let mut plan = Plan::default();
        let mut started = Vec::new();
        for second in 1..=10 {
            let steps = plan.steps(&options(), &picture(1, &[], &[], second));
            if steps.start > 0 {
                started.push(second);
                plan.started(id("a"), secs(second));
                plan.ended(&id("a"), secs(second));
            }
        }
        assert_eq!(started, [1, 2, 4, 8]);
    }
    #[test]
    fn processes_end_with_the_provider() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let command = |_: &TaskManagerId| {
                let mut command = Command::new("sleep");
                command.arg("1000");
                command
            };
            let options = ProcessOptions {
                command: Box::new(command),
                ..options()
            };
            let mut provider = ProcessProvider::new(options);
            assert_eq!(provider.update(&picture(3, &["local-2"], &[], 1)), []);
            let names: Vec<_> = provider
                .children
                .keys()
                .map(TaskManagerId::as_str)
                .collect();
            assert_eq!(names, ["local-1", "local-3"]);
            assert!(!provider.has_stopped());
            provider.stop();
            let clock = wasmill_actor::Clock::system();
            let ended = async {
                while !provider.has_stopped() {
                    tokio::task::yield_now().await;
                }
            };
            clock.timeout(secs(10), ended).await.unwrap();
        });
    }
}
