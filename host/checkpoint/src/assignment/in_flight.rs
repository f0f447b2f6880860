//! What a barrier overtook, over the new readers (semantics §5.12).
//!
//! Everything that was between a producer and a consumer goes to consumers: first what the consumer had
//! received, then what the producer had yet to send, as it stood in the channel. Invariant: a record is
//! processed by exactly one new subtask; where several read the same data, each takes only its records.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmill_graph::OperatorUid;
use wasmill_types::job::Partitioning;
use wasmill_types::key_group;

use super::{NewEdge, NewJob, OperatorAssignment, RestoreError};
use crate::handles::{EdgeUid, FileHandle, InFlight, SubtaskState};
use crate::metadata::Metadata;

/// Frames of one old channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightPart {
    /// The edge.
    pub edge: EdgeUid,
    /// The subtask that sent them.
    pub producer: u32,
    /// The subtask that they were for.
    pub consumer: u32,
    /// The file that has them.
    pub stream: FileHandle,
    /// Where in the file they are.
    pub range: Range<u64>,
    /// Which of their records to process.
    pub filter: Filter,
}

/// Which records of restored frames a subtask processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// All.
    All,
    /// Those of these key groups.
    KeyGroups(Range<u32>),
    /// Those that the program's partitioner gives to the subtask.
    Custom,
}

/// Frames of an old channel, before it is known who gets them.
struct Channel<'a> {
    edge: EdgeUid,
    producer: u32,
    consumer: u32,
    /// Whether the producer still had them: they come after what the consumer had.
    is_output: bool,
    data: &'a InFlight,
}

/// The old and the new number of subtasks of the reader, and its key groups.
#[derive(Clone, Copy)]
struct Change {
    old: u32,
    new: u32,
    max: u32,
}

/// Assigns all in-flight data.
pub(super) fn assign(
    snapshot: &Metadata,
    job: &NewJob,
    operators: &mut BTreeMap<OperatorUid, OperatorAssignment>,
    allow_non_restored: bool,
) -> Result<(), RestoreError> {
    let mut channels = channels(snapshot);
    channels.sort_by_key(|c| (c.edge, c.consumer, c.producer, c.is_output));
    for channel in channels {
        let edge = job.edges.iter().find(|edge| edge.uid == channel.edge);
        let Some(edge) = edge else {
            if allow_non_restored {
                continue;
            }
            return Err(no_edge(snapshot, &channel.edge));
        };
        give(snapshot, job, edge, &channel, operators)?;
    }
    Ok(())
}

fn channels(snapshot: &Metadata) -> Vec<Channel<'_>> {
    let mut channels = Vec::new();
    for operator in &snapshot.operators {
        for (index, state) in &operator.subtasks {
            let SubtaskState {
                inputs, outputs, ..
            } = state;
            channels.extend(inputs.iter().map(|data| Channel {
                edge: data.edge,
                producer: data.peer,
                consumer: *index,
                is_output: false,
                data,
            }));
            channels.extend(outputs.iter().map(|data| Channel {
                edge: data.edge,
                producer: *index,
                consumer: data.peer,
                is_output: true,
                data,
            }));
        }
    }
    channels
}

/// Gives one channel's frames to whom they concern.
fn give(
    snapshot: &Metadata,
    job: &NewJob,
    edge: &NewEdge,
    channel: &Channel<'_>,
    operators: &mut BTreeMap<OperatorUid, OperatorAssignment>,
) -> Result<(), RestoreError> {
    let reader = job
        .operators
        .iter()
        .find(|new| new.uid == edge.uid.downstream);
    let old = snapshot.operator(edge.uid.downstream);
    let (Some(reader), Some(old)) = (reader, old) else {
        return Err(no_edge(snapshot, &edge.uid));
    };
    let change = Change {
        old: old.parallelism,
        new: reader.parallelism,
        max: old.max_parallelism,
    };
    let receivers = receivers(edge.partitioning, change, channel.consumer).ok_or_else(|| {
        RestoreError::InFlight {
            downstream: reader.name.clone(),
            old: change.old,
            new: change.new,
            partitioning: edge.partitioning.ship_strategy(),
        }
    })?;
    // A reader whose only restored state is what was in flight to it has no assignment yet.
    let assignment = operators
        .entry(reader.uid)
        .or_insert_with(|| OperatorAssignment {
            max_parallelism: old.max_parallelism,
            finished: false,
            coordinator: None,
            state_ids: BTreeMap::new(),
            subtasks: vec![super::RestoredState::default(); reader.parallelism as usize],
        });
    for (subtask, filter) in receivers {
        assignment.subtasks[subtask as usize]
            .in_flight
            .push(InFlightPart {
                edge: channel.edge,
                producer: channel.producer,
                consumer: channel.consumer,
                stream: channel.data.stream.clone(),
                range: channel.data.range.clone(),
                filter,
            });
    }
    Ok(())
}

/// The new subtasks that get what was for an old one; none when that cannot be done.
fn receivers(
    partitioning: Partitioning,
    change: Change,
    consumer: u32,
) -> Option<Vec<(u32, Filter)>> {
    let Change { old, new, max } = change;
    match partitioning {
        _ if old == new => Some(vec![(consumer, Filter::All)]),
        Partitioning::Hash => {
            let had = key_group::range(consumer, old, max);
            let owners = (0..new).filter_map(|subtask| {
                let owns = key_group::range(subtask, new, max);
                let overlaps = owns.start < had.end && had.start < owns.end;
                overlaps.then_some((subtask, Filter::KeyGroups(owns)))
            });
            Some(owners.collect())
        }
        Partitioning::Rebalance | Partitioning::Shuffle => {
            Some(vec![(consumer % new, Filter::All)])
        }
        Partitioning::Global => Some(vec![(0, Filter::All)]),
        Partitioning::Custom => Some((0..new).map(|subtask| (subtask, Filter::Custom)).collect()),
        Partitioning::Forward | Partitioning::Rescale | Partitioning::Broadcast => None,
    }
}

fn no_edge(snapshot: &Metadata, edge: &EdgeUid) -> RestoreError {
    let name = |uid| {
        let operator = snapshot.operator(uid);
        operator.map_or_else(|| uid.to_string(), |operator| operator.name.clone())
    };
    RestoreError::NoEdge {
        upstream: name(edge.upstream),
        downstream: name(edge.downstream),
    }
}
