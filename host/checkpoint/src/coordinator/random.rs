//! Random events: whatever tasks, storage and users do, the coordinator's invariants hold.
//!
//! A model of the world beside it: which files were uploaded, which were deleted, what completed
//! checkpoints refer to. Messages are lost, doubled and late.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_types::job::StateKind;

use super::fixture::{Driven, TASKS, options, snapshot};
use super::*;
use crate::barrier::Barrier;
use crate::handles::AnyFile;
use crate::statistics::SnapshotMetrics;

const SEEDS: u64 = 300;
const STEPS: usize = 400;

struct World {
    driven: Driven,
    rng: Rng,
    /// Every file that a task wrote, by URL, and whether it was deleted.
    files: BTreeMap<String, bool>,
    /// Acknowledgements on their way: delivered in any order, maybe twice, maybe never.
    travelling: Vec<Event>,
    /// Metadata on its way to storage.
    writing: Vec<Completed>,
    sources: Vec<CheckpointId>,
    cleanups: Vec<CleanupId>,
    /// What each task was told to be complete, with the keys of its shared files there.
    confirmed: BTreeMap<(u32, u32), (CheckpointId, Vec<String>)>,
    /// What each task uploaded, by checkpoint.
    uploads: BTreeMap<(CheckpointId, (u32, u32)), Vec<String>>,
    last_id: u64,
    uploaded: u64,
    /// The metadata that is in storage, and what its checkpoint is.
    metadata: BTreeMap<CheckpointId, Completed>,
    crashes: u64,
    completed: u64,
    deleted: u64,
}

#[test]
fn whatever_happens_files_are_deleted_once_and_never_while_they_are_needed() {
    let (mut completed, mut crashes, mut deleted) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check(seed);
        }
        world.finish(seed);
        completed += world.completed;
        crashes += world.crashes;
        deleted += world.deleted;
    }
    // The histories are not idle.
    assert!(completed > 5 * SEEDS, "{completed} completed");
    assert!(crashes > SEEDS, "{crashes} crashes");
    assert!(deleted > 20 * SEEDS, "{deleted} files deleted");
}

