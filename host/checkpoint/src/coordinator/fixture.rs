//! A job, and a coordinator that is driven and read by text, for tests.
//!
//! The job: two subtasks of a source (vertex 0) that hash to two subtasks of a keyed operator (vertex 1).
//! Tasks are written `vertex/subtask`; times are milliseconds.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmill_graph::{JobGraph, LogicalGraph};
use wasmill_types::id::{OperatorId, TenantId, VertexId};
use wasmill_types::job::{
    Chaining, EdgeSpec, JobSpec, OperatorKind, OperatorSpec, Partitioning, StateKind, StateSpec,
};
use wasmill_types::status::JobStatus;

use super::*;
use crate::barrier::Format;
use crate::handles::{
    FileHandle, KeyedState, NativeState, OperatorPart, Place, SharedFile, SubtaskState,
    TaskSnapshot,
};
use crate::statistics::SnapshotMetrics;

/// The job that is coordinated.
pub(crate) const JOB: JobId = JobId(0xabc);

/// The subtasks of the fixture's job.
pub(crate) const TASKS: [(u32, u32); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// The fixture's job; its second operator keeps a state of this kind.
pub(crate) fn graph(state: StateKind, partitioning: Partitioning) -> JobGraph {
    let operator = |id, name: &str, kind| OperatorSpec {
        id: OperatorId(id),
        name: name.to_owned(),
        kind,
        chaining: Chaining::Never,
        states: Vec::new(),
        uid: Some(name.to_owned()),
        parallelism: Some(2),
        max_parallelism: Some(128),
        slot_sharing_group: None,
        co_location: None,
        watermark_interval: None,
    };
    let mut map = operator(1, "map", OperatorKind::Guest);
    map.states.push(StateSpec {
        id: 0,
        name: "count".to_owned(),
        kind: state,
        ttl: None,
        schema: None,
    });
    let spec = JobSpec {
        name: "job".to_owned(),
        operators: vec![operator(0, "source", OperatorKind::GuestSource), map],
        edges: vec![EdgeSpec {
            upstream: OperatorId(0),
            output: 0,
            downstream: OperatorId(1),
            input: 0,
            partitioning,
            format: "postcard".to_owned(),
        }],
        parallelism: None,
    };
    let logical = LogicalGraph::check(spec, &wasmill_graph::Options::default()).unwrap();
    JobGraph::from_logical(&logical)
}

/// Options with a period of a second and a directory.
pub(crate) fn options() -> Options {
    Options {
        interval: Some(Duration::from_secs(1)),
        min_pause: Duration::ZERO,
        directory: Some("/c".to_owned()),
        ..Options::default()
    }
}

/// A coordinator with what it was told.
pub(crate) struct Driven {
    pub(crate) coordinator: Coordinator,
    pub(crate) now: Now,
    attempts: BTreeMap<(u32, u32), u32>,
    cleanups: Vec<CleanupId>,
}

impl Driven {
    /// Before anything happened.
    pub(crate) fn new(options: Options, state: StateKind) -> Self {
        let topology = Topology::new(&graph(state, Partitioning::Hash));
        let rng = Rng::seeded(1);
        Self {
            coordinator: Coordinator::new((TenantId::default(), JOB), topology, options, rng),
            now: Now {
                monotonic: Duration::ZERO,
                unix_ms: 1_000_000,
            },
            attempts: BTreeMap::new(),
            cleanups: Vec::new(),
        }
    }

    /// The attempt that a text names.
    pub(crate) fn attempt(&self, task: &str) -> AttemptId {
        let (vertex, subtask) = task.split_once('/').unwrap();
        let (vertex, subtask) = (vertex.parse().unwrap(), subtask.parse().unwrap());
        AttemptId {
            job: JOB,
            vertex: VertexId(vertex),
            subtask,
            attempt: self.attempts.get(&(vertex, subtask)).copied().unwrap_or(0),
        }
    }

    /// Does what a text says and returns what the coordinator wants done.
    pub(crate) fn step(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        let mut actions = Vec::new();
        for event in self.events(&words) {
            actions.extend(self.coordinator.handle(event, self.now));
        }
        self.cleanups
            .extend(actions.iter().filter_map(|action| match action {
                Action::CleanUp { cleanup, .. } => Some(*cleanup),
                _ => None,
            }));
        let texts: Vec<String> = actions.iter().map(text).collect();
        texts.join("; ")
    }

    /// Each step's command and what it must make happen.
    #[track_caller]
    pub(crate) fn check(&mut self, steps: &[(&str, &str)]) {
        for (index, (command, expected)) in steps.iter().enumerate() {
            let found = self.step(command);
            assert_eq!(found, *expected, "step {index}: {command}");
        }
    }

    fn events(&mut self, words: &[&str]) -> Vec<Event> {
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let id = |at: usize| CheckpointId(number(at));
        match words[0] {
            "start" => vec![Event::Started],
            "suspend" => vec![Event::Suspended(
                FailureReason::CheckpointCoordinatorSuspend,
            )],
            "failover" => vec![Event::Suspended(FailureReason::JobFailoverRegion)],
            "end" => vec![Event::Ended(status(words[1]))],
            "tick" => {
                self.now.monotonic += Duration::from_millis(number(1));
                self.now.unix_ms += number(1) as i64;
                vec![Event::Tick]
            }
            "run" => self.all(ExecutionState::Running),
            "finish" => self.all(ExecutionState::Finished),
            "attempt" => {
                for task in TASKS {
                    *self.attempts.entry(task).or_default() += 1;
                }
                self.all(ExecutionState::Running)
            }
            "task" => vec![Event::Task {
                attempt: self.attempt(words[1]),
                state: state(words[2]),
            }],
            "eod" => vec![Event::EndOfData(self.attempt(words[1]))],
            "ack" => vec![self.ack(words[2], id(1), &words[3..])],
            "acks" => TASKS
                .iter()
                .map(|(vertex, subtask)| self.ack(&format!("{vertex}/{subtask}"), id(1), &[]))
                .collect(),
            "decline" => vec![Event::Declined {
                attempt: self.attempt(words[2]),
                checkpoint: id(1),
                failure: Failure::because(reason(words[3]), "boom"),
            }],
            "sources" => vec![Event::SourcesSnapshotted {
                checkpoint: id(1),
                states: BTreeMap::new(),
            }],
            "written" => vec![Event::MetadataWritten {
                checkpoint: id(1),
                result: Ok(100),
            }],
            "unwritten" => vec![Event::MetadataWritten {
                checkpoint: id(1),
                result: Err("disk full".to_owned()),
            }],
            "cleaned" => self.cleanups.drain(..).map(Event::CleanedUp).collect(),
            "backlog" => vec![Event::Backlog(words[1] == "on")],
            wanted => vec![Event::Requested(Request {
                id: RequestId(number(1)),
                wanted: self::wanted(wanted),
            })],
        }
    }

    fn all(&self, state: ExecutionState) -> Vec<Event> {
        let attempts = TASKS.iter().map(|(v, s)| self.attempt(&format!("{v}/{s}")));
        attempts
            .map(|attempt| Event::Task { attempt, state })
            .collect()
    }

    /// An acknowledgement with files: `name` is private, `key@path^checkpoint` shared, `done` says that
    /// the operators have finished.
    fn ack(&self, task: &str, checkpoint: CheckpointId, files: &[&str]) -> Event {
        Event::Acknowledged {
            attempt: self.attempt(task),
            checkpoint,
            snapshot: Box::new(snapshot(task, files)),
            metrics: SnapshotMetrics::default(),
        }
    }
}

/// What a task answers; see [`Driven::ack`].
pub(crate) fn snapshot(task: &str, files: &[&str]) -> TaskSnapshot {
    let mut native = NativeState {
        backend: "rocksdb".to_owned(),
        key_groups: 0..64,
        shared: BTreeMap::new(),
        private: BTreeMap::new(),
    };
    let handle = |place| FileHandle {
        place,
        size: 10,
        checksum: 0,
    };
    for file in files.iter().filter(|file| **file != "done") {
        if let Some((key, rest)) = file.split_once('@') {
            let (path, uploaded_for) = rest.split_once('^').unwrap();
            let shared = SharedFile {
                key: key.to_owned(),
                uploaded_for: CheckpointId(uploaded_for.parse().unwrap()),
                handle: handle(Place::Shared(path.to_owned())),
            };
            native.shared.insert(key.to_owned(), shared);
        } else {
            let private = handle(Place::Own((*file).to_owned()));
            native.private.insert((*file).to_owned(), private);
        }
    }
    let is_empty = native.shared.is_empty() && native.private.is_empty();
    let name = if task.starts_with('0') {
        "source"
    } else {
        "map"
    };
    let part = OperatorPart {
        operator: wasmill_graph::OperatorUid::of_uid(name),
        state: SubtaskState {
            keyed: (!is_empty).then_some(KeyedState::Native(native)),
            ..SubtaskState::default()
        },
    };
    TaskSnapshot {
        operators: vec![part],
        operators_finished: files.contains(&"done"),
    }
}

fn wanted(word: &str) -> Wanted {
    let (target, format) = (Some("/s".to_owned()), Format::Canonical);
    match word {
        "checkpoint" => Wanted::Checkpoint { full: false },
        "full" => Wanted::Checkpoint { full: true },
        "savepoint" => Wanted::Savepoint { target, format },
        "nowhere" => Wanted::Savepoint {
            target: None,
            format,
        },
        "stop" => Wanted::Stop {
            target,
            format,
            drain: false,
        },
        "drain" => Wanted::Stop {
            target,
            format,
            drain: true,
        },
        other => unreachable!("{other}"),
    }
}

fn reason(name: &str) -> FailureReason {
    let mut reasons = FailureReason::ALL.into_iter();
    reasons.find(|reason| reason.name() == name).unwrap()
}

fn state(name: &str) -> ExecutionState {
    ExecutionState::ALL
        .into_iter()
        .find(|state| state.name() == name)
        .unwrap()
}

fn status(name: &str) -> JobStatus {
    JobStatus::ALL
        .into_iter()
        .find(|status| status.name() == name)
        .unwrap()
}

/// An action as tests write it. The job's directory is left out.
pub(crate) fn text(action: &Action) -> String {
    let short = |path: &str| {
        let path = path.replace(&format!("/c/{JOB}"), ".");
        path.split_once("savepoint-")
            .map_or_else(|| path.clone(), |_| "savepoint".to_owned())
    };
    match action {
        Action::Trigger { tasks, barrier } => {
            let tasks = tasks
                .iter()
                .map(|task| format!(" {}/{}", task.vertex, task.subtask));
            let full = if barrier.full && !barrier.kind.is_savepoint() {
                " full"
            } else {
                ""
            };
            format!(
                "trigger {}{full}{}",
                barrier.checkpoint,
                tasks.collect::<String>()
            )
        }
        Action::SnapshotSources { checkpoint } => format!("sources {checkpoint}"),
        Action::WriteMetadata { checkpoint, .. } => format!("write {checkpoint}"),
        Action::NotifyComplete { checkpoint, .. } => format!("complete {checkpoint}"),
        Action::NotifyAborted { checkpoint, .. } => format!("abort {checkpoint}"),
        Action::CleanUp {
            files, directory, ..
        } => {
            let all = directory
                .iter()
                .chain(files)
                .map(|path| format!(" {}", short(path)));
            format!("clean{}", all.collect::<String>())
        }
        Action::Answer { request, result } => match result {
            Ok(answer) => format!("answer {request} {}", short(&answer.location)),
            Err(failure) => format!("refuse {request} {}", failure.reason.name()),
        },
        Action::FailJob { .. } => "fail job".to_owned(),
    }
}
