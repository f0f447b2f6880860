//! A job that a test drives step by step, with an explicit clock.
//!
//! Made by [`Job::start`] and [`Job::restore`]. Invariant: after each call all that it causes has happened, and
//! nothing else has: time passes only when the test says so.

use std::rc::Rc;

use anyhow::{Result, ensure};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::executor::Executor;
use super::feed;
use super::records::{self, Encoded};
use super::{Job, Outcome, Snapshot};

/// A job that a test drives: elements, watermarks and the clock come when the test says so.
///
/// Sources of the host are fed by [`Harness::push`]; sources of the bundle make records when they are
/// [polled](Harness::poll). Sources are named as for [`Job::input`], sinks as for [`Outcome::output`].
///
/// ```
/// use wasmill::prelude::*;
/// use wasmill::testing::Job;
/// use wasmill::time::millis;
/// use wasmill::window::Tumbling;
///
/// fn sums(env: &Env) -> Result<()> {
///     env.source(File::csv("numbers"))
///         .key_by(|(key, _): &(String, u64)| key.clone())
///         .window(Tumbling::of(millis(10)))
///         .reduce(|a, b| (a.0, a.1 + b.1))
///         .sink(Blackhole);
///     Ok(())
/// }
///
/// let (input, sink) = ("Source: file", "Sink: blackhole");
/// let mut job = Job::new(sums).start()?;
/// job.push_timed(input, [(1, ("a", 1)), (9, ("a", 2)), (10, ("a", 4))])?;
/// job.watermark(input, 8)?;
/// assert_eq!(job.take::<(String, u64)>(sink), []);
/// job.watermark(input, 9)?;
/// assert_eq!(job.take::<(String, u64)>(sink), [("a".to_owned(), 3)]);
///
/// // The open window is in the snapshot, and goes to the subtask that has its key.
/// let snapshot = job.snapshot()?;
/// let mut job = Job::new(sums).parallelism(3).restore(&snapshot)?;
/// job.push_timed(input, [(11, ("a", 8))])?;
/// let outcome = job.finish()?;
/// assert_eq!(outcome.output::<(String, u64)>(sink), [("a".to_owned(), 12)]);
/// # wasmill::Result::<()>::Ok(())
/// ```
///
/// A program that assigns timestamps itself makes its own watermarks, and swallows those of the test. It is asked
/// for them whenever the clock [advances](Harness::advance_clock):
///
/// ```
/// # use wasmill::prelude::*;
/// # use wasmill::testing::Job;
/// # use wasmill::time::millis;
/// # use wasmill::window::Tumbling;
/// fn counts(env: &Env) -> Result<()> {
///     env.source(File::json_lines("times"))
///         .assign_timestamps_and_watermarks(WatermarkStrategy::monotonous().timestamps(|at: &i64| *at))
///         .key_by(|_| 0_u8)
///         .window(Tumbling::of(millis(10)))
///         .aggregate(Count)
///         .sink(Blackhole);
///     Ok(())
/// }
///
/// let mut job = Job::new(counts).start()?;
/// job.push("Source: file", [1_i64, 2, 20])?;
/// assert_eq!(job.take::<(u8, u64)>("Sink: blackhole"), []);
/// job.advance_clock(200)?;
/// assert_eq!(job.take::<(u8, u64)>("Sink: blackhole"), [(0, 2)]);
/// # wasmill::Result::<()>::Ok(())
/// ```
pub struct Harness {
    executor: Executor,
}

impl std::fmt::Debug for Harness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harness")
            .field("clock", &self.clock())
            .finish_non_exhaustive()
    }
}

impl Harness {
    pub(super) fn new(mut job: Job, start: Option<Snapshot>) -> Result<Self> {
        ensure!(
            job.pauses().next().is_none(),
            "the job is to stop after so many batches, and the test drives it; call `snapshot` instead"
        );
        job.is_driven = true;
        let plan = job.plan()?;
        if let Some(start) = &start {
            ensure!(
                start.graph == plan.graph,
                "the snapshot is of another job, or of one with other arguments"
            );
        }
        let executor = Executor::new(Rc::new(job), Rc::new(plan), start)?;
        Ok(Self { executor })
    }

