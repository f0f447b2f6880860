//! How fast channels are: raw QUIC streams, remote channels over QUIC and local channels, in one run.
//!
//! `cargo run --release -p wasmill-network --example exchange -- [MEGABYTES] [RECORD_BYTES] [CHANNELS]`.
//! Both QUIC runs go over the loopback interface with the same settings and the same connections; each
//! channel or stream has a producer and a consumer of its own. What counts is the ratio: all parts
//! run on this machine's cores at once. On a machine that does other work too, only that of the
//! processor time says something.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use rustix::time::{ClockId, clock_gettime};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use wasmill_actor::threads::{self, Worker};
use wasmill_actor::{ActorKind, CancelToken, Clock, Signal, ThreadKind, actors};
use wasmill_network::remote::transport::{self, End};
use wasmill_network::remote::{
    ChannelId, Connect, ConnectError, Connecting, DataPlane, Options, PeerAddr,
};
use wasmill_network::{Gate, Sender, gate};
use wasmill_types::id::{EdgeId, JobId};
use wasmill_types::{Batch, Element};

/// The size at which a task sends the records for a channel.
const FRAME_BYTES: usize = 32 << 10;
/// The elements that wait in a channel.
const CAPACITY: usize = 10;
/// How often each is measured; the middle rate counts.
const ROUNDS: usize = 7;
/// The connections between the two ends.
const CONNECTIONS: usize = 1;

/// What to measure.
#[derive(Clone, Copy)]
struct Load {
    /// Per channel.
    frames: usize,
    record_bytes: usize,
    channels: usize,
}

/// What one run showed.
struct Speed {
    /// Megabytes of records per second.
    rate: f64,
    /// Nanoseconds of processor time per kilobyte of records.
    cost: f64,
}

/// Two ends that trust each other.
struct Pair {
    producer: Endpoint,
    consumer: Endpoint,
    client: ClientConfig,
    address: SocketAddr,
}

struct Dialer {
    endpoint: Endpoint,
    config: ClientConfig,
}

impl Connect for Dialer {
    fn connect<'a>(&'a self, peer: &'a PeerAddr) -> Connecting<'a> {
        Box::pin(async move {
            let config = self.config.clone();
            let connected = connect(&self.endpoint, config, peer.address).await;
            connected.map_err(|error| ConnectError(format!("{error:#}")))
        })
    }
}

fn main() -> Result<()> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse().context("the arguments are numbers"))
        .collect::<Result<_>>()?;
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let (megabytes, channels) = (argument(0, 300), argument(2, 1).max(1));
    let load = Load {
        frames: (megabytes << 20) / FRAME_BYTES / channels,
        record_bytes: argument(1, 100),
        channels,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let clock = Clock::system();
    let pair = {
        let _entered = runtime.enter();
        pair()?
    };
    // By turns, so that what else the machine does meets all of them.
    let mut speeds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        speeds[0].push(speed(&clock, load, || runtime.block_on(raw(&pair, load)))?);
        let _entered = runtime.enter();
        let work = || remote(&pair, &clock, load);
        speeds[1].push(speed(&clock, load, work)?);
        // The next run accepts its own connections, once those of this one have ended.
        runtime.block_on(clock.sleep(Duration::from_millis(100)));
        speeds[2].push(speed(&clock, load, || local(load))?);
    }
    let rates = speeds.each_ref().map(|runs| median(runs, |run| run.rate));
    let costs = speeds.each_ref().map(|runs| median(runs, |run| run.cost));
    let ([raw, remote, local], [raw_cost, remote_cost, _]) = (rates, costs);
    println!(
        "raw QUIC {raw:.0} MB/s, remote channels {remote:.0} MB/s (ratio {:.2}, {:.1} million \
         records/s), local channels {local:.0} MB/s",
        remote / raw,
        remote / load.record_bytes as f64,
    );
    println!(
        "processor time per KB: raw QUIC {raw_cost:.0} ns, remote channels {remote_cost:.0} ns \
         (ratio {:.2})",
        raw_cost / remote_cost
    );
    Ok(())
}

fn median(runs: &[Speed], figure: impl Fn(&Speed) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How fast `work` moves records.
fn speed(clock: &Clock, load: Load, work: impl FnOnce() -> Result<()>) -> Result<Speed> {
    let (start, before) = (clock.monotonic(), processor_time());
    work()?;
    let bytes = (load.channels * load.frames * frame(load.record_bytes).data.len()) as f64;
    Ok(Speed {
        rate: bytes / 1e6 / (clock.monotonic() - start).as_secs_f64(),
        cost: (processor_time() - before).as_secs_f64() * 1e12 / bytes,
    })
}

/// The processor time of all threads so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn frame(record_bytes: usize) -> Batch {
    let mut batch = Batch::default();
    let record = vec![7; record_bytes];
    while batch.data.len() < FRAME_BYTES {
        batch.push(&record);
    }
    batch
}

/// As many bytes as the frames have, over streams, without looking at them.
async fn raw(pair: &Pair, load: Load) -> Result<()> {
    let mut ends = Vec::new();
    for _ in 0..CONNECTIONS.min(load.channels) {
        let connecting = connect(&pair.consumer, pair.client.clone(), pair.address);
        let accepting = async {
            let incoming = pair
                .producer
                .accept()
                .await
                .context("the endpoint is open")?;
            Ok::<_, anyhow::Error>(incoming.await?)
        };
        ends.push(tokio::try_join!(connecting, accepting)?);
    }
    let mut actors = Vec::new();
    for channel in 0..load.channels {
        let (consumer, producer) = ends[channel % ends.len()].clone();
        actors.push(actors::spawn(
            ActorKind::Channel,
            "writes",
            write(producer, load),
        ));
        actors.push(actors::spawn(ActorKind::Channel, "reads", read(consumer)));
    }
    for mut actor in actors {
        actor.join().await??;
    }
    Ok(())
}