#[test]
fn the_same_seed_makes_the_same_history() {
    let history = |seed| {
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        format!("{:?}", world.driven.coordinator.statistics())
    };
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let options = Options {
            max_concurrent: std::num::NonZeroU32::new(1 + rng.below(3) as u32).unwrap(),
            retained: std::num::NonZeroU32::new(1 + rng.below(2) as u32).unwrap(),
            tolerable_failures: 1_000,
            timeout: Duration::from_secs(5),
            ..options()
        };
        let mut world = Self {
            driven: Driven::new(options, StateKind::Value),
            rng,
            files: BTreeMap::new(),
            travelling: Vec::new(),
            writing: Vec::new(),
            sources: Vec::new(),
            cleanups: Vec::new(),
            confirmed: BTreeMap::new(),
            uploads: BTreeMap::new(),
            last_id: 0,
            uploaded: 0,
            metadata: BTreeMap::new(),
            crashes: 0,
            completed: 0,
            deleted: 0,
        };
        world.restart();
        world
    }

    /// All tasks run, from the latest checkpoint.
    fn restart(&mut self) {
        let kept = self.driven.coordinator.latest().map(|latest| latest.id());
        let uploads = &self.uploads;
        self.confirmed = TASKS
            .into_iter()
            .filter_map(|task| Some((task, (kept?, uploads.get(&(kept?, task))?.clone()))))
            .collect();
        for task in TASKS {
            let attempt = self.driven.attempt(&format!("{}/{}", task.0, task.1));
            let state = ExecutionState::Running;
            self.feed(Event::Task { attempt, state });
        }
        self.feed(Event::Started);
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..55 if !self.travelling.is_empty() => {
                let index = self.rng.below(self.travelling.len() as u64) as usize;
                let twice = self.rng.below(10) == 0;
                let event = self.travelling.swap_remove(index);
                if twice {
                    self.travelling.push(event.clone());
                }
                self.feed(event);
            }
            0..65 => {
                let millis = self.rng.below(1_500);
                self.driven.now.monotonic += Duration::from_millis(millis);
                self.driven.now.unix_ms += millis as i64;
                self.feed(Event::Tick);
            }
            65..78 => {
                if let Some(checkpoint) = self.sources.pop() {
                    let states = BTreeMap::new();
                    self.feed(Event::SourcesSnapshotted { checkpoint, states });
                }
                if let Some(written) = self.writing.pop() {
                    let fails = self.rng.below(8) == 0;
                    self.written(written, fails);
                }
            }
            78..92 => {
                if let Some(cleanup) = self.cleanups.pop() {
                    self.feed(Event::CleanedUp(cleanup));
                }
            }
            92..93 => self.decline(),
            93..97 => {
                let id = RequestId(self.rng.next_u64());
                let target = Some("/s".to_owned());
                let format = crate::barrier::Format::Native;
                let wanted = match self.rng.below(3) {
                    0 => Wanted::Savepoint { target, format },
                    _ => Wanted::Checkpoint {
                        full: self.rng.below(2) == 0,
                    },
                };
                self.feed(Event::Requested(Request { id, wanted }));
            }
            97..99 => {
                self.feed(Event::Suspended(FailureReason::JobFailoverRegion));
                self.restart();
            }
            _ => self.crash(),
        }
    }

    /// The JobMaster dies, with everything that it knew. Another one starts from what storage has.
    fn crash(&mut self) {
        for written in std::mem::take(&mut self.writing) {
            // It may have got there, and nobody was told.
            if self.rng.below(2) == 0 {
                self.store(written);
            }
        }
        let options = self.driven.coordinator.options().clone();
        let now = self.driven.now;
        let retained = options.retained.get() as usize;
        let mut driven = Driven::new(options, StateKind::Value);
        driven.now = now;
        let newest = self.metadata.values().rev().take(retained).cloned();
        let mut kept: Vec<Completed> = newest.collect();
        kept.reverse();
        let needed: BTreeSet<String> = kept.iter().flat_map(urls).collect();
        // The sweep of `Storage::sweep`.
        for (url, deleted) in &mut self.files {
            *deleted |= url.starts_with("/c/") && !needed.contains(url);
        }
        self.metadata
            .retain(|id, _| kept.iter().any(|kept| kept.id() == *id));
        for completed in kept {
            driven.coordinator.recover(completed);
        }
        self.driven = driven;
        self.last_id = self
            .driven
            .coordinator
            .latest()
            .map_or(0, |latest| latest.id().0);
        // Messages of the old leader are refused by its fencing token.
        self.travelling.clear();
        self.sources.clear();
        self.cleanups.clear();
        self.uploads.retain(|(id, _), _| id.0 <= self.last_id);
        self.crashes += 1;
        self.restart();
    }

    /// The writer of metadata answers.
    fn written(&mut self, written: Completed, fails: bool) {
        let checkpoint = written.id();
        let result = if fails {
            Err("boom".to_owned())
        } else {
            self.store(written);
            Ok(1)
        };
        self.feed(Event::MetadataWritten { checkpoint, result });
    }

    fn store(&mut self, written: Completed) {
        if written.location.starts_with("/c/") {
            self.metadata.insert(written.id(), written);
        }
    }

    fn decline(&mut self) {
        let task = TASKS[self.rng.below(4) as usize];
        let attempt = self.driven.attempt(&format!("{}/{}", task.0, task.1));
        let failure = Failure::new(FailureReason::CheckpointDeclined);
        let checkpoint = CheckpointId(self.last_id);
        self.feed(Event::Declined {
            attempt,
            checkpoint,
            failure,
        });
    }

    fn feed(&mut self, event: Event) {
        for action in self.driven.coordinator.handle(event, self.driven.now) {
            match action {
                Action::Trigger { barrier, .. } => self.triggered(&barrier),
                Action::SnapshotSources { checkpoint } => self.sources.push(checkpoint),
                Action::WriteMetadata {
                    directory,
                    metadata,
                    ..
                } => self.writing.push(Completed {
                    location: directory,
                    metadata,
                    owned: false,
                }),
                Action::NotifyComplete { checkpoint, .. } => {
                    self.completed += 1;
                    self.notify(checkpoint);
                }
                Action::CleanUp {
                    cleanup,
                    files,
                    directory,
                } => {
                    self.deleted += files.len() as u64;
                    self.metadata
                        .retain(|_, kept| Some(&kept.location) != directory.as_ref());
                    for file in files {
                        let deleted = self.files.insert(file.clone(), true);
                        assert_eq!(
                            deleted,
                            Some(false),
                            "`{file}` is deleted twice, or never was"
                        );
                    }
                    if directory.is_some() {
                        self.cleanups.push(cleanup);
                    }
                }
                Action::NotifyAborted { .. } | Action::Answer { .. } | Action::FailJob { .. } => {}
            }
        }
    }

    /// Every task uploads something new, and refers to files of what it knows to be complete.
    fn triggered(&mut self, barrier: &Barrier) {
        let id = barrier.checkpoint;
        assert!(id.0 > self.last_id, "ids grow");
        self.last_id = id.0;
        for task in TASKS {
            if self.rng.below(30) == 0 {
                continue;
            }
            let name = format!("{}/{}", task.0, task.1);
            let private = format!("private-{}", self.unique());
            let mut files = vec![private];
            let mut keys = Vec::new();
            if !barrier.kind.is_savepoint() {
                self.share(task, barrier, &mut files, &mut keys);
            }
            self.files
                .insert(format!("{}/{}", barrier.directory, files[0]), false);
            self.uploads.insert((id, task), keys);
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            self.travelling.push(Event::Acknowledged {
                attempt: self.driven.attempt(&name),
                checkpoint: id,
                snapshot: Box::new(snapshot(&name, &files)),
                metrics: SnapshotMetrics::default(),
            });
        }
    }

    /// A task's shared files: those of what it knows to be complete that compaction left, and a new one.
    fn share(
        &mut self,
        task: (u32, u32),
        barrier: &Barrier,
        files: &mut Vec<String>,
        keys: &mut Vec<String>,
    ) {
        let known = self.confirmed.get(&task).filter(|_| !barrier.full);
        for key in known.map(|(_, keys)| keys.clone()).unwrap_or_default() {
            if self.rng.below(3) > 0 {
                files.push(format!("{key}@whatever^0"));
                keys.push(key);
            }
        }
        let number = self.unique();
        // The same content may be uploaded again, under another name, before it is confirmed.
        let key = format!("{}/{}-{}", task.0, task.1, number / 8);
        if !keys.contains(&key) {
            files.push(format!("{key}@shared-{number}^{}", barrier.checkpoint));
            let url = format!("/c/{}/shared/shared-{number}", fixture::JOB);
            self.files.insert(url, false);
            keys.push(key);
        }
    }

    /// Some tasks hear of it.
    fn notify(&mut self, id: CheckpointId) {
        for task in TASKS {
            if self.rng.below(4) > 0
                && let Some(keys) = self.uploads.get(&(id, task))
            {
                self.confirmed.insert(task, (id, keys.clone()));
            }
        }
    }

    fn unique(&mut self) -> u64 {
        self.uploaded += 1;
        self.uploaded
    }

    fn check(&self, seed: u64) {
        let coordinator = &self.driven.coordinator;
        let pending = coordinator
            .pending
            .values()
            .filter(|p| !p.kind.is_savepoint());
        let max = coordinator.options.max_concurrent.get() as usize;
        assert!(pending.count() <= max, "seed {seed}: too many at once");
        for completed in coordinator.completed() {
            for url in urls(completed) {
                assert_eq!(
                    self.files.get(&url),
                    Some(&false),
                    "seed {seed}: `{url}` is needed"
                );
            }
        }
    }

    /// When everything has arrived and the job has ended, nothing is left but savepoints.
    fn finish(&mut self, seed: u64) {
        while let Some(event) = self.travelling.pop() {
            self.feed(event);
        }
        self.feed(Event::Ended(wasmill_types::status::JobStatus::Finished));
        while let Some(written) = self.writing.pop() {
            self.written(written, false);
        }
        while let Some(event) = self.travelling.pop() {
            self.feed(event);
        }
        let left = self.files.iter().filter(|(_, deleted)| !**deleted);
        let left: BTreeSet<_> = left
            .map(|(url, _)| url)
            .filter(|url| url.starts_with("/c/"))
            .collect();
        // What was on its way to a checkpoint that ended long ago is not ordered file by file; it goes
        // with the job's directory, as do those acknowledged when the coordinator had forgotten.
        let forgotten = |url: &&&String| !self.is_remembered(url);
        assert_eq!(
            left.iter().filter(|url| !forgotten(url)).count(),
            0,
            "seed {seed}: {left:?}"
        );
    }

    /// Whether the coordinator still knew of the checkpoint for which a file was written.
    fn is_remembered(&self, url: &str) -> bool {
        let Some((_, rest)) = url.split_once("/chk-") else {
            return false;
        };
        let id: u64 = rest.split('/').next().unwrap().parse().unwrap();
        id + 16 > self.last_id
    }
}

/// The files that a completed checkpoint refers to.
fn urls(completed: &Completed) -> Vec<String> {
    let operators = completed.metadata.operators.iter();
    let states = operators.flat_map(|operator| operator.subtasks.values());
    let files = states.flat_map(|state| state.files());
    let handles = files.filter_map(|file| match file {
        AnyFile::Private(handle) => handle.url(&completed.location),
        AnyFile::Shared(shared) => shared.handle.url(&completed.location),
    });
    handles.collect()
}
