//! How large a job may be. Read by the check of the logical graph only.
//!
//! The graph comes from code that nobody here trusts, so each thing that it can make long has a bound.
//! The bounds of single things are constants; those that a cluster may want to set are in [`Limits`].

/// The longest name of a job, operator, state, slot-sharing group, constraint or connector, and the
/// longest uid, in bytes: names are part of log lines, metric labels and paths.
pub const MAX_NAME_BYTES: usize = 256;

/// The most states of one operator.
pub const MAX_STATES: usize = 256;

/// The most options of one connector.
pub const MAX_OPTIONS: usize = 256;

/// The longest value of a connector's option, in bytes: enough for a schema.
pub const MAX_OPTION_BYTES: usize = 64 * 1024;

/// How large the graph of one job may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most operators.
    pub operators: usize,
    /// The most edges.
    pub edges: usize,
    /// The most subtasks: the sum of the operators' parallelism, before chaining.
    pub subtasks: u64,
    /// The most channels between subtasks, before chaining.
    pub channels: u64,
}

impl Limits {
    /// The default bound of operators: ten times what large jobs have.
    pub const OPERATORS: usize = 1000;
    /// The default bound of edges.
    pub const EDGES: usize = 10_000;
    /// The default bound of subtasks: a thousand operators at a parallelism of a hundred.
    pub const SUBTASKS: u64 = 1 << 17;
    /// The default bound of channels: one exchange between 2048 writers and 2048 readers.
    pub const CHANNELS: u64 = 1 << 22;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operators: Self::OPERATORS,
            edges: Self::EDGES,
            subtasks: Self::SUBTASKS,
            channels: Self::CHANNELS,
        }
    }
}
