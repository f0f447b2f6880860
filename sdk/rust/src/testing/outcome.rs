//! What a job did in a test.
//!
//! Made by the executor, asked by the test. Invariant: what a sink's subtask got is kept in the order in
//! which it came.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::host::Reports;
use super::line;
use crate::codec::from_postcard;
use crate::log::Level;

/// What a job wrote, logged and counted.
///
/// The methods that name a sink panic when there is no such sink or a record is not what the test takes
/// it for, with a message that says what there is: they are for assertions.
#[derive(Debug, Default)]
pub struct Outcome {
    pub(super) sinks: Vec<SinkOutput>,
    pub(super) counters: BTreeMap<String, u64>,
    pub(super) gauges: BTreeMap<String, f64>,
    pub(super) histograms: BTreeMap<String, Vec<f64>>,
    pub(super) logs: Vec<(Level, String)>,
    pub(super) batches: u64,
    pub(super) largest_read: usize,
}

/// What one sink got.
#[derive(Debug)]
pub(super) struct SinkOutput {
    pub(super) name: String,
    pub(super) uid: Option<String>,
    pub(super) format: String,
    /// The records of each subtask.
    pub(super) subtasks: Vec<Vec<Vec<u8>>>,
}

impl Outcome {
    /// The records that a sink got: those of subtask 0 in order, then those of subtask 1, and so on.
    ///
    /// The sink is named by its name or its uid. What the sink's format is decides how records are read:
    /// `postcard` and `json` as they say; of a `text` sink, tuples, lists and structs are read from
    /// comma-separated values and anything else from the whole line.
    ///
    /// # Panics
    /// When there is no such sink, or a record is not a `T`.
    #[track_caller]
    pub fn output<T: DeserializeOwned>(&self, sink: &str) -> Vec<T> {
        self.output_by_subtask(sink).into_iter().flatten().collect()
    }

    /// As [`Outcome::output`], the records of each subtask apart.
    ///
    /// # Panics
    /// As [`Outcome::output`].
    #[track_caller]
    pub fn output_by_subtask<T: DeserializeOwned>(&self, sink: &str) -> Vec<Vec<T>> {
        let output = self.find(sink);
        let format = output.format.as_str();
        let mut subtasks = Vec::new();
        for records in &output.subtasks {
            let mut decoded = Vec::with_capacity(records.len());
            for bytes in records {
                match decode(bytes, format) {
                    Ok(record) => decoded.push(record),
                    Err(problem) => panic!("sink `{sink}` got a {format} record: {problem}"),
                }
            }
            subtasks.push(decoded);
        }
        subtasks
    }

    /// The records that a sink got, sorted: for jobs whose order depends on the parallelism.
    ///
    /// # Panics
    /// As [`Outcome::output`].
    #[track_caller]
    pub fn sorted<T: DeserializeOwned + Ord>(&self, sink: &str) -> Vec<T> {
        let mut records = self.output(sink);
        records.sort();
        records
    }

    /// The records that a text sink got, as lines.
    ///
    /// # Panics
    /// When there is no such sink, or a record is not UTF-8.
    #[track_caller]
    pub fn lines(&self, sink: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for bytes in self.bytes(sink) {
            match String::from_utf8(bytes) {
                Ok(line) => lines.push(line),
                Err(problem) => panic!("sink `{sink}` got a record that is no text: {problem}"),
            }
        }
        lines
    }

    /// The records that a sink got, encoded.
    ///
    /// # Panics
    /// When there is no such sink.
    #[track_caller]
    pub fn bytes(&self, sink: &str) -> Vec<Vec<u8>> {
        self.find(sink).subtasks.concat()
    }

    /// The value of a counter, all subtasks together; 0 when nothing was counted.
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or_default()
    }

    /// The value of a gauge: that of the last subtask that set it.
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.gauges.get(name).copied()
    }

    /// The values that were added to a histogram, those of subtask 0 first.
    pub fn histogram(&self, name: &str) -> &[f64] {
        self.histograms.get(name).map_or(&[], Vec::as_slice)
    }

    /// The lines of the log, operator by operator and subtask by subtask.
    pub fn logs(&self) -> &[(Level, String)] {
        &self.logs
    }

    /// How many batches the sources handed over; see [`Job::restart_after`](super::Job::restart_after).
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// The bytes of the largest answer to a single read of keyed state: what a subtask must hold beside
    /// its cache.
    pub fn largest_state_read(&self) -> usize {
        self.largest_read
    }

    pub(super) fn add(&mut self, reports: Reports) {
        for (name, count) in reports.counters {
            *self.counters.entry(name).or_default() += count;
        }
        self.gauges.extend(reports.gauges);
        for (name, values) in reports.histograms {
            self.histograms.entry(name).or_default().extend(values);
        }
        self.logs.extend(reports.logs);
        self.largest_read = self.largest_read.max(reports.largest_read);
    }

    #[track_caller]
    fn find(&self, sink: &str) -> &SinkOutput {
        let is_named = |output: &&SinkOutput| output.name == sink;
        let by_uid = |output: &&SinkOutput| output.uid.as_deref() == Some(sink);
        let mut named = self.sinks.iter().filter(is_named);
        match (self.sinks.iter().find(by_uid), named.next(), named.next()) {
            (Some(output), _, _) | (None, Some(output), None) => output,
            (None, Some(_), Some(_)) => {
                panic!("several sinks are named `{sink}`; give them names or uids of their own")
            }
            (None, None, _) => {
                let names = self.sinks.iter().map(|output| output.name.as_str());
                panic!("no sink is named `{sink}`; the sinks are {}", list(names))
            }
        }
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8], format: &str) -> Result<T, String> {
    match format {
        "postcard" => from_postcard(bytes),
        "json" => serde_json::from_slice(bytes).map_err(|e| e.to_string()),
        "text" => line::read(bytes),
        other => Err(format!("`{other}` is for `Outcome::bytes`")),
    }
}

/// Names for a message.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}
