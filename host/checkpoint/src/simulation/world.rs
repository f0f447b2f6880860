//! The JobManager's driver, what is on its way, and who dies when.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::Rng;
use wasmill_graph::{JobGraph, OperatorUid};
use wasmill_types::id::{AttemptId, TenantId, VertexId};
use wasmill_types::job::{Partitioning, StateKind};
use wasmill_types::status::{ExecutionState, JobStatus};

use super::storage::Storage;
use super::task::{Tasks, Upload};
use crate::assignment::{Assignment, NewJob};
use crate::coordinator::fixture::{JOB, TASKS, graph, options};
use crate::coordinator::{Action, CleanupId, Event, Now, Request, Topology, Wanted};
use crate::failure::Failure;
use crate::handles::TaskSnapshot;
use crate::layout::JobDirectory;
use crate::statistics::SnapshotMetrics;
use crate::{Barrier, CheckpointId, Coordinator, FailureReason, Metadata, Options, RequestId};

/// What happened in histories.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) completed: u64,
    pub(super) restored: u64,
    pub(super) crashed: u64,
    pub(super) records: u64,
    pub(super) reused: u64,
}

/// Something that the JobManager tells a task.
#[derive(Debug, Clone)]
struct Told {
    attempt: u32,
    task: (u32, u32),
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Trigger(Box<Barrier>),
    Complete(CheckpointId),
    Aborted(CheckpointId),
}

/// Something that the JobManager does outside, a step at a time.
#[derive(Debug)]
enum Effect {
    Sources(CheckpointId),
    Metadata(CheckpointId, String, Arc<Metadata>),
    CleanUp(CleanupId, VecDeque<String>, Option<String>),
}

/// Everything.
pub(super) struct World {
    rng: Rng,
    now: Now,
    options: Options,
    graph: JobGraph,
    coordinator: Coordinator,
    storage: Storage,
    tasks: Tasks,
    to_tasks: Vec<Told>,
    to_master: Vec<Event>,
    effects: Vec<Effect>,
    uploads: Vec<Upload>,
    /// The newest checkpoint that tasks were told to be complete.
    announced: Option<CheckpointId>,
    counts: Counts,
    trace: Vec<(u64, usize, usize)>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let at_most = |rng: &mut Rng, most| NonZeroU32::new(1 + rng.below(most) as u32).unwrap();
        let options = Options {
            max_concurrent: at_most(&mut rng, 3),
            retained: at_most(&mut rng, 2),
            tolerable_failures: 1_000,
            interval: Some(Duration::from_millis(200)),
            timeout: Duration::from_secs(1),
            ..options()
        };
        let storage = Storage::default();
        let mut world = Self {
            now: Now {
                monotonic: Duration::ZERO,
                unix_ms: 1_000_000,
            },
            graph: graph(StateKind::Value, Partitioning::Hash),
            coordinator: coordinator(&options),
            tasks: Tasks::start(0, None, &storage, &mut rng),
            options,
            rng,
            storage,
            to_tasks: Vec::new(),
            to_master: Vec::new(),
            effects: Vec::new(),
            uploads: Vec::new(),
            announced: None,
            counts: Counts::default(),
            trace: Vec::new(),
        };
        world.run();
        world
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// What happened, step by step.
    pub(super) fn trace(&self) -> &[(u64, usize, usize)] {
        &self.trace
    }

    /// Lets something happen.
    pub(super) fn step(&mut self) {
        let dice = self.rng.below(1_000);
        match dice {
            0..100 => self.tasks.emit(&mut self.rng),
            100..420 => self.deliver(),
            420..570 => self.tell_task(),
            570..650 => self.tell_master(),
            650..800 => self.upload(),
            800..910 => self.effect(),
            910..960 => {
                let millis = self.rng.below(300);
                self.pass(millis);
            }
            960..985 => self.tasks.compact(&mut self.rng),
            985..990 => {
                let full = self.rng.below(2) == 0;
                let (id, wanted) = (RequestId(self.rng.next_u64()), Wanted::Checkpoint { full });
                self.feed(Event::Requested(Request { id, wanted }));
            }
            990..993 => self.fail(),
            993..995 => self.crash(),
            _ => {}
        }
        let files = self.storage.len();
        self.trace.push((dice, files, self.to_tasks.len()));
    }

    /// What is complete can be restored.
    fn check(&self) {
        for completed in self.coordinator.completed() {
            self.storage.check(completed);
        }
        let latest = self.coordinator.latest().map(|latest| latest.id());
        assert!(latest >= self.announced, "{latest:?} was not the last one");
    }

