//! One TaskManager process of the exchange benchmark: an endpoint, a data plane, and what it is told to
//! move.
//!
//! The hidden command `internal-exchange` runs it; [`super::process`] starts it and gives orders over its
//! standard input. Invariant: the process ends as soon as its standard input does, whatever it is doing,
//! so that it does not outlive the benchmark.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::runtime::Runtime;
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_actor::{Clock, Signal, ThreadKind, threads};
use wasmill_network::endpoint::{self, Connection, Endpoint};
use wasmill_network::identity::member::{self, Standing};
use wasmill_network::identity::{Identity, Node};
use wasmill_network::remote::transport::End;
use wasmill_network::remote::{self, ChannelId, DataPlane, Dialer, PeerAddr};
use wasmill_network::{Sender, gate};
use wasmill_task::Options;
use wasmill_types::id::{EdgeId, JobId, TaskManagerId};
use wasmill_types::size::ByteSize;

use super::load::{self, Mover};
use super::protocol::{Amount, Answer, Kind, Memory, Moved, Order, Round};
use super::raw;
use crate::bench::process;
use crate::failure::{Exit, Failure};
use crate::lifetime;
use crate::settings::cores;

/// The most threads of the runtime, as a TaskManager has.
const MAX_WORKERS: u32 = 4;

/// The job whose attempts the rounds are.
const JOB: JobId = JobId(1);

/// The process's command line.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Where its certificate is
    #[arg(long)]
    pub(super) data_dir: PathBuf,
    /// How many producers and how many consumers it has
    #[arg(long)]
    pub(super) parallelism: u32,
    /// The size of a record
    #[arg(long)]
    pub(super) record_bytes: usize,
    /// The network memory
    #[arg(long)]
    pub(super) network_memory: ByteSize,
}

struct Worker {
    me: TaskManagerId,
    parallelism: u32,
    record_bytes: usize,
    connections: usize,
    clock: Clock,
    runtime: Runtime,
    endpoint: Endpoint,
    plane: DataPlane,
    /// The connections for raw streams, which stay open between rounds.
    raw: HashMap<TaskManagerId, Vec<Connection>>,
    /// The round that began last.
    last: Option<u32>,
}

/// A round that has begun.
struct Running {
    producers: Vec<Mover>,
    consumers: Vec<Mover>,
    readers: Vec<Actor<Result<Amount>>>,
    /// Let the consumers go that are held up.
    holds: Vec<Signal>,
    /// The processor time at its beginning.
    processor: Duration,
}

/// Runs the process until its standard input ends.
pub(crate) fn perform(args: &WorkerArgs, clock: Clock) -> Result<Exit, Failure> {
    let served = serve(args, clock);
    if let Err(error) = served {
        // The benchmark shows it; this process has no other reader.
        say(&Answer::Failed(format!("{error:#}")))
            .map_err(|error| Failure::failed(error.to_string()))?;
        return Ok(Exit::Failed);
    }
    Ok(Exit::Finished)
}

fn serve(args: &WorkerArgs, clock: Clock) -> Result<()> {
    let mut worker = Worker::start(args, clock)?;
    let (orders, next) = sync_channel(1);
    let _reader = threads::spawn(ThreadKind::Errand, "orders", move || read_orders(&orders))?;
    say(&Answer::Ready(worker.endpoint.local_addr()?))?;
    let mut running = None;
    while let Some(order) = received(&next) {
        let answer = worker.apply(order, &mut running);
        say(&answer.unwrap_or_else(|error| Answer::Failed(format!("{error:#}"))))?;
    }
    Ok(())
}

fn received(orders: &Receiver<Order>) -> Option<Order> {
    // The thread that reads ends the process when nothing more can come.
    orders.recv().ok()
}

/// Hands on what comes on standard input, and ends the process with it.
fn read_orders(orders: &SyncSender<Order>) {
    for line in io::stdin().lock().lines() {
        let order = line.ok().and_then(|line| serde_json::from_str(&line).ok());
        let Some(order) = order else { break };
        if orders.send(order).is_err() {
            break;
        }
    }
    std::process::exit(Exit::Finished.code().into());
}

