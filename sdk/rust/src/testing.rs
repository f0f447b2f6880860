//! Runs whole jobs natively, inside `cargo test`, over records in memory.
//!
//! ```
//! use wasmill::prelude::*;
//! use wasmill::testing;
//!
//! #[wasmill::job]
//! fn word_count(env: &Env) -> Result<()> {
//!     env.source(File::lines(env.arg("input")?))
//!         .flat_map(|line: String, out| line.split_whitespace().for_each(|w| out.emit(w.to_owned())))
//!         .key_by(|word| word.clone())
//!         .count()
//!         .sink(File::csv(env.arg("output")?));
//!     Ok(())
//! }
//!
//! // #[test]
//! fn counts_go_up_by_one_with_every_word() -> Result<()> {
//!     let outcome = testing::Job::new(word_count)
//!         .args(["--input", "any", "--output", "any"])
//!         .input("Source: file", ["a b a", "b a"])
//!         .run()?;
//!     assert_eq!(outcome.lines("Sink: file"), ["a,1", "b,1", "a,2", "b,2", "a,3"]);
//!     Ok(())
//! }
//! # counts_go_up_by_one_with_every_word().unwrap();
//! ```
//!
//! The job is the same function that becomes the bundle, and its operators run in the same runtime behind
//! the same calls; only the host is another one. Sources and sinks of the host are replaced by the records
//! of the test. Every operator gets a task of its own, so that all records are encoded and decoded between
//! operators; [`Job::chained`] fuses them as the host does. What a test should vary, because a job must not
//! depend on it: [`Job::parallelism`], [`Job::chained`], [`Job::batch_records`], and with keyed state
//! [`Job::cache_bytes`] and [`Job::restart_after`].
//!
//! Where it matters what happens between two records, a [`Harness`] lets the test drive the job: push elements,
//! advance event time and the clock, look at what has come out so far, and snapshot and restore in the middle.
//!
//! Invariant: a test has no threads, no clock and no randomness of its own, so it does the same each time.

mod event_time;
mod exchange;
mod executor;
mod feed;
mod harness;
mod host;
mod line;
mod outcome;
mod plan;
mod records;
mod restore;
mod task;
mod wiring;

use std::collections::BTreeSet;
use std::rc::Rc;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::bindings::exports::wasmill::dataflow::job::JobGraph;
use crate::env::Main;

pub use harness::Harness;
pub use outcome::Outcome;
pub use restore::Snapshot;

use host::{MemoryHost, Seat, SplitMix};
use plan::{Plan, Shape};
use records::{Encoded, Layout};

/// How many polls of guest sources a job may take; see [`Job::max_polls`].
pub const MAX_POLLS: u64 = 10_000;

/// A job, with what a test wants to run it on.
///
/// See the [module](self) for a whole test.
#[derive(Clone)]
pub struct Job {
    main: Main,
    args: Vec<String>,
    shape: Shape,
    inputs: Vec<Input>,
    cache_bytes: u64,
    batch_bytes: u32,
    batch_records: u32,
    max_record_bytes: u32,
    max_polls: u64,
    skip_bad_records: bool,
    snapshots: BTreeSet<u64>,
    aborts: BTreeSet<u64>,
    restarts: BTreeSet<u64>,
    seed: u64,
    start: i64,
    /// Whether a test drives it by a [`Harness`].
    is_driven: bool,
}

/// The records for one source.
#[derive(Clone)]
struct Input {
    source: String,
    encode: Rc<EncodeAll>,
}

