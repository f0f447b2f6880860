//! How a job ended, as one line for people and one JSON object for programs.
//!
//! Invariant: the keys and states of the JSON are a promise; states are Flink's words.

use std::time::Duration;

use serde::Serialize;
use wasmill_jobmanager::view::JobView;
use wasmill_types::id::{JobId, TenantId};

use crate::quantity;
use crate::screen::Screen;
use crate::stdout;

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    Finished,
    Failed,
    Canceled,
}

/// What is said about a job that ended. The fields are the keys of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Null, as the id, when there was nothing that could run.
    job: Option<String>,
    jobid: Option<String>,
    tenant: String,
    state: State,
    records_in: u64,
    bytes_in: u64,
    records_out: u64,
    bad_records: u64,
    seconds: f64,
    /// From the start of the process to the first record; null when there was none.
    first_record_ms: Option<f64>,
    error: Option<String>,
    #[serde(skip)]
    elapsed: Duration,
}

/// Which job it was.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) job: String,
    pub(crate) job_id: JobId,
    pub(crate) tenant: TenantId,
    /// When the process started, in milliseconds since the epoch.
    pub(crate) process_started_ms: i64,
}

/// What a job has done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Records that its sources made. Those of a source of the bundle are what it counts itself, or else
    /// what leaves its task.
    pub(crate) records_in: u64,
    /// Bytes of records that its sources made; of a source of the bundle those that leave its task.
    pub(crate) bytes_in: u64,
    /// Records that its sinks took.
    pub(crate) records_out: u64,
    /// Records that were left out as bad.
    pub(crate) bad_records: u64,
    /// The first record, in milliseconds since the epoch.
    pub(crate) first_record_ms: Option<i64>,
}

impl Counts {
    /// What a job had done when its picture was made.
    pub(crate) fn of(view: &JobView) -> Self {
        let mut counts = Self::default();
        for subtask in view.vertices.iter().flat_map(|vertex| &vertex.subtasks) {
            let task = &subtask.current.counters;
            if task.is_source {
                counts.records_in += task.records_in;
                counts.bytes_in += task.bytes_in;
            }
            counts.records_out += task.records_sent;
            counts.bad_records += task.bad_records;
            let firsts = [counts.first_record_ms, task.first_record_ms];
            counts.first_record_ms = firsts.into_iter().flatten().min();
        }
        counts
    }
}

/// What a command says that is stopped before it had a job.
pub(crate) fn farewell(
    json: bool,
    quiet: bool,
    screen: &Screen,
    said: &'static str,
) -> impl Fn() + Send + Sync + 'static {
    let screen = screen.clone();
    move || {
        screen.erase();
        if json {
            // Who cannot be told is not waited for: the process ends.
            let _told = stdout::print(&Summary::of_nothing(State::Canceled, None).json());
        }
        if !quiet {
            screen.say(said);
        }
    }
}

impl Summary {
    /// The summary of a job with its last counters.
    pub(crate) fn new(
        ran: &Ran,
        state: State,
        (last, elapsed): (&Counts, Duration),
        error: Option<String>,
    ) -> Self {
        let since_start = |first: i64| (first - ran.process_started_ms).max(0) as f64;
        Self {
            job: Some(ran.job.clone()),
            jobid: Some(ran.job_id.to_string()),
            tenant: ran.tenant.to_string(),
            state,
            records_in: last.records_in,
            bytes_in: last.bytes_in,
            records_out: last.records_out,
            bad_records: last.bad_records,
            seconds: rounded(elapsed.as_secs_f64(), 1e6),
            first_record_ms: last.first_record_ms.map(since_start),
            error,
            elapsed,
        }
    }

    /// The summary of what never became a job.
    pub(crate) fn refused(error: String) -> Self {
        Self::of_nothing(State::Failed, Some(error))
    }