fn say(answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

impl Worker {
    fn start(args: &WorkerArgs, clock: Clock) -> Result<Self> {
        let runtime = lifetime::runtime(cores().min(MAX_WORKERS));
        let runtime = runtime.map_err(|failure| anyhow::anyhow!(failure.message))?;
        let (identity, me) = identity(args, &clock)?;
        let options = remote::Options {
            memory: remote::buffers_within(args.network_memory),
            ..remote::Options::default()
        };
        let entered = runtime.enter();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let protocols = [
            remote::protocol(End::Producer),
            raw::protocol(End::Producer),
        ];
        let settings = endpoint::Options::default();
        let opened = Endpoint::listen(any, identity, &protocols, settings, &clock);
        let (endpoint, listener) = opened?;
        let connections = options.connections.get();
        let dialer = Dialer::new(endpoint.clone());
        let plane = DataPlane::new(me.clone(), options, clock.clone(), dialer);
        let data = plane.clone();
        let serve = move |link: endpoint::Link| {
            if let Some(Node::TaskManager(name)) = link.peer {
                let address = link.remote;
                data.serve(PeerAddr { name, address }, link.connection);
            }
        };
        let accept = raw::accept(listener, Arc::new(serve));
        drop(actors::spawn(ActorKind::Listener, "exchange", accept));
        drop(entered);
        Ok(Self {
            me,
            parallelism: args.parallelism,
            record_bytes: args.record_bytes,
            connections,
            clock,
            runtime,
            endpoint,
            plane,
            raw: HashMap::new(),
            last: None,
        })
    }

    fn apply(&mut self, order: Order, running: &mut Option<Running>) -> Result<Answer> {
        Ok(match order {
            Order::Start(round) => {
                *running = Some(self.begin(&round)?);
                Answer::Started
            }
            Order::Finish => {
                let running = running.take().context("no round has begun")?;
                Answer::Finished(self.finish(running)?)
            }
            Order::Measure => Answer::Memory(Memory {
                resident: process::rss(),
                buffers: self.plane.pool().in_use(),
            }),
        })
    }

    fn begin(&mut self, round: &Round) -> Result<Running> {
        // Not at the end of the earlier round: other processes may still have been taking what producers
        // here had left to the network. All have ended when the next begins.
        if let Some(earlier) = self.last.replace(round.number) {
            self.plane.release(JOB, earlier);
        }
        let mut running = Running {
            producers: Vec::new(),
            consumers: Vec::new(),
            readers: Vec::new(),
            holds: Vec::new(),
            processor: process::cpu_time(),
        };
        match round.kind {
            Kind::Raw => self.begin_raw(round, &mut running)?,
            Kind::Remote => self.begin_remote(round, &mut running)?,
            Kind::Local => self.begin_local(round, &mut running)?,
        }
        Ok(running)
    }

    fn begin_raw(&mut self, round: &Round, running: &mut Running) -> Result<()> {
        let streams = self.parallelism * self.parallelism;
        let peers = round.members.len().saturating_sub(1).max(1) as u64;
        let bytes = u64::from(self.parallelism) * round.records * self.record_bytes as u64;
        let blocks = (bytes / peers / u64::from(streams) / raw::BLOCK_BYTES).max(1);
        let connections = self.connections.min(streams as usize);
        for member in round.members.iter().filter(|member| member.name != self.me) {
            if !self.raw.contains_key(&member.name) {
                let connect = raw::connect(&self.endpoint, member, connections);
                let opened = self.runtime.block_on(connect)?;
                self.raw.insert(member.name.clone(), opened);
            }
            let read = raw::read(&self.raw[&member.name], streams, blocks);
            running.readers.extend(self.runtime.block_on(read)?);
        }
        Ok(())
    }

    /// Each producer here sends to all consumers of all other TaskManagers.
    fn begin_remote(&self, round: &Round, running: &mut Running) -> Result<()> {
        let (mine, others): (Vec<_>, Vec<_>) =
            (0..round.members.len()).partition(|member| round.members[*member].name == self.me);
        let &[mine] = &mine[..] else {
            bail!("TaskManager `{}` is no member of the round", self.me);
        };
        let capacity = Options::default().channel_capacity.get();
        let elsewhere = || others.iter().flat_map(|other| self.subtasks(*other));
        for producer in self.subtasks(mine) {
            let mut senders = Vec::new();
            for consumer in elsewhere() {
                let (offered, sender) = gate(1, remote::queue_of(capacity), Signal::new());
                self.plane
                    .offer(channel(round, producer, consumer), offered)?;
                senders.extend(sender);
            }
            self.produce(senders, round, running)?;
        }
        for consumer in self.subtasks(mine) {
            let signal = Signal::new();
            let (input, senders) = gate(elsewhere().count(), capacity, signal.clone());
            for (producer, sender) in elsewhere().zip(senders) {
                let from = &round.members[(producer / self.parallelism) as usize];
                let peer = PeerAddr {
                    name: from.name.clone(),
                    address: from.address,
                };
                let channel = channel(round, producer, consumer);
                self.plane.subscribe(channel, &peer, sender)?;
            }
            let hold = round.is_stalled.then(Signal::new);
            running.holds.extend(hold.clone());
            running.consumers.push(load::consumer(input, signal, hold)?);
        }
        Ok(())
    }

    /// Each producer here sends to all consumers here.
    fn begin_local(&self, round: &Round, running: &mut Running) -> Result<()> {
        let capacity = Options::default().channel_capacity.get();
        let mut columns = Vec::new();
        for _ in 0..self.parallelism {
            let signal = Signal::new();
            let (input, senders) = gate(self.parallelism as usize, capacity, signal.clone());
            columns.push(senders.into_iter());
            running.consumers.push(load::consumer(input, signal, None)?);
        }
        for _ in 0..self.parallelism {
            let senders = columns.iter_mut().filter_map(Iterator::next).collect();
            self.produce(senders, round, running)?;
        }
        Ok(())
    }

    fn produce(&self, to: Vec<Sender>, round: &Round, running: &mut Running) -> Result<()> {
        let producer = load::producer(to, round.records, self.record_bytes)?;
        running.producers.push(producer);
        Ok(())
    }

    /// The numbers of a TaskManager's subtasks.
    fn subtasks(&self, member: usize) -> impl Iterator<Item = u32> + use<> {
        let first = member as u32 * self.parallelism;
        first..first + self.parallelism
    }

    fn finish(&self, running: Running) -> Result<Moved> {
        running.holds.iter().for_each(Signal::notify);
        let mut moved = Moved::default();
        for producer in running.producers {
            moved.sent.add(producer.join()??);
        }
        for consumer in running.consumers {
            moved.taken.add(consumer.join()??);
        }
        for mut reader in running.readers {
            moved.taken.add(self.runtime.block_on(reader.join())??);
        }
        let processor = process::cpu_time().saturating_sub(running.processor);
        moved.processor_ns = u64::try_from(processor.as_nanos())?;
        tracing::debug!(?moved, uptime = ?self.clock.monotonic(), "a round has ended");
        Ok(moved)
    }
}

fn channel(round: &Round, producer: u32, consumer: u32) -> ChannelId {
    ChannelId {
        job: JOB,
        epoch: round.number,
        edge: EdgeId(0),
        producer,
        consumer,
    }
}

fn identity(args: &WorkerArgs, clock: &Clock) -> Result<(Identity, TaskManagerId)> {
    let standing = member::load(&args.data_dir, clock.now_ms())?;
    let Standing::Member(identity) = standing else {
        bail!("`{}` holds no certificate", args.data_dir.display());
    };
    let Node::TaskManager(me) = identity.node().clone() else {
        bail!(
            "the certificate in `{}` is not a TaskManager's",
            args.data_dir.display()
        );
    };
    Ok((identity, me))
}