type EncodeAll = dyn Fn(&Layout) -> Result<Vec<Encoded>>;

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("args", &self.args)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// A job with one subtask per operator, every operator in a task of its own.
    pub fn new(main: Main) -> Self {
        Self {
            main,
            args: Vec::new(),
            shape: Shape {
                parallelism: 1,
                max_parallelism: None,
                chained: false,
            },
            inputs: Vec::new(),
            cache_bytes: 16 << 20,
            batch_bytes: 32 << 10,
            batch_records: 256,
            max_record_bytes: 1 << 20,
            max_polls: MAX_POLLS,
            skip_bad_records: false,
            snapshots: BTreeSet::new(),
            aborts: BTreeSet::new(),
            restarts: BTreeSet::new(),
            seed: 0,
            start: 0,
            is_driven: false,
        }
    }

    /// The arguments of the program.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// The records that a source of the host reads, in order.
    ///
    /// The source is named by its operator's name, for instance `Source: file`, or by its uid. Records are
    /// encoded as the source would encode them: for lines give strings, for JSON anything that `serde`
    /// writes, for CSV structs or maps by the names of the columns, tuples or lists by their position. Of
    /// `p` subtasks, subtask `i` reads the records `i`, `i + p`, and so on.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// #[derive(Serialize, Deserialize)]
    /// struct Trade {
    ///     symbol: String,
    ///     price: f64,
    /// }
    ///
    /// fn dear(env: &Env) -> Result<()> {
    ///     env.source(File::csv("trades.csv"))
    ///         .filter(|trade: &Trade| trade.price > 100.0)
    ///         .map(|trade| trade.symbol)
    ///         .sink(File::lines("out"));
    ///     Ok(())
    /// }
    ///
    /// let trade = |symbol: &str, price| Trade { symbol: symbol.to_owned(), price };
    /// let outcome = Job::new(dear)
    ///     .input("Source: file", [trade("A", 99.0), trade("B", 101.0)])
    ///     .run()?;
    /// assert_eq!(outcome.lines("Sink: file"), ["B"]);
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    #[must_use]
    pub fn input<R: Serialize + 'static>(
        self,
        source: &str,
        records: impl IntoIterator<Item = R>,
    ) -> Self {
        let records: Vec<R> = records.into_iter().collect();
        self.add_input(source, move |layout| {
            let encode = |record| {
                let bytes = records::encode(record, layout)?;
                Ok(Encoded {
                    timestamp: None,
                    bytes,
                })
            };
            records.iter().map(encode).collect()
        })
    }

    /// As [`Job::input`], each record with its event time in milliseconds since the epoch.
    #[must_use]
    pub fn input_timed<R: Serialize + 'static>(
        self,
        source: &str,
        records: impl IntoIterator<Item = (i64, R)>,
    ) -> Self {
        let records: Vec<(i64, R)> = records.into_iter().collect();
        self.add_input(source, move |layout| {
            let encode = |(timestamp, record): &(i64, R)| {
                let bytes = records::encode(record, layout)?;
                Ok(Encoded {
                    timestamp: Some(*timestamp),
                    bytes,
                })
            };
            records.iter().map(encode).collect()
        })
    }

    /// As [`Job::input`] with records that are encoded already: bad ones, for instance.
    #[must_use]
    pub fn input_bytes<B: Into<Vec<u8>>>(
        self,
        source: &str,
        records: impl IntoIterator<Item = B>,
    ) -> Self {
        let records: Vec<Vec<u8>> = records.into_iter().map(Into::into).collect();
        self.add_input(source, move |_| {
            let encoded = |bytes: &Vec<u8>| Encoded {
                timestamp: None,
                bytes: bytes.clone(),
            };
            Ok(records.iter().map(encoded).collect())
        })
    }

    /// The number of subtasks of operators that name none, when the program names none for the job; 1
    /// when nothing is said.
    #[must_use]
    pub fn parallelism(mut self, parallelism: u32) -> Self {
        self.shape.parallelism = parallelism;
        self
    }

    /// The number of key groups of operators that name none.
    #[must_use]
    pub fn max_parallelism(mut self, max_parallelism: u32) -> Self {
        self.shape.max_parallelism = Some(max_parallelism);
        self
    }

    /// Fuses operators as the host does, instead of giving each a task of its own.
    #[must_use]
    pub fn chained(mut self) -> Self {
        self.shape.chained = true;
        self
    }

    /// How many bytes of keyed state a subtask keeps in memory; 16 MiB when nothing is said. With a few
    /// hundred bytes nearly every look-up reaches the backend.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// The size at which a batch is sent on, in bytes; 32 KiB when nothing is said.
    #[must_use]
    pub fn batch_bytes(mut self, bytes: u32) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// The most records that a source hands over at once; 256 when nothing is said.
    #[must_use]
    pub fn batch_records(mut self, records: u32) -> Self {
        self.batch_records = records;
        self
    }

    /// The size above which a record fails the job, in bytes; 1 MiB when nothing is said.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: u32) -> Self {
        self.max_record_bytes = bytes;
        self
    }

    /// How many polls of guest sources the job may take before it counts as one that never ends:
    /// [`MAX_POLLS`] when nothing is said.
    #[must_use]
    pub fn max_polls(mut self, polls: u64) -> Self {
        self.max_polls = polls;
        self
    }

    /// Drops records that cannot be decoded and counts them in `numBadRecords`, instead of failing.
    #[must_use]
    pub fn skip_bad_records(mut self) -> Self {
        self.skip_bad_records = true;
        self
    }

    /// Takes a snapshot after so many batches, says that the checkpoint is complete, and goes on. May be given
    /// several times; checkpoints are numbered from 1.
    #[must_use]
    pub fn snapshot_after(mut self, batches: u64) -> Self {
        self.snapshots.insert(batches);
        self
    }

    /// Takes a snapshot after so many batches, says that the checkpoint was given up, and goes on. May be given
    /// several times.
    #[must_use]
    pub fn abort_after(mut self, batches: u64) -> Self {
        self.aborts.insert(batches);
        self
    }

    /// Takes a snapshot after so many batches, drops all operators, and goes on with new ones that were
    /// given the snapshot. May be given several times.
    ///
    /// Batches are counted as the sources of the job hand them over, all together; the poll of a guest
    /// source is one. A job that ends before is an error: the test would show nothing.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # use wasmill::testing::Job;
    /// fn total(env: &Env) -> Result<()> {
    ///     env.guest_source(generate(100, |i| i))
    ///         .key_by(|_| 0_u8)
    ///         .reduce(|a, b| a + b)
    ///         .sink(Blackhole);
    ///     Ok(())
    /// }
    ///
    /// let outcome = Job::new(total).batch_records(10).restart_after(5).run()?;
    /// assert_eq!(outcome.output::<u64>("Sink: blackhole").last(), Some(&4950));
    /// # wasmill::Result::<()>::Ok(())
    /// ```
    #[must_use]
    pub fn restart_after(mut self, batches: u64) -> Self {
        self.restarts.insert(batches);
        self
    }

    /// Chooses other random numbers, for `shuffle`, the start of `rebalance`, and
    /// [`random`](crate::random).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the clock shows at the start, in milliseconds since the epoch; 0 when nothing is said. Time
    /// passes only when all sources are idle: to the earliest time that one of them waits for.
    #[must_use]
    pub fn start_at(mut self, millis: i64) -> Self {
        self.start = millis;
        self
    }

    /// Runs the job to its end. It can be run again.
    ///
    /// # Errors
    /// The mistake in the program or in the test, or the failure of the job with the operator and the
    /// subtask that failed.
    pub fn run(&self) -> Result<Outcome> {
        let plan = self.plan()?;
        executor::Executor::new(Rc::new(self.clone()), Rc::new(plan), None)?.run()
    }

    /// Starts the job and lets the test drive it; see [`Harness`].
    ///
    /// # Errors
    /// As [`Job::run`].
    pub fn start(&self) -> Result<Harness> {
        Harness::new(self.clone(), None)
    }

    /// As [`Job::start`], from a snapshot of the same job, which may have had another parallelism.
    ///
    /// # Errors
    /// As [`Job::run`]; also when the snapshot is of another job.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<Harness> {
        Harness::new(self.clone(), Some(snapshot.clone()))
    }

    fn plan(&self) -> Result<Plan> {
        ensure!(
            self.batch_records > 0,
            "`batch_records` is 0; a source hands over at least one record at a time"
        );
        let graph = self.describe_with(self.seed)?;
        // Every subtask runs the program again, at another time and with other random numbers.
        let again = self.describe_with(!self.seed)?;
        ensure!(
            graph == again,
            "the program builds another graph when it runs again; let it depend on its arguments only"
        );
        let plan = Plan::new(graph, self.shape)?;
        feed::check_names(self, &plan)?;
        Ok(plan)
    }

    /// The graph that the program builds.
    ///
    /// # Errors
    /// The program's error.
    pub fn describe(&self) -> Result<JobGraph> {
        self.describe_with(self.seed)
    }

    fn describe_with(&self, seed: u64) -> Result<JobGraph> {
        let seat = Seat {
            subtask: 0,
            parallelism: 1,
            max_parallelism: 1,
            max_record_bytes: 0,
        };
        let host = Box::new(MemoryHost::new(seat, SplitMix(seed)));
        let describe = || crate::env::describe(self.main, crate::env::UNNAMED, &self.args);
        let (graph, _) = crate::native::lend(host, describe);
        graph.map_err(anyhow::Error::msg)
    }

    /// After how many batches the job stops for a snapshot.
    fn pauses(&self) -> impl Iterator<Item = u64> {
        let pauses = [&self.snapshots, &self.aborts, &self.restarts];
        pauses.into_iter().flatten().copied()
    }

    fn add_input(
        mut self,
        source: &str,
        encode: impl Fn(&Layout) -> Result<Vec<Encoded>> + 'static,
    ) -> Self {
        self.inputs.push(Input {
            source: source.to_owned(),
            encode: Rc::new(encode),
        });
        self
    }
}

/// The graph of a job, or why it has none.
///
/// ```
/// # use wasmill::prelude::*;
/// fn job(env: &Env) -> Result<()> {
///     env.source(File::lines(env.arg("input")?)).sink(Print::new());
///     Ok(())
/// }
///
/// let graph = wasmill::testing::describe(job, &["--input", "x"]).unwrap();
/// assert_eq!(graph.operators[0].name, "Source: file");
/// let problem = wasmill::testing::describe(job, &[]).unwrap_err();
/// assert!(problem.contains("`--input` is missing"));
/// ```
///
/// # Errors
/// The program's error.
pub fn describe(main: Main, args: &[&str]) -> Result<JobGraph, String> {
    let job = Job::new(main).args(args.iter().copied());
    job.describe().map_err(|problem| format!("{problem:#}"))
}
