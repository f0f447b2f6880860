//! Names of things, as types, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The owner of jobs, bundles, tokens and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// The longest tenant name, in bytes: it is part of paths and metric labels.
pub const MAX_TENANT_BYTES: usize = 64;

/// A text that is not the id it should be.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("`{text}` is not {what}")]
pub struct InvalidId {
    text: String,
    what: &'static str,
}

impl TenantId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The tenant of everything that names none.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for TenantId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > MAX_TENANT_BYTES || !text.chars().all(fine) {
            let what = "a tenant name: 1 to 64 of a-z, 0-9 and `-`";
            return Err(InvalidId {
                text: text.to_owned(),
                what,
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A job: 16 random bytes, shown as 32 hexadecimal digits as Flink does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(pub u128);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| InvalidId {
            text: text.to_owned(),
            what: "a job id: 32 hexadecimal digits",
        })
    }
}

/// The SHA-256 of a bundle's bytes: its identity everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digit = |at: usize| char::from(*text.as_bytes().get(at)?).to_digit(16);
        let mut bytes = [0; 32];
        let parsed = bytes.iter_mut().enumerate().try_for_each(|(index, byte)| {
            *byte = (digit(2 * index)? << 4 | digit(2 * index + 1)?) as u8;
            Some(())
        });
        let fits = parsed.is_some() && text.len() == 64;
        fits.then_some(Self(bytes)).ok_or_else(|| InvalidId {
            text: text.to_owned(),
            what: "a digest: 64 hexadecimal digits",
        })
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// A logical operator, as the program numbered it.
    OperatorId
}
number_id! {
    /// A logical edge: its index in the job's list of edges.
    EdgeId
}
number_id! {
    /// A vertex of the job graph: a chain of operators.
    VertexId
}

/// A TaskManager: a name that its operator chose, or that it made for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskManagerId(String);

/// The longest name of a TaskManager, in bytes: it is part of addresses, certificates and metric labels.
pub const MAX_TASK_MANAGER_BYTES: usize = 64;

impl TaskManagerId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TaskManagerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > MAX_TASK_MANAGER_BYTES || !text.chars().all(fine) {
            return Err(InvalidId {
                text: text.to_owned(),
                what: "a TaskManager's name: 1 to 64 of a-z, A-Z, 0-9, `-`, `_` and `.`",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TaskManagerId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<TaskManagerId> for String {
    fn from(id: TaskManagerId) -> Self {
        id.0
    }
}

impl fmt::Display for TaskManagerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One try to run a subtask. The fencing token of everything that is said about the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptId {
    /// The job.
    pub job: JobId,
    /// The vertex.
    pub vertex: VertexId,
    /// The subtask, from 0.
    pub subtask: u32,
    /// How often the subtask was started before.
    pub attempt: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            job,
            vertex,
            subtask,
            attempt,
        } = self;
        write!(f, "{job}_{vertex}_{subtask}_{attempt}")
    }
}

/// A checkpoint or savepoint of a job; ids of one job only grow (semantics §7.2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CheckpointId(pub u64);

impl CheckpointId {
    /// The id of the first checkpoint of a job that starts without state.
    pub const FIRST: Self = Self(1);

    /// The id after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for CheckpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! fencing_token {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    };
}

fencing_token! {
    /// A JobMaster that leads a job; a random number, new for each that takes the job over.
    LeaderId
}
fencing_token! {
    /// A TaskManager's registration at the ResourceManager; a random number, new for each.
    RegistrationId
}
number_id! {
    /// A slot of a TaskManager, from 0.
    SlotId
}