    /// The job ends, everything that is on its way arrives, and nothing is left.
    pub(super) fn finish(&mut self) {
        // A job ends when its tasks have: what they wrote has been told, or is forgotten.
        while !self.uploads.is_empty() {
            self.upload();
        }
        self.feed(Event::Ended(JobStatus::Canceled));
        self.announced = None;
        while !(self.effects.is_empty() && self.to_master.is_empty()) {
            self.tell_master();
            self.effect();
        }
        assert_eq!(self.storage.urls(), Vec::<&String>::new(), "left behind");
    }

    fn pass(&mut self, millis: u64) {
        self.now.monotonic += Duration::from_millis(millis);
        self.now.unix_ms += millis as i64;
        self.feed(Event::Tick);
    }

    fn deliver(&mut self) {
        let (is_record, upload) = self.tasks.deliver(&mut self.rng);
        self.counts.records += u64::from(is_record);
        self.uploads.extend(upload);
    }

    /// A message arrives at a task: any, maybe again later, maybe never.
    fn tell_task(&mut self) {
        let Some(index) = any(&mut self.rng, self.to_tasks.len()) else {
            return;
        };
        let told = self.to_tasks.swap_remove(index);
        match self.rng.below(30) {
            0 => return,
            1 => self.to_tasks.push(told.clone()),
            _ => {}
        }
        if told.attempt != self.tasks.attempt {
            return;
        }
        let (vertex, subtask) = told.task;
        match told.what {
            What::Trigger(barrier) if vertex == 0 => {
                if let Some(snapshot) = self.tasks.trigger(subtask, &barrier) {
                    let attempt = attempt_of(told.task, told.attempt);
                    self.answer(attempt, barrier.checkpoint, snapshot);
                }
            }
            What::Complete(checkpoint) if vertex == 1 => {
                self.tasks.hear(subtask, checkpoint, true);
            }
            What::Aborted(checkpoint) if vertex == 1 => {
                self.tasks.hear(subtask, checkpoint, false);
            }
            What::Trigger(_) | What::Complete(_) | What::Aborted(_) => {}
        }
    }

    /// A message arrives at the JobManager.
    fn tell_master(&mut self) {
        let Some(index) = any(&mut self.rng, self.to_master.len()) else {
            return;
        };
        let event = self.to_master.swap_remove(index);
        match self.rng.below(25) {
            0 => return,
            1 => self.to_master.push(event.clone()),
            _ => {}
        }
        self.feed(event);
    }

    fn answer(&mut self, attempt: AttemptId, checkpoint: CheckpointId, snapshot: TaskSnapshot) {
        let (snapshot, metrics) = (Box::new(snapshot), SnapshotMetrics::default());
        self.to_master.push(Event::Acknowledged {
            attempt,
            checkpoint,
            snapshot,
            metrics,
        });
    }

    /// One file more of what a task took, or a failure.
    fn upload(&mut self) {
        let Some(index) = any(&mut self.rng, self.uploads.len()) else {
            return;
        };
        let upload = &mut self.uploads[index];
        let attempt = attempt_of((1, upload.subtask), upload.attempt);
        let checkpoint = upload.barrier.checkpoint;
        if self.rng.below(40) == 0 {
            self.uploads.swap_remove(index);
            self.to_master.push(Event::Declined {
                attempt,
                checkpoint,
                failure: Failure::new(FailureReason::IoException),
            });
            return;
        }
        let reused = &mut self.counts.reused;
        let written = upload.step(&mut self.tasks, &mut self.storage, reused);
        if let Some(snapshot) = written {
            self.uploads.swap_remove(index);
            self.answer(attempt, checkpoint, snapshot);
        }
    }

    /// One step of something that the JobManager does.
    fn effect(&mut self) {
        let Some(index) = any(&mut self.rng, self.effects.len()) else {
            return;
        };
        match self.effects.swap_remove(index) {
            Effect::Sources(checkpoint) => {
                let states = BTreeMap::new();
                self.feed(Event::SourcesSnapshotted { checkpoint, states });
            }
            Effect::Metadata(checkpoint, directory, metadata) => {
                let result = match self.rng.below(12) {
                    0 => Err("storage is away".to_owned()),
                    1 => {
                        // It got there, and the answer did not come back.
                        drop(self.storage.complete(&directory, &metadata));
                        Err("no answer".to_owned())
                    }
                    _ => self.storage.complete(&directory, &metadata),
                };
                self.feed(Event::MetadataWritten { checkpoint, result });
            }
            Effect::CleanUp(cleanup, mut files, directory) => {
                let next = files.pop_front();
                let inside = || self.storage.first_below(directory.as_ref()?);
                match next.or_else(inside) {
                    Some(url) => {
                        self.storage.delete(&url);
                        let rest = Effect::CleanUp(cleanup, files, directory);
                        self.effects.push(rest);
                    }
                    None => self.feed(Event::CleanedUp(cleanup)),
                }
            }
        }
        self.check();
    }