async fn write(connection: Connection, load: Load) -> Result<()> {
    let frame = Bytes::from(frame(load.record_bytes).data);
    let mut stream = connection.open_uni().await?;
    for _ in 0..load.frames {
        stream.write_chunk(frame.clone()).await?;
    }
    stream.finish()?;
    stream.stopped().await?;
    Ok(())
}

async fn read(connection: Connection) -> Result<()> {
    let mut stream = connection.accept_uni().await?;
    let mut pieces = [const { Bytes::new() }; 32];
    while stream.read_chunks(&mut pieces).await?.is_some() {}
    Ok(())
}

/// Frames over remote channels between two data planes.
fn remote(pair: &Pair, clock: &Clock, load: Load) -> Result<()> {
    let options = Options {
        connections: CONNECTIONS.try_into()?,
        ..Options::default()
    };
    let plane = |name: &str, endpoint: &Endpoint| {
        let dialer = Dialer {
            endpoint: endpoint.clone(),
            config: pair.client.clone(),
        };
        let name = name.parse()?;
        let plane = DataPlane::new(name, options.clone(), clock.clone(), dialer);
        Ok::<_, anyhow::Error>(plane)
    };
    let (producer, consumer) = (
        plane("producer", &pair.producer)?,
        plane("consumer", &pair.consumer)?,
    );
    let accepting = accept(pair.producer.clone(), producer.clone());
    let listener = actors::spawn(ActorKind::Listener, "", accepting);
    let peer = PeerAddr {
        name: "producer".parse()?,
        address: pair.address,
    };
    let mut workers = Vec::new();
    for number in 0..load.channels {
        let id = ChannelId {
            job: JobId(1),
            epoch: 0,
            edge: EdgeId(0),
            producer: u32::try_from(number)?,
            consumer: 0,
        };
        let (offered, mut senders) = gate(1, CAPACITY, Signal::new());
        producer.offer(id, offered)?;
        workers.push(spawn(move || produce(senders.remove(0), load))?);
        let signal = Signal::new();
        let (input, mut senders) = gate(1, CAPACITY, signal.clone());
        consumer.subscribe(id, &peer, senders.remove(0))?;
        workers.push(spawn(move || consume(input, &signal))?);
    }
    finish(workers)?;
    listener.abort();
    consumer.close("done");
    Ok(())
}

async fn accept(endpoint: Endpoint, plane: DataPlane) {
    while let Some(incoming) = endpoint.accept().await {
        if let (Ok(connection), Ok(name)) = (incoming.await, "consumer".parse()) {
            let address = connection.remote_address();
            plane.serve(PeerAddr { name, address }, connection);
        }
    }
}

/// Frames over channels in memory.
fn local(load: Load) -> Result<()> {
    let mut workers = Vec::new();
    for _ in 0..load.channels {
        let signal = Signal::new();
        let (input, mut senders) = gate(1, CAPACITY, signal.clone());
        workers.push(spawn(move || produce(senders.remove(0), load))?);
        workers.push(spawn(move || consume(input, &signal))?);
    }
    finish(workers)
}

/// Makes frames as a task does: by copying records into a batch that was used before.
fn produce(mut sender: Sender, load: Load) -> Result<()> {
    let (frame, cancel) = (frame(load.record_bytes), CancelToken::new());
    for _ in 0..load.frames {
        let mut batch = sender.spare().unwrap_or_default();
        batch.extend_from(&frame.view());
        sender.send(Element::Batch(batch), &cancel)?;
    }
    sender.send(Element::EndOfPartition, &cancel)?;
    Ok(())
}

fn consume(mut gate: Gate, signal: &Signal) -> Result<()> {
    loop {
        match gate.next()? {
            None => drop(signal.wait(Some(Duration::from_secs(10)))),
            Some((_, Element::Batch(batch))) => gate.recycle(batch),
            Some((_, Element::EndOfPartition)) => return Ok(()),
            Some(_) => {}
        }
    }
}

fn spawn(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<Worker<Result<()>>> {
    Ok(threads::spawn(ThreadKind::Task, "", work)?)
}

fn finish(workers: Vec<Worker<Result<()>>>) -> Result<()> {
    workers.into_iter().try_for_each(|worker| worker.join()?)
}

fn pair() -> Result<Pair> {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let chain = CertificateDer::from(certificate.cert);
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(chain.clone())?;
    let mut client = ClientConfig::with_root_certificates(Arc::new(roots))?;
    client.transport_config(transport::config(End::Consumer));
    let mut server = ServerConfig::with_single_cert(vec![chain], key.into())?;
    // The raw run writes as many streams as there are channels, on connections of its own.
    server.transport_config(transport::config(End::Producer));
    let producer = endpoint(Some(server))?;
    let address = producer.local_addr()?;
    Ok(Pair {
        producer,
        consumer: endpoint(None)?,
        client,
        address,
    })
}

fn endpoint(server: Option<ServerConfig>) -> Result<Endpoint> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_send_buffer_size(4 << 20)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let runtime = Arc::new(TokioRuntime);
    let config = EndpointConfig::default();
    Ok(Endpoint::new(config, server, socket.into(), runtime)?)
}

async fn connect(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: SocketAddr,
) -> Result<Connection> {
    let connecting = endpoint.connect_with(config, address, "localhost")?;
    Ok(connecting.await?)
}
