//! The logical graph as a bundle describes it (`wit/job.wit`), not yet checked.
//!
//! The crate `graph` turns it into something that can run, or says what is wrong with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::OperatorId;

/// Operators and the edges between them, before chaining and parallel expansion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The job's name as people see it.
    pub name: String,
    /// The operators.
    pub operators: Vec<OperatorSpec>,
    /// The edges; an edge's id is its index.
    pub edges: Vec<EdgeSpec>,
    /// The parallelism of operators that name none.
    pub parallelism: Option<u32>,
}

/// One logical operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatorSpec {
    /// Identifies the operator within the graph.
    pub id: OperatorId,
    /// The operator's name as people see it.
    pub name: String,
    /// What runs it.
    pub kind: OperatorKind,
    /// Whether it may be fused with its neighbours.
    pub chaining: Chaining,
    /// The states that it keeps.
    pub states: Vec<StateSpec>,
    /// Ties the operator to its state across versions of the program.
    pub uid: Option<String>,
    /// The number of subtasks.
    pub parallelism: Option<u32>,
    /// The number of key groups.
    pub max_parallelism: Option<u32>,
    /// Operators of different groups never share a slot.
    pub slot_sharing_group: Option<String>,
    /// Subtasks of equal index with the same constraint share a slot.
    pub co_location: Option<String>,
    /// Set where the operator makes watermarks, to the milliseconds between its probes; 0: never.
    pub watermark_interval: Option<u32>,
}

/// What runs an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorKind {
    /// A source built into the host.
    SourceConnector(ConnectorSpec),
    /// A sink built into the host.
    SinkConnector(ConnectorSpec),
    /// Code of the bundle.
    Guest,
    /// Code of the bundle that makes records.
    GuestSource,
}

impl OperatorKind {
    /// Whether the operator makes records and reads none.
    pub fn is_source(&self) -> bool {
        matches!(self, Self::SourceConnector(_) | Self::GuestSource)
    }

    /// Whether the bundle runs the operator.
    pub fn is_guest(&self) -> bool {
        matches!(self, Self::Guest | Self::GuestSource)
    }
}

/// A connector of the host and its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorSpec {
    /// The connector's name, for instance `file`.
    pub name: String,
    /// Option names and values.
    pub options: Vec<(String, String)>,
}

/// Whether an operator may be fused with its neighbours (semantics §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chaining {
    /// With the operator before it and those after it.
    Always,
    /// Only with those after it.
    Head,
    /// With none.
    Never,
}

/// A state that an operator keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSpec {
    /// Identifies the state within its operator.
    pub id: u32,
    /// The state's name.
    pub name: String,
    /// What is kept.
    pub kind: StateKind,
    /// How long an entry lives after it was written, in milliseconds.
    pub ttl: Option<u64>,
    /// The types of what is kept, for [`Schema`](crate::schema::Schema); none when the program does not say.
    pub schema: Option<String>,
}

/// What a state keeps, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// One value per key.
    Value,
    /// A list per key.
    List,
    /// A map per key.
    Map,
    /// One value per key into which others are folded.
    Reducing,
    /// One accumulator per key.
    Aggregating,
    /// A list per subtask, divided evenly on rescale.
    OperatorList,
    /// A list per subtask, all parts to everybody on restore.
    OperatorUnion,
    /// A map equal in all subtasks.
    Broadcast,
}

impl StateKind {
    /// Whether the state belongs to keys rather than to the subtask.
    pub fn is_keyed(self) -> bool {
        match self {
            Self::Value | Self::List | Self::Map | Self::Reducing | Self::Aggregating => true,
            Self::OperatorList | Self::OperatorUnion | Self::Broadcast => false,
        }
    }
}

/// A stream from one operator to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeSpec {
    /// The operator that writes.
    pub upstream: OperatorId,
    /// Which of its outputs; 0 is the main one.
    pub output: u32,
    /// The operator that reads.
    pub downstream: OperatorId,
    /// Which of its inputs.
    pub input: u32,
    /// How records are spread.
    pub partitioning: Partitioning,
    /// How records are encoded.
    pub format: String,
}

/// How the records of an edge are spread over the reader's subtasks (semantics §5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partitioning {
    /// Subtask `i` to subtask `i`.
    Forward,
    /// To the owner of the key group.
    Hash,
    /// To all subtasks in turn.
    Rebalance,
    /// In turn to a fixed share of the subtasks.
    Rescale,
    /// To a random subtask.
    Shuffle,
    /// To every subtask.
    Broadcast,
    /// To subtask 0.
    Global,
    /// To the subtask that the bundle chose.
    Custom,
}

impl Partitioning {
    /// Whether a reader is connected to some writers only, by index (semantics §5.10).
    pub fn is_pointwise(self) -> bool {
        matches!(self, Self::Forward | Self::Rescale)
    }

    /// The name in plans (semantics §5.9).
    pub fn ship_strategy(self) -> &'static str {
        match self {
            Self::Forward => "FORWARD",
            Self::Hash => "HASH",
            Self::Rebalance => "REBALANCE",
            Self::Rescale => "RESCALE",
            Self::Shuffle => "SHUFFLE",
            Self::Broadcast => "BROADCAST",
            Self::Global => "GLOBAL",
            Self::Custom => "CUSTOM",
        }
    }
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.ship_strategy())
    }
}