    fn of_nothing(state: State, error: Option<String>) -> Self {
        Self {
            job: None,
            jobid: None,
            tenant: TenantId::default().to_string(),
            state,
            records_in: 0,
            bytes_in: 0,
            records_out: 0,
            bad_records: 0,
            seconds: 0.0,
            first_record_ms: None,
            error,
            elapsed: Duration::ZERO,
        }
    }

    /// The JSON object, on one line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts have a JSON form")
    }

    /// The line for people.
    pub(crate) fn line(&self) -> String {
        let Self {
            records_in,
            bytes_in,
            records_out,
            elapsed,
            ..
        } = self;
        let ended = match self.state {
            State::Finished => "finished",
            State::Failed => "failed",
            State::Canceled => "cancelled",
        };
        let bad = match self.bad_records {
            0 => String::new(),
            bad => format!(" ({} left out)", quantity::counted(bad, "bad record")),
        };
        format!(
            "job `{}` {ended}: {} in{bad}, {} out, {} in {}, {} records/s, {}/s",
            self.job.as_deref().unwrap_or_default().escape_debug(),
            quantity::counted(*records_in, "record"),
            quantity::count(*records_out),
            quantity::bytes(*bytes_in),
            quantity::time(*elapsed),
            quantity::about(quantity::per_second(*records_in, *elapsed)),
            quantity::bytes(quantity::per_second(*bytes_in, *elapsed) as u64),
        )
    }
}

/// Cut to the digits that mean something.
fn rounded(number: f64, digits: f64) -> f64 {
    (number * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(state: State, bad_records: u64, error: Option<&str>) -> Summary {
        let ran = Ran {
            job: "count".to_owned(),
            job_id: JobId(255),
            tenant: TenantId::default(),
            process_started_ms: 1_000,
        };
        let last = Counts {
            records_in: 5_000,
            bytes_in: 1 << 20,
            records_out: 4_999,
            bad_records,
            first_record_ms: error.is_none().then_some(1_022),
        };
        let elapsed = Duration::from_millis(2_500);
        Summary::new(&ran, state, (&last, elapsed), error.map(str::to_owned))
    }

    #[test]
    fn the_json_has_these_keys_on_one_line() {
        for (state, error, json) in [
            (
                State::Finished,
                None,
                r#"{"job":"count","jobid":"000000000000000000000000000000ff","tenant":"default","state":"FINISHED","records_in":5000,"bytes_in":1048576,"records_out":4999,"bad_records":1,"seconds":2.5,"first_record_ms":22.0,"error":null}"#,
            ),
            (
                State::Failed,
                Some("two\nlines"),
                r#"{"job":"count","jobid":"000000000000000000000000000000ff","tenant":"default","state":"FAILED","records_in":5000,"bytes_in":1048576,"records_out":4999,"bad_records":1,"seconds":2.5,"first_record_ms":null,"error":"two\nlines"}"#,
            ),
        ] {
            assert_eq!(summary(state, 1, error).json(), json);
        }
    }

    #[test]
    fn what_never_became_a_job_has_the_same_keys() {
        let json = r#"{"job":null,"jobid":null,"tenant":"default","state":"FAILED","records_in":0,"bytes_in":0,"records_out":0,"bad_records":0,"seconds":0.0,"first_record_ms":null,"error":"no bundle"}"#;
        assert_eq!(Summary::refused("no bundle".to_owned()).json(), json);
    }

    #[test]
    fn the_line_says_how_it_ended_and_how_fast_it_was() {
        let rest = "4,999 out, 1.0 MiB in 2.50 s, 2.0k records/s, 409.6 KiB/s";
        for (state, bad, start) in [
            (
                State::Finished,
                0,
                "job `count` finished: 5,000 records in, ",
            ),
            (
                State::Finished,
                1,
                "job `count` finished: 5,000 records in (1 bad record left out), ",
            ),
            (
                State::Canceled,
                0,
                "job `count` cancelled: 5,000 records in, ",
            ),
        ] {
            assert_eq!(summary(state, bad, None).line(), format!("{start}{rest}"));
        }
    }
}
