//! What a completed checkpoint or savepoint consists of: the content of its file `_metadata`.
//!
//! The coordinator makes it from the acknowledgements, `storage` writes it last, and with it the
//! checkpoint exists. Restores, `assignment` and `wasmill checkpoint inspect` read it. Invariants:
//! [`Metadata::decode`] returns only what does not contradict itself, whatever the bytes; what was
//! written by an earlier version is read by all later ones.

mod check;
mod describe;
mod envelope;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wasmill_graph::{Operator, OperatorUid};
use wasmill_types::id::{JobId, TenantId};
use wasmill_types::job::StateKind;
use wasmill_types::schema as types;

use crate::CheckpointId;
use crate::barrier::SnapshotKind;
use crate::handles::{FileHandle, SubtaskState};

pub use check::Inconsistent;
pub use describe::{Description, OperatorDescription, StateText};
pub use envelope::{MAX_METADATA_BYTES, MetadataError, VERSION};

/// The version that did not say whose the job was.
const WITHOUT_TENANT: u32 = 1;

/// A completed checkpoint or savepoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The job that it was taken of.
    pub job: JobId,
    /// Its id within the job.
    pub checkpoint: CheckpointId,
    /// What it is.
    pub kind: SnapshotKind,
    /// When it was triggered, in milliseconds since the epoch.
    pub triggered_ms: i64,
    /// Whether all of its files are in its own directory, which may then be moved.
    pub self_contained: bool,
    /// The operators, each uid once.
    pub operators: Vec<OperatorSnapshot>,
    /// Whose the job was; nobody else may restore from it or remove it.
    pub tenant: TenantId,
}

/// What version 1 consisted of: it did not say whose the job was.
#[derive(Deserialize)]
struct WithoutTenant {
    job: JobId,
    checkpoint: CheckpointId,
    kind: SnapshotKind,
    triggered_ms: i64,
    self_contained: bool,
    operators: Vec<OperatorSnapshot>,
}

/// The state of one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSnapshot {
    /// What ties it to an operator of a later job.
    #[serde(with = "crate::operator_uid")]
    pub uid: OperatorUid,
    /// Its name, for messages.
    pub name: String,
    /// How many subtasks it had.
    pub parallelism: u32,
    /// How many key groups its keys were spread over.
    pub max_parallelism: u32,
    /// The states that it declared.
    pub states: Vec<StateDescription>,
    /// What the JobMaster keeps for it: the splits of a source that no subtask has.
    pub coordinator: Option<Vec<u8>>,
    /// The state of each subtask that has any.
    pub subtasks: BTreeMap<u32, SubtaskState>,
    /// The subtasks that had finished.
    pub finished: BTreeSet<u32>,
}

/// A state that an operator declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateDescription {
    /// Its number within the operator, which is part of the rows of keyed state.
    pub id: u32,
    /// Its name, unique within the operator.
    pub name: String,
    /// What it keeps.
    pub kind: StateKind,
    /// The type of what it keeps; none when the program did not say.
    pub schema: Option<Schema>,
}

/// The types of what a state keeps, as the bundle describes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Equal for equal descriptions.
    pub fingerprint: u64,
    /// The description (`wit/job.wit`, `state-spec`).
    pub type_name: String,
}

impl Schema {
    /// The types of a description.
    pub fn of(description: &str) -> Self {
        Self {
            fingerprint: xxhash_rust::xxh3::xxh3_64(description.as_bytes()),
            type_name: description.to_owned(),
        }
    }

    /// Whether state that was written as `old` can be read as this. Descriptions that cannot be compared, for
    /// instance those of a later release, must be equal.
    pub fn reads(&self, old: &Self) -> bool {
        let parse = |schema: &Self| types::Schema::parse(&schema.type_name);
        match (parse(self), parse(old)) {
            (Ok(new), Ok(old)) => new.reads(&old),
            _ => self.fingerprint == old.fingerprint,
        }
    }
}

/// The states that an operator declares, with their types as far as the program told them.
pub(crate) fn describe_states(operator: &Operator) -> Vec<StateDescription> {
    let states = operator.states.iter().map(|state| StateDescription {
        id: state.id,
        name: state.name.clone(),
        kind: state.kind,
        schema: state.schema.as_deref().map(Schema::of),
    });
    states.collect()
}

impl OperatorSnapshot {
    /// Whether no subtask nor the JobMaster kept anything.
    pub fn is_empty(&self) -> bool {
        let nothing = self.subtasks.values().all(SubtaskState::is_empty);
        nothing && self.coordinator.is_none()
    }

    /// Whether all subtasks had finished: the operator is not run again on restore (semantics §9.6).
    pub fn is_finished(&self) -> bool {
        self.finished.len() == self.parallelism as usize
    }

    /// The bytes of its state.
    pub fn size(&self) -> u64 {
        let coordinator = self.coordinator.as_ref().map_or(0, Vec::len) as u64;
        coordinator + self.subtasks.values().map(SubtaskState::size).sum::<u64>()
    }
}

impl From<WithoutTenant> for Metadata {
    /// What names no tenant is the default tenant's.
    fn from(old: WithoutTenant) -> Self {
        Self {
            job: old.job,
            checkpoint: old.checkpoint,
            kind: old.kind,
            triggered_ms: old.triggered_ms,
            self_contained: old.self_contained,
            operators: old.operators,
            tenant: TenantId::default(),
        }
    }
}

impl Metadata {
    /// The bytes of `_metadata`.
    pub fn encode(&self) -> Vec<u8> {
        envelope::wrap(self)
    }

    /// Reads the bytes of `_metadata`.
    ///
    /// # Errors
    /// When they are not metadata, incomplete, changed since they were written, or contradict themselves.
    pub fn decode(bytes: &[u8]) -> Result<Self, MetadataError> {
        let (version, content) = envelope::unwrap(bytes)?;
        let metadata = match version {
            WITHOUT_TENANT => envelope::read::<WithoutTenant>(content)?.into(),
            _ => envelope::read(content)?,
        };
        check::check(&metadata)?;
        Ok(metadata)
    }

    /// The state of an operator.
    pub fn operator(&self, uid: OperatorUid) -> Option<&OperatorSnapshot> {
        self.operators.iter().find(|operator| operator.uid == uid)
    }

    /// The bytes of all state in it.
    pub fn size(&self) -> u64 {
        self.operators.iter().map(OperatorSnapshot::size).sum()
    }

    /// The states of all subtasks.
    pub fn subtasks_mut(&mut self) -> impl Iterator<Item = &mut SubtaskState> {
        let operators = self.operators.iter_mut();
        operators.flat_map(|operator| operator.subtasks.values_mut())
    }

    /// Makes all handles independent of the directory in which the metadata was found, so that another
    /// checkpoint can refer to them.
    pub fn make_absolute(&mut self, directory: &str) {
        for state in self.subtasks_mut() {
            state.for_each_handle(|handle: &mut FileHandle| handle.make_absolute(directory));
        }
    }

    /// A description for people and tools.
    pub fn describe(&self) -> Description {
        describe::describe(self)
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
