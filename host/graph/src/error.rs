//! What can be wrong with a described graph, said to the person who wrote the job.
//!
//! Invariant: each message names the operator, by its name and id, and what to change. Names come from
//! the bundle, so they are shown escaped and cut to a bounded length.

use std::fmt;

use thiserror::Error;
use wasmill_types::id::{EdgeId, OperatorId};
use wasmill_types::job::Partitioning;
use wasmill_types::key_group::MAX_PARALLELISM;

use crate::Format;

/// How many characters of a name a message shows.
const SHOWN_CHARS: usize = 64;

/// How many operators of a cycle a message shows.
const SHOWN_OPERATORS: usize = 8;

/// Why a described graph cannot run.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum GraphError {
    /// The graph is empty.
    #[error("the job has no operators; let the program add a source and what reads it")]
    Empty,
    /// The graph is larger than the host allows.
    #[error("the job has {count} {what}, the limit is {limit}; make the job smaller")]
    TooLarge {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// An operator has too many parts.
    #[error("operator {operator} has {count} {what}, the limit is {limit}; split the operator")]
    OperatorTooLarge {
        /// The operator.
        operator: OperatorName,
        /// What there are too many of.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A name cannot be used.
    #[error("{what} {fault}")]
    Text {
        /// Which name of what.
        what: String,
        /// Why not.
        fault: TextFault,
    },
    /// Two operators have one id.
    #[error("operators {} and {} have the same id {id}; give each operator its own id", Quoted(.first), Quoted(.second))]
    DuplicateOperator {
        /// The id.
        id: OperatorId,
        /// The name of one.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// Two operators have one uid.
    #[error("operators {first} and {second} have the same uid {}; give each operator its own uid", Quoted(.uid))]
    DuplicateUid {
        /// The uid.
        uid: String,
        /// One operator.
        first: OperatorName,
        /// The other.
        second: OperatorName,
    },
    /// Two operators would own the same state in a savepoint.
    #[error(
        "the state of operators {first} and {second} cannot be told apart; change the uid of one"
    )]
    SameStateId {
        /// One operator.
        first: OperatorName,
        /// The other.
        second: OperatorName,
    },
    /// Two states of an operator have one id.
    #[error("states {} and {} of operator {operator} have the same id {id}; give each state its own id", Quoted(.first), Quoted(.second))]
    DuplicateStateId {
        /// The operator.
        operator: OperatorName,
        /// The id.
        id: u32,
        /// The name of one.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// Two states of an operator have one name.
    #[error("operator {operator} has two states named {}; rename one", Quoted(.name))]
    DuplicateStateName {
        /// The operator.
        operator: OperatorName,
        /// The name.
        name: String,
    },
    /// A state's time to live makes no sense.
    #[error("state {} of operator {operator} {fault}", Quoted(.state))]
    Ttl {
        /// The operator.
        operator: OperatorName,
        /// The state's name.
        state: String,
        /// What is wrong and what to do.
        fault: &'static str,
    },
    /// The types of a state make no sense.
    #[error("the types of state {} of operator {operator} are misdescribed: {problem}; build the bundle with an SDK of this release, or describe none", Quoted(.state))]
    Schema {
        /// The operator.
        operator: OperatorName,
        /// The state's name.
        state: String,
        /// What is wrong.
        problem: String,
    },
    /// A connector of the host is said to keep states of the bundle.
    #[error("operator {operator} is a connector and cannot keep state {}; keep it in an operator of the bundle", Quoted(.state))]
    ConnectorState {
        /// The connector.
        operator: OperatorName,
        /// The state's name.
        state: String,
    },
    /// A connector's option is given twice.
    #[error("connector {operator} has option {} twice; give it once", Quoted(.option))]
    DuplicateOption {
        /// The connector.
        operator: OperatorName,
        /// The option's name.
        option: String,
    },
    /// An edge names an operator that is not in the graph.
    #[error(
        "edge {edge} {direction} operator {operator}, which is not in the graph; add the operator or remove the edge"
    )]
    Dangling {
        /// The edge.
        edge: EdgeId,
        /// Which of its ends.
        direction: &'static str,
        /// The id that is not in the graph.
        operator: OperatorId,
    },
    /// An edge breaks a rule that concerns its two operators.
    #[error("{edge} {fault}")]
    Edge {
        /// The edge.
        edge: Box<EdgeName>,
        /// What is wrong and what to do.
        fault: &'static str,
    },
    /// A connector cannot spread records that way.
    #[error(
        "{edge} is {partitioning}, but only code of the bundle can choose a record's subtask; put an operator of the bundle behind the source"
    )]
    SourcePartitioning {
        /// The edge.
        edge: Box<EdgeName>,
        /// How it is to be partitioned.
        partitioning: Partitioning,
    },
    /// An edge's format is not known.
    #[error("{edge} has the unknown format {}; use one of postcard, json, text, fields, bytes", Quoted(.format))]
    UnknownFormat {
        /// The edge.
        edge: Box<EdgeName>,
        /// The format's name.
        format: String,
    },
    /// Records would go round in circles.
    #[error("operators {} form a cycle; remove one of the edges between them", cycle(.0))]
    Cycle(Vec<OperatorName>),
    /// An operator would never get a record.
    #[error("operator {0} has no input and is not a source; connect it to a stream or remove it")]
    NoInput(OperatorName),
    /// An operator's inputs have a hole.
    #[error(
        "operator {operator} has no edge into input {missing} but one into input {beyond}; number its inputs from 0 without gaps"
    )]
    InputGap {
        /// The operator.
        operator: OperatorName,
        /// The first input without an edge.
        missing: u32,
        /// An input behind it.
        beyond: u32,
    },
    /// An operator keeps state by key, but its records have no key.
    #[error("operator {operator} keeps state {} by key, but none of its inputs is partitioned by hash; use key_by before it", Quoted(.state))]
    StateWithoutKey {
        /// The operator.
        operator: OperatorName,
        /// The state's name.
        state: String,
    },
    /// Records of a keyed operator would come without a key.
    #[error(
        "input {input} of the keyed operator {operator} is {partitioning}; every edge of an input must be HASH, or every one BROADCAST"
    )]
    MixedKeying {
        /// The operator.
        operator: OperatorName,
        /// The input.
        input: u32,
        /// The partitioning of the edge that does not fit.
        partitioning: Partitioning,
    },
    /// Streams of different formats meet in one input.
    #[error(
        "input {input} of operator {operator} gets {first} and {second}; give all its edges one format"
    )]
    MixedFormats {
        /// The operator.
        operator: OperatorName,
        /// The input.
        input: u32,
        /// The format of one edge.
        first: Format,
        /// The format of another.
        second: Format,
    },
    /// A parallelism is out of range.
    #[error("{what} is {value}; it must be from 1 to {MAX_PARALLELISM}")]
    Parallelism {
        /// Whose parallelism, or max parallelism.
        what: String,
        /// Its value.
        value: u32,
    },
    /// An operator has more subtasks than key groups.
    #[error(
        "operator {operator} has parallelism {parallelism}, more than its max parallelism {max_parallelism}; lower the one or raise the other"
    )]
    AboveMaxParallelism {
        /// The operator.
        operator: OperatorName,
        /// The number of subtasks.
        parallelism: u32,
        /// The number of key groups.
        max_parallelism: u32,
    },
    /// Subtasks cannot share slots as the bundle demands.
    #[error("operators {first} and {second} have the co-location constraint {} but different {differ}; make them equal or drop the constraint", Quoted(.constraint))]
    CoLocation {
        /// The constraint.
        constraint: String,
        /// One operator.
        first: OperatorName,
        /// The other.
        second: OperatorName,
        /// In what they differ.
        differ: &'static str,
    },
}

