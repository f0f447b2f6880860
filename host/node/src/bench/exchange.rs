//! `wasmill bench exchange`: a hash exchange of all with all between TaskManager processes.
//!
//! The processes ([`worker`]) are real ones with certificates, a data plane and the result partitions of
//! tasks. Rounds of raw QUIC streams ([`raw`]), of remote and of local channels ([`load`]) take turns, so
//! that a machine whose speed drifts slows all of them. In each remote round every record goes from one
//! process to another. One round, before the others, holds its consumers up: what the processes' memory
//! has then grown by since they started is compared with the network memory that they may use. Invariants: every record that was sent is
//! taken, else the figures mean nothing and the command fails; the processes end with the command, also
//! with one that is interrupted.

mod figures;
mod load;
mod process;
mod protocol;
mod raw;
mod worker;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use wasmill_actor::{CancelToken, Clock};
use wasmill_types::size::ByteSize;

use figures::{Figures, Rate, Stall};
use process::Process;
use protocol::{Answer, Kind, Member, Memory, Moved, Order, Round};

pub(crate) use worker::{WorkerArgs, perform as work};

/// The processes are held up until their memory has not grown for so many looks at it.
const STEADY_LOOKS: u32 = 4;
/// The most looks.
const MAX_LOOKS: u32 = 40;
/// The time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// What to measure.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The number of processes.
    pub(super) taskmanagers: u32,
    /// The producers, and the consumers, of each.
    pub(super) parallelism: u32,
    /// The size of a record.
    pub(super) record_bytes: u32,
    /// The records of a round.
    pub(super) records: u64,
    /// How often each kind of round runs.
    pub(super) rounds: u32,
    /// What each process may use for channels.
    pub(super) network_memory: ByteSize,
    /// Whether the figures are for programs.
    pub(super) json: bool,
}

/// Measures until it is done or the token is cancelled; answers the figures, or none when cancelled.
pub(super) async fn run(
    settings: Settings,
    clock: Clock,
    stop: CancelToken,
) -> Result<Option<String>> {
    let dir = tempfile::tempdir().context("make a directory for certificates")?;
    let measure = async {
        let processes = Process::start_all(&settings, dir.path(), &clock).await?;
        Bench::new(&settings, &clock, processes).measure().await
    };
    let figures = tokio::select! {
        biased;
        // Dropping the measurement ends its processes.
        () = stop.cancelled() => return Ok(None),
        figures = measure => figures?,
    };
    figures.show(settings.json).map(Some)
}

struct Bench<'a> {
    settings: &'a Settings,
    clock: &'a Clock,
    processes: Vec<Process>,
    members: Vec<Member>,
    next_round: u32,
}

impl<'a> Bench<'a> {
    fn new(settings: &'a Settings, clock: &'a Clock, processes: Vec<Process>) -> Self {
        let members = processes.iter().map(|process| process.member.clone());
        Self {
            settings,
            clock,
            members: members.collect(),
            processes,
            next_round: 0,
        }
    }

    async fn measure(mut self) -> Result<Figures> {
        const KINDS: [Kind; 3] = [Kind::Raw, Kind::Remote, Kind::Local];
        // Consumers are held up first: what raw streams have used stays with the process for a while, and
        // would be taken for what the data plane needs.
        let before = self.memory().await?;
        self.round(Kind::Remote, self.records() / 10 + 1).await?;
        let stall = self.stall(&before).await?;
        // Opens the other connections and finds out how fast they are.
        self.round(Kind::Raw, self.records() / 10 + 1).await?;
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..self.settings.rounds {
            for (kind, rates) in KINDS.into_iter().zip(&mut rates) {
                rates.push(self.round(kind, self.records()).await?);
            }
        }
        let [raw, remote, local] = rates;
        Ok(Figures::new(self.settings, &raw, &remote, &local, &stall))
    }

    /// The records of each producer.
    fn records(&self) -> u64 {
        let producers = self.settings.taskmanagers * self.settings.parallelism;
        (self.settings.records / u64::from(producers)).max(1)
    }

    async fn round(&mut self, kind: Kind, records: u64) -> Result<Rate> {
        tracing::info!(?kind, records, "run");
        let start = self.clock.monotonic();
        self.start(kind, records, false).await?;
        self.finish(kind, start).await
    }

    /// Holds all consumers up until memory does not grow, and lets them go.
    async fn stall(&mut self, before: &[Memory]) -> Result<Stall> {
        tracing::info!("hold consumers up");
        self.start(Kind::Remote, self.records(), true).await?;
        let mut most = self.memory().await?;
        let mut steady = 0;
        for _ in 0..MAX_LOOKS {
            self.clock.sleep(BETWEEN_LOOKS).await;
            let mut has_grown = false;
            for (most, now) in most.iter_mut().zip(self.memory().await?) {
                has_grown |= now.resident > most.resident || now.buffers > most.buffers;
                most.resident = most.resident.max(now.resident);
                most.buffers = most.buffers.max(now.buffers);
            }
            steady = if has_grown { 0 } else { steady + 1 };
            if steady == STEADY_LOOKS {
                break;
            }
        }
        let start = self.clock.monotonic();
        let resumed = self.finish(Kind::Remote, start).await?;
        let grown = most.iter().zip(before);
        let grown = grown.map(|(most, before)| most.resident.saturating_sub(before.resident));
        Ok(Stall {
            resumed,
            growth: grown.max().unwrap_or(0),
            buffers: most.iter().map(|memory| memory.buffers).max().unwrap_or(0),
        })
    }

    async fn start(&mut self, kind: Kind, records: u64, is_stalled: bool) -> Result<()> {
        let round = Round {
            kind,
            number: self.next_round,
            records,
            is_stalled,
            members: self.members.clone(),
        };
        self.next_round += 1;
        for answer in self.ask(&Order::Start(round)).await? {
            ensure!(
                answer == Answer::Started,
                "a round did not begin: {answer:?}"
            );
        }
        Ok(())
    }

    async fn finish(&mut self, kind: Kind, start: Duration) -> Result<Rate> {
        let mut moved = Moved::default();
        for answer in self.ask(&Order::Finish).await? {
            let Answer::Finished(more) = answer else {
                bail!("a round did not end: {answer:?}");
            };
            moved.add(&more);
        }
        // Nobody counts what raw streams are given.
        ensure!(
            kind == Kind::Raw || moved.sent == moved.taken,
            "{:?} were sent, but {:?} taken",
            moved.sent,
            moved.taken
        );
        let took = self.clock.monotonic().saturating_sub(start);
        Ok(Rate::of(&moved, took))
    }

    async fn memory(&mut self) -> Result<Vec<Memory>> {
        let answers = self.ask(&Order::Measure).await?.into_iter();
        let memory = answers.map(|answer| match answer {
            Answer::Memory(memory) => Ok(memory),
            other => bail!("a process did not tell its memory: {other:?}"),
        });
        memory.collect()
    }

    /// Tells all processes, and waits for all.
    async fn ask(&mut self, order: &Order) -> Result<Vec<Answer>> {
        for process in &mut self.processes {
            process.tell(order).await?;
        }
        let mut answers = Vec::with_capacity(self.processes.len());
        for process in &mut self.processes {
            answers.push(process.hear().await?);
        }
        Ok(answers)
    }
}