    /// Has a source hand over records, and all happen that they cause.
    ///
    /// Of `p` subtasks each gets every `p`-th record, over all calls.
    ///
    /// # Errors
    /// When there is no such source, a record does not fit it, or the job fails.
    pub fn push<R: Serialize>(
        &mut self,
        source: &str,
        records: impl IntoIterator<Item = R>,
    ) -> Result<()> {
        self.push_all(source, records.into_iter().map(|record| (None, record)))
    }

    /// As [`Harness::push`], each record with its event time in milliseconds since the epoch.
    ///
    /// # Errors
    /// As [`Harness::push`].
    pub fn push_timed<R: Serialize>(
        &mut self,
        source: &str,
        records: impl IntoIterator<Item = (i64, R)>,
    ) -> Result<()> {
        let records = records.into_iter();
        self.push_all(source, records.map(|(time, record)| (Some(time), record)))
    }

    fn push_all<R: Serialize>(
        &mut self,
        source: &str,
        records: impl Iterator<Item = (Option<i64>, R)>,
    ) -> Result<()> {
        let vertex = feed::find(self.executor.plan(), source)?;
        let layout = feed::layout(self.executor.plan(), vertex)?;
        let encode = |(timestamp, record): (Option<i64>, R)| {
            let bytes = records::encode(&record, &layout)?;
            Ok(Encoded { timestamp, bytes })
        };
        let records = records.map(encode).collect::<Result<Vec<_>>>()?;
        self.executor.push(vertex, &records)
    }

    /// Has all subtasks of a source say that event time has come to `time`, and all happen that this causes. A
    /// watermark that is not later than the one before does nothing.
    ///
    /// # Errors
    /// When there is no such source, or the job fails.
    pub fn watermark(&mut self, source: &str, time: i64) -> Result<()> {
        let vertex = feed::find(self.executor.plan(), source)?;
        self.executor.say(vertex, Some(time))
    }

    /// Has all subtasks of a source say that they have nothing for now: event time goes on without them until they
    /// say a watermark again.
    ///
    /// # Errors
    /// As [`Harness::watermark`].
    pub fn idle(&mut self, source: &str) -> Result<()> {
        let vertex = feed::find(self.executor.plan(), source)?;
        self.executor.say(vertex, None)
    }

    /// Polls the subtasks of a source of the bundle, each once.
    ///
    /// # Errors
    /// When there is no such source, it is one of the host, or the job fails.
    pub fn poll(&mut self, source: &str) -> Result<()> {
        let vertex = feed::find(self.executor.plan(), source)?;
        self.executor.poll_all(vertex)
    }

    /// Lets the clock go to `time`, in milliseconds since the epoch: timers of processing time fire in order, each
    /// at its time, and then operators that make watermarks are asked for one. The clock never goes back.
    ///
    /// # Errors
    /// When the job fails.
    pub fn advance_clock(&mut self, time: i64) -> Result<()> {
        self.executor.advance_clock(time)
    }

    /// What the clock shows, in milliseconds since the epoch.
    pub fn clock(&self) -> i64 {
        self.executor.clock()
    }

    /// Takes the records that have come to a sink since this was called last, as [`Outcome::output`].
    ///
    /// # Panics
    /// As [`Outcome::output`].
    #[track_caller]
    pub fn take<T: DeserializeOwned>(&mut self, sink: &str) -> Vec<T> {
        let records = self.executor.so_far().output(sink);
        self.executor.clear_sink(sink);
        records
    }

    /// The value of a counter so far, all subtasks together.
    pub fn counter(&mut self, name: &str) -> u64 {
        self.executor.counter(name)
    }

    /// Takes a snapshot of the job, which goes on.
    ///
    /// What [`Harness::take`] could still take is not in it, nor are counters.
    ///
    /// # Errors
    /// When the job fails.
    pub fn snapshot(&mut self) -> Result<Snapshot> {
        self.executor.snapshot()
    }

    /// Ends the sources, and so the job: those of the bundle are polled until they end, others hand over what
    /// [`Job::input`] gave and nothing more.
    ///
    /// # Errors
    /// When the job fails.
    pub fn finish(self) -> Result<Outcome> {
        self.executor.run()
    }
}