/// Why a name cannot be used.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum TextFault {
    /// There is nothing.
    #[error("is empty; give it at least one character")]
    Empty,
    /// It is too long.
    #[error("has {bytes} bytes, the limit is {limit}; shorten it")]
    Long {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// It would disturb terminals and logs.
    #[error("contains the control character {0:?}; remove it")]
    Control(char),
}

/// An operator as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorName {
    /// Its id.
    pub id: OperatorId,
    /// Its name.
    pub name: String,
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (id {})", Quoted(&self.name), self.id)
    }
}

/// An edge as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeName {
    /// Its id.
    pub id: EdgeId,
    /// Who writes.
    pub upstream: OperatorName,
    /// Who reads.
    pub downstream: OperatorName,
}

impl fmt::Display for EdgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            id,
            upstream,
            downstream,
        } = self;
        write!(
            f,
            "edge {id} from operator {upstream} to operator {downstream}"
        )
    }
}

/// A text from a bundle as messages show it: in backticks, escaped and cut.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.chars();
        write!(f, "`")?;
        for c in rest.by_ref().take(SHOWN_CHARS) {
            match c {
                '\'' | '"' => write!(f, "{c}")?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        f.write_str(if rest.next().is_some() { "…`" } else { "`" })
    }
}

fn cycle(operators: &[OperatorName]) -> String {
    let mut shown: Vec<String> = operators
        .iter()
        .take(SHOWN_OPERATORS)
        .map(OperatorName::to_string)
        .collect();
    if operators.len() > SHOWN_OPERATORS {
        shown.push(format!("{} more", operators.len() - SHOWN_OPERATORS));
    }
    shown.join(" -> ")
}