    /// A task fails, and all start again from the newest checkpoint.
    fn fail(&mut self) {
        self.feed(Event::Suspended(FailureReason::JobFailoverRegion));
        // What a TaskManager that lives writes arrives in the end.
        if self.rng.below(2) == 0 {
            self.uploads.clear();
        }
        self.restart();
    }

    /// The JobManager dies with everything that it knew, and another one starts from what is in storage.
    fn crash(&mut self) {
        self.counts.crashed += 1;
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::Metadata(_, directory, metadata) = effect
                && self.rng.below(2) == 0
            {
                drop(self.storage.complete(&directory, &metadata));
            }
        }
        // A new leader takes nothing from tasks that the old one started, and these stop.
        self.to_master.clear();
        self.to_tasks.clear();
        self.uploads.clear();
        let job = JobDirectory::new("/c", JOB);
        let retained = self.options.retained.get() as usize;
        self.coordinator = coordinator(&self.options);
        for completed in self.storage.recover(&job, retained) {
            self.coordinator.recover(completed);
        }
        self.check();
        self.restart();
    }

    fn restart(&mut self) {
        let attempt = self.tasks.attempt + 1;
        let latest = self.coordinator.latest().cloned();
        let restored = latest.map(|latest| {
            self.counts.restored += 1;
            let mut metadata = (*latest.metadata).clone();
            metadata.make_absolute(&latest.location);
            let job = NewJob::new(&self.graph);
            let mut assignment = Assignment::new(&metadata, &job, false).unwrap();
            let mut of = |name| {
                let assigned = assignment.operators.remove(&OperatorUid::of_uid(name));
                assigned.unwrap().subtasks
            };
            [of("source"), of("map")]
        });
        self.tasks = Tasks::start(attempt, restored, &self.storage, &mut self.rng);
        self.coordinator.restored_latest(self.now);
        self.run();
    }

    /// All tasks run.
    fn run(&mut self) {
        for task in TASKS {
            let attempt = attempt_of(task, self.tasks.attempt);
            let state = ExecutionState::Running;
            self.feed(Event::Task { attempt, state });
        }
        self.feed(Event::Started);
    }

    fn feed(&mut self, event: Event) {
        for action in self.coordinator.handle(event, self.now) {
            match action {
                Action::Trigger { tasks, barrier } => {
                    let barrier = Box::new(barrier);
                    self.tell(&tasks, || What::Trigger(barrier.clone()));
                }
                Action::SnapshotSources { checkpoint } => {
                    self.effects.push(Effect::Sources(checkpoint));
                }
                Action::WriteMetadata {
                    checkpoint,
                    directory,
                    metadata,
                } => {
                    let effect = Effect::Metadata(checkpoint, directory, metadata);
                    self.effects.push(effect);
                }
                Action::NotifyComplete { tasks, checkpoint } => {
                    self.counts.completed += 1;
                    self.announced = Some(checkpoint);
                    self.tell(&tasks, || What::Complete(checkpoint));
                }
                Action::NotifyAborted {
                    tasks, checkpoint, ..
                } => self.tell(&tasks, || What::Aborted(checkpoint)),
                Action::CleanUp {
                    cleanup,
                    files,
                    directory,
                } => {
                    let effect = Effect::CleanUp(cleanup, files.into(), directory);
                    self.effects.push(effect);
                }
                Action::Answer { .. } => {}
                Action::FailJob { message } => panic!("{message}"),
            }
        }
    }

    fn tell(&mut self, tasks: &[AttemptId], what: impl Fn() -> What) {
        let told = tasks.iter().map(|task| Told {
            attempt: task.attempt,
            task: (task.vertex.0, task.subtask),
            what: what(),
        });
        self.to_tasks.extend(told);
    }
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.completed += other.completed;
        self.restored += other.restored;
        self.crashed += other.crashed;
        self.records += other.records;
        self.reused += other.reused;
    }
}

fn coordinator(options: &Options) -> Coordinator {
    let topology = Topology::new(&graph(StateKind::Value, Partitioning::Hash));
    Coordinator::new(
        (TenantId::default(), JOB),
        topology,
        options.clone(),
        Rng::seeded(1),
    )
}

fn attempt_of((vertex, subtask): (u32, u32), attempt: u32) -> AttemptId {
    AttemptId {
        job: JOB,
        vertex: VertexId(vertex),
        subtask,
        attempt,
    }
}

/// Any of so many.
fn any(rng: &mut Rng, count: usize) -> Option<usize> {
    (count > 0).then(|| rng.below(count as u64) as usize)
}
