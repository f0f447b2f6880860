//! Which operator of the job takes the state of which operator of the snapshot, and whether it can
//! (semantics §5.4, §8.2–8.4).
//!
//! Invariant: an operator that passes has the same key groups, kinds and types of states as the snapshot.

use std::collections::BTreeMap;

use thiserror::Error;
use wasmill_types::job::StateKind;

use super::{NewJob, NewOperator};
use crate::metadata::{Metadata, OperatorSnapshot};

/// Why a job cannot start from a snapshot.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// State without an operator.
    #[error(
        "the snapshot has state of operator `{name}` ({uid}), and the job has no operator with that id; \
         give the operator its old uid, or allow non-restored state to leave the state behind"
    )]
    NoOperator {
        /// The operator's name in the snapshot.
        name: String,
        /// Its id.
        uid: String,
    },
    /// The job insists on other key groups.
    #[error(
        "Max parallelism mismatch between the snapshot and the job: operator `{name}` had {old} and now \
         has {new}; set its max parallelism to {old}, or do not set it"
    )]
    MaxParallelism {
        /// The operator.
        name: String,
        /// In the snapshot.
        old: u32,
        /// In the job.
        new: u32,
    },
    /// More subtasks than key groups.
    #[error(
        "the parallelism {parallelism} of operator `{name}` is larger than the max parallelism {max} of \
         its state; lower it to {max} or less"
    )]
    Parallelism {
        /// The operator.
        name: String,
        /// In the job.
        parallelism: u32,
        /// In the snapshot.
        max: u32,
    },
    /// A state keeps something else.
    #[error(
        "state `{state}` of operator `{operator}` was {old:?} and now is {new:?}; give the new state \
         another name"
    )]
    Kind {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
        /// In the snapshot.
        old: StateKind,
        /// In the job.
        new: StateKind,
    },
    /// A state's values have another type.
    #[error(
        "state `{state}` of operator `{operator}` (uid `{uid}`) was written as `{old}` and is now `{new}`; \
         keep the old type under the old name and put what is new into a state of another name, or give \
         the operator another uid and allow non-restored state to leave its state behind"
    )]
    Schema {
        /// The operator.
        operator: String,
        /// Its uid, or its id where the program gave none.
        uid: String,
        /// The state.
        state: String,
        /// The type in the snapshot.
        old: String,
        /// The type in the job.
        new: String,
    },
    /// In-flight data of an edge that is gone.
    #[error(
        "the snapshot has records in flight from `{upstream}` to `{downstream}`, and the job has no such \
         edge; restore from a savepoint, or allow non-restored state to lose them"
    )]
    NoEdge {
        /// The operator that wrote.
        upstream: String,
        /// The operator that was to read.
        downstream: String,
    },
    /// In-flight data that cannot be spread again.
    #[error(
        "records in flight to `{downstream}` cannot be spread over {new} subtasks instead of {old} with \
         {partitioning} partitioning; restore from a savepoint to change the parallelism"
    )]
    InFlight {
        /// The operator that was to read.
        downstream: String,
        /// Its parallelism in the snapshot.
        old: u32,
        /// Its parallelism in the job.
        new: u32,
        /// The edge's partitioning.
        partitioning: &'static str,
    },
}

/// Operators with state and who takes it.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<(&'a OperatorSnapshot, &'a NewOperator)>,
    pub(super) left_behind: Vec<String>,
}

/// Pairs the operators by id; those with nothing in them are skipped silently.
pub(super) fn operators<'a>(
    snapshot: &'a Metadata,
    job: &'a NewJob,
    allow_non_restored: bool,
) -> Result<Matched<'a>, RestoreError> {
    let by_uid: BTreeMap<_, _> = job.operators.iter().map(|new| (new.uid, new)).collect();
    let mut matched = Matched {
        pairs: Vec::new(),
        left_behind: Vec::new(),
    };
    for old in &snapshot.operators {
        match by_uid.get(&old.uid) {
            Some(new) if !old.is_empty() || old.is_finished() => matched.pairs.push((old, new)),
            None if !old.is_empty() && allow_non_restored => {
                matched.left_behind.push(old.name.clone());
            }
            None if !old.is_empty() => {
                return Err(RestoreError::NoOperator {
                    name: old.name.clone(),
                    uid: old.uid.to_string(),
                });
            }
            Some(_) | None => {}
        }
    }
    Ok(matched)
}

/// The number of key groups that the job's operator must have.
pub(super) fn max_parallelism(
    old: &OperatorSnapshot,
    new: &NewOperator,
) -> Result<u32, RestoreError> {
    if new.max_parallelism_is_explicit && new.max_parallelism != old.max_parallelism {
        return Err(RestoreError::MaxParallelism {
            name: new.name.clone(),
            old: old.max_parallelism,
            new: new.max_parallelism,
        });
    }
    if new.parallelism > old.max_parallelism {
        return Err(RestoreError::Parallelism {
            name: new.name.clone(),
            parallelism: new.parallelism,
            max: old.max_parallelism,
        });
    }
    Ok(old.max_parallelism)
}

/// The new numbers of the states by the old ones.
pub(super) fn states(
    old: &OperatorSnapshot,
    new: &NewOperator,
) -> Result<BTreeMap<u32, u32>, RestoreError> {
    let mut ids = BTreeMap::new();
    for state in &old.states {
        let Some(now) = new.states.iter().find(|now| now.name == state.name) else {
            continue;
        };
        if now.kind != state.kind {
            return Err(RestoreError::Kind {
                operator: new.name.clone(),
                state: state.name.clone(),
                old: state.kind,
                new: now.kind,
            });
        }
        if let (Some(was), Some(is)) = (&state.schema, &now.schema)
            && !is.reads(was)
        {
            let uid = new.given_uid.clone();
            return Err(RestoreError::Schema {
                operator: new.name.clone(),
                uid: uid.unwrap_or_else(|| new.uid.to_string()),
                state: state.name.clone(),
                old: was.type_name.clone(),
                new: is.type_name.clone(),
            });
        }
        ids.insert(state.id, now.id);
    }
    Ok(ids)
}
