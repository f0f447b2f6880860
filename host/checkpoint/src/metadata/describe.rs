//! Metadata for people and tools: `wasmill checkpoint inspect`.
//!
//! The description is plain data; its `Display` is the text, its JSON the same content for tools.

use std::fmt;

use serde::Serialize;

use super::{Metadata, OperatorSnapshot};
use crate::barrier::SnapshotKind;
use crate::handles::{AnyFile, KeyedState, Place, SubtaskState};

/// A checkpoint or savepoint in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Description {
    /// The job that it was taken of.
    pub job: String,
    /// Whose the job was.
    pub tenant: String,
    /// Its id within the job.
    pub checkpoint: u64,
    /// `checkpoint`, `savepoint` or `stop-with-savepoint`.
    pub kind: &'static str,
    /// `CANONICAL` or `NATIVE`; none for checkpoints.
    pub format: Option<&'static str>,
    /// When it was triggered, in milliseconds since the epoch.
    pub triggered_ms: i64,
    /// Whether it can be moved to another directory.
    pub self_contained: bool,
    /// The bytes of its state.
    pub state_bytes: u64,
    /// Its operators.
    pub operators: Vec<OperatorDescription>,
}

/// An operator's state in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OperatorDescription {
    /// What ties it to an operator of a later job.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// How many subtasks it had.
    pub parallelism: u32,
    /// How many key groups there were.
    pub max_parallelism: u32,
    /// How many subtasks had finished.
    pub finished_subtasks: usize,
    /// The bytes of its state.
    pub state_bytes: u64,
    /// Its states.
    pub states: Vec<StateText>,
    /// How its keyed state is kept: the backend's name, or `canonical`.
    pub keyed: Option<String>,
    /// Files of this snapshot alone.
    pub private_files: usize,
    /// Files that other checkpoints may refer to.
    pub shared_files: usize,
    /// Bytes kept inside the metadata.
    pub inline_bytes: u64,
    /// Positions of sources.
    pub splits: usize,
    /// What sinks have yet to commit.
    pub committables: usize,
    /// Bytes that the barrier overtook.
    pub in_flight_bytes: u64,
}

/// A state in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StateText {
    /// Its name.
    pub name: String,
    /// What it keeps.
    pub kind: String,
    /// The type of what it keeps.
    pub type_name: Option<String>,
    /// The type's fingerprint.
    pub fingerprint: Option<String>,
}

/// Describes metadata.
pub(super) fn describe(metadata: &Metadata) -> Description {
    let (kind, format) = match metadata.kind {
        SnapshotKind::Checkpoint => ("checkpoint", None),
        SnapshotKind::Savepoint(format) => ("savepoint", Some(format.name())),
        SnapshotKind::Stop { format, .. } => ("stop-with-savepoint", Some(format.name())),
    };
    Description {
        job: metadata.job.to_string(),
        tenant: metadata.tenant.to_string(),
        checkpoint: metadata.checkpoint.0,
        kind,
        format,
        triggered_ms: metadata.triggered_ms,
        self_contained: metadata.self_contained,
        state_bytes: metadata.size(),
        operators: metadata.operators.iter().map(describe_operator).collect(),
    }
}

fn describe_operator(operator: &OperatorSnapshot) -> OperatorDescription {
    let mut files = Files::default();
    operator
        .subtasks
        .values()
        .for_each(|state| files.count(state));
    let keyed = operator
        .subtasks
        .values()
        .find_map(|state| state.keyed.as_ref());
    let states = || operator.subtasks.values();
    OperatorDescription {
        uid: operator.uid.to_string(),
        name: operator.name.clone(),
        parallelism: operator.parallelism,
        max_parallelism: operator.max_parallelism,
        finished_subtasks: operator.finished.len(),
        state_bytes: operator.size(),
        states: operator
            .states
            .iter()
            .map(|state| StateText {
                name: state.name.clone(),
                kind: format!("{:?}", state.kind),
                type_name: state.schema.as_ref().map(|schema| schema.type_name.clone()),
                fingerprint: state
                    .schema
                    .as_ref()
                    .map(|schema| format!("{:016x}", schema.fingerprint)),
            })
            .collect(),
        keyed: keyed.map(|keyed| match keyed {
            KeyedState::Native(native) => native.backend.clone(),
            KeyedState::Canonical(_) => "canonical".to_owned(),
        }),
        private_files: files.private,
        shared_files: files.shared,
        inline_bytes: files.inline_bytes,
        splits: states().map(|state| state.splits.len()).sum(),
        committables: states()
            .flat_map(|state| &state.committables)
            .map(|committables| committables.elements.offsets.len())
            .sum(),
        in_flight_bytes: states()
            .flat_map(|state| state.inputs.iter().chain(&state.outputs))
            .map(|channel| channel.range.end - channel.range.start)
            .sum(),
    }
}

#[derive(Default)]
struct Files {
    private: usize,
    shared: usize,
    inline_bytes: u64,
}

impl Files {
    fn count(&mut self, state: &SubtaskState) {
        for file in state.files() {
            match file {
                AnyFile::Private(handle) if matches!(handle.place, Place::Inline(_)) => {
                    self.inline_bytes += handle.size;
                }
                AnyFile::Private(_) => self.private += 1,
                AnyFile::Shared(_) => self.shared += 1,
            }
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = self.format.map(|format| format!(", {format}"));
        writeln!(
            f,
            "{} {}{}",
            self.kind,
            self.checkpoint,
            format.unwrap_or_default()
        )?;
        writeln!(f, "job             {}", self.job)?;
        writeln!(f, "tenant          {}", self.tenant)?;
        writeln!(
            f,
            "triggered       {} ms since the epoch",
            self.triggered_ms
        )?;
        writeln!(
            f,
            "self-contained  {}",
            if self.self_contained { "yes" } else { "no" }
        )?;
        writeln!(f, "state           {} bytes", self.state_bytes)?;
        self.operators
            .iter()
            .try_for_each(|operator| operator.fmt(f))
    }
}

impl fmt::Display for OperatorDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\noperator `{}` ({})", self.name, self.uid)?;
        writeln!(
            f,
            "  parallelism {} of at most {}, {} subtasks finished",
            self.parallelism, self.max_parallelism, self.finished_subtasks
        )?;
        writeln!(
            f,
            "  {} bytes: {} private files, {} shared files, {} bytes inline",
            self.state_bytes, self.private_files, self.shared_files, self.inline_bytes
        )?;
        if let Some(keyed) = &self.keyed {
            writeln!(f, "  keyed state: {keyed}")?;
        }
        for (count, what) in [(self.splits, "splits"), (self.committables, "committables")] {
            if count > 0 {
                writeln!(f, "  {what}: {count}")?;
            }
        }
        if self.in_flight_bytes > 0 {
            writeln!(f, "  in flight: {} bytes", self.in_flight_bytes)?;
        }
        for state in &self.states {
            let of = state.type_name.as_deref().unwrap_or("unknown type");
            writeln!(f, "  state `{}`: {} of {of}", state.name, state.kind)?;
        }
        Ok(())
    }
}
