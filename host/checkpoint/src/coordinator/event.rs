//! What the coordinator is told, and what it wants done.
//!
//! The JobMaster's driver turns messages into [`Event`]s and carries out [`Action`]s. What it owes: each
//! [`Action::WriteMetadata`], [`Action::SnapshotSources`] and [`Action::CleanUp`] is answered by its event
//! once, also when it failed; everything else may be lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::Clock;
use wasmill_graph::OperatorUid;
use wasmill_types::id::AttemptId;
use wasmill_types::status::{ExecutionState, JobStatus};

use crate::barrier::{Barrier, Format};
use crate::failure::{Failure, FailureReason};
use crate::handles::TaskSnapshot;
use crate::statistics::SnapshotMetrics;
use crate::{CheckpointId, Metadata, RequestId};

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// What deadlines are measured with.
    pub monotonic: Duration,
    /// What people are shown, in milliseconds since the epoch.
    pub unix_ms: i64,
}

impl Now {
    /// The time on a clock.
    pub fn of(clock: &Clock) -> Self {
        Self {
            monotonic: clock.monotonic(),
            unix_ms: clock.now_ms(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The job is running: periodic checkpoints may begin.
    Started,
    /// The job is not running for now; everything under way is given up. The reason is
    /// [`FailureReason::CheckpointCoordinatorSuspend`] or [`FailureReason::JobFailoverRegion`].
    Suspended(FailureReason),
    /// The job has ended.
    Ended(JobStatus),
    /// An attempt is in another state.
    Task {
        /// The attempt.
        attempt: AttemptId,
        /// Its state.
        state: ExecutionState,
    },
    /// All operators of a task have finished; it waits for the final checkpoint (semantics §9.3).
    EndOfData(AttemptId),
    /// The time that [`Coordinator::next_wakeup`](super::Coordinator::next_wakeup) named is there.
    Tick,
    /// Somebody asks for a checkpoint.
    Requested(Request),
    /// A task has written its state.
    Acknowledged {
        /// The attempt.
        attempt: AttemptId,
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// What it wrote.
        snapshot: Box<TaskSnapshot>,
        /// What it measured.
        metrics: SnapshotMetrics,
    },
    /// A task could not write its state, or could not be reached.
    Declined {
        /// The attempt.
        attempt: AttemptId,
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Why.
        failure: Failure,
    },
    /// The answer to [`Action::SnapshotSources`].
    SourcesSnapshotted {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// What the JobMaster keeps for each source.
        states: BTreeMap<OperatorUid, Vec<u8>>,
    },
    /// The answer to [`Action::WriteMetadata`].
    MetadataWritten {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// How many bytes it has, or why it could not be written.
        result: Result<u64, String>,
    },
    /// The answer to [`Action::CleanUp`], whether or not everything could be deleted.
    CleanedUp(CleanupId),
    /// A source has, or no longer has, a backlog (semantics §7.23).
    Backlog(bool),
}

/// A set of files that are being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CleanupId(pub u64);

/// A wish for a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the answer carries.
    pub id: RequestId,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A checkpoint as the periodic ones are; `full` uploads everything.
    Checkpoint {
        /// Whether it refers to no earlier file.
        full: bool,
    },
    /// A savepoint.
    Savepoint {
        /// The directory in which its directory is made; none for the configured one.
        target: Option<String>,
        /// How it is written.
        format: Format,
    },
    /// A savepoint after which the job ends (semantics §8.5–8.7).
    Stop {
        /// As for [`Self::Savepoint`].
        target: Option<String>,
        /// How it is written.
        format: Format,
        /// Whether the job finishes first.
        drain: bool,
    },
}

/// A completed checkpoint, as it is told to who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its id.
    pub checkpoint: CheckpointId,
    /// Its directory.
    pub location: String,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send the barrier to these tasks. A task that cannot be reached declines.
    Trigger {
        /// The tasks where the checkpoint starts.
        tasks: Vec<AttemptId>,
        /// The barrier.
        barrier: Barrier,
    },
    /// Take what the JobMaster keeps for the sources as of this checkpoint: a split that was given to a
    /// subtask after its barrier counts as not given.
    SnapshotSources {
        /// The checkpoint.
        checkpoint: CheckpointId,
    },
    /// Write the metadata; with it the checkpoint is complete.
    WriteMetadata {
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// Its directory.
        directory: String,
        /// The metadata.
        metadata: Arc<Metadata>,
    },
    /// Tell tasks that a checkpoint is complete.
    NotifyComplete {
        /// The tasks.
        tasks: Vec<AttemptId>,
        /// The checkpoint.
        checkpoint: CheckpointId,
    },
    /// Tell tasks that a checkpoint was given up.
    NotifyAborted {
        /// The tasks.
        tasks: Vec<AttemptId>,
        /// The checkpoint.
        checkpoint: CheckpointId,
        /// The checkpoint that completed last.
        latest_completed: Option<CheckpointId>,
    },
    /// Delete files, and then what else is in a directory.
    CleanUp {
        /// What the answer carries.
        cleanup: CleanupId,
        /// URLs of files; each is ordered once in the life of the job.
        files: Vec<String>,
        /// A directory that goes with everything that is in it.
        directory: Option<String>,
    },
    /// Tell who asked.
    Answer {
        /// The wish.
        request: RequestId,
        /// What became of it.
        result: Result<Answer, Failure>,
    },
    /// Fail the whole job; the restart strategy says what follows.
    FailJob {
        /// Why.
        message: String,
    },
}
