//! `wasmill taskmanager`: a process that runs tasks for a JobManager.
//!
//! Wiring only: identity, one socket for the control plane and the data plane, the executor of
//! `wasmill_taskmanager` and what it works with. Invariant: whatever ends the process, its tasks have ended
//! first, or the machine ends them with it.

mod machine;
mod metrics;
mod seams;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{CancelToken, Clock, Rng};
use wasmill_network::endpoint::{self, Endpoint, Listener};
use wasmill_network::identity::{Identity, Node};
use wasmill_network::remote::transport::End;
use wasmill_network::remote::{self, DataPlane, Dialer, PeerAddr};
use wasmill_rpc::join::{self, Join};
use wasmill_rpc::protocol::SlotMemory;
use wasmill_taskmanager::executor::{self, Environment};
use wasmill_taskmanager::programs::Bundles;
use wasmill_taskmanager::programs::blobs::Blobs;
use wasmill_types::id::TaskManagerId;
use wasmill_wasm::{Engine, EngineOptions, Limits};

use crate::cli::TaskManagerArgs;
use crate::config::Config;
use crate::failure::{Exit, Failure, story, unusable_address};
use crate::lifetime::{self, Keeper};
use crate::places::{self, Held};
use crate::programs::{self, Programs};
use crate::screen::Screen;
use seams::{Compile, Control};

/// The bundles that a TaskManager keeps, in bytes; those that were used least lately go first.
const BUNDLES_BYTES: u64 = 1 << 30;

/// Runs a TaskManager until it is told to end.
pub(crate) fn perform(
    args: &TaskManagerArgs,
    clock: Clock,
    screen: &Screen,
) -> Result<Exit, Failure> {
    let config = config(args)?;
    let place = places::hold(places::task_manager(&config.taskmanager.data_dir)?)?;
    let id = machine::name(&config.taskmanager.name, &place.path)?;
    let wired = clock.clone();
    lifetime::live(
        Keeper::of_flag(args.with_parent),
        &clock,
        |stop| async move {
            let node = Start {
                token: args.join.as_deref(),
                config,
                place,
                id,
                clock: wired,
                screen,
            };
            node.run(stop).await
        },
    )
}

/// The configuration with the flags on top.
fn config(args: &TaskManagerArgs) -> Result<Config, Failure> {
    let path = |path: &std::path::PathBuf| path.display().to_string();
    let flags = [
        ("taskmanager.jobmanager", args.jobmanager.clone()),
        (
            "taskmanager.slots",
            args.slots.map(|slots| slots.to_string()),
        ),
        ("taskmanager.data-dir", args.data_dir.as_ref().map(path)),
        ("taskmanager.name", args.name.clone()),
        (
            "taskmanager.memory",
            args.memory.map(|size| size.to_string()),
        ),
        (
            "taskmanager.data",
            args.data.map(|address| address.to_string()),
        ),
        (
            "taskmanager.metrics",
            args.metrics.map(|address| address.to_string()),
        ),
    ];
    let flags: Vec<_> = flags
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect();
    let config = Config::read(args.config.as_deref(), &flags)?;
    if config.taskmanager.slots == 0 {
        return Err(Failure::unusable(
            "a TaskManager needs at least one slot; give it `--slots 1`",
        ));
    }
    if config.taskmanager.task_niceness > 19 {
        return Err(Failure::unusable(
            "taskmanager.task-niceness is a niceness from 0 to 19",
        ));
    }
    Ok(config)
}

/// Where tasks keep their state, below the data directory.
const STATE: &str = "state";

/// A TaskManager that starts.
struct Start<'a> {
    token: Option<&'a str>,
    config: Config,
    place: Held,
    id: TaskManagerId,
    clock: Clock,
    screen: &'a Screen,
}

impl Start<'_> {
    async fn run(mut self, stop: CancelToken) -> Result<Exit, Failure> {
        // What tasks of a process that was killed kept there; the directory is this process's alone.
        places::clear(&self.place.path.join(STATE))?;
        let job_manager = seams::resolve(&self.config.taskmanager.jobmanager)
            .await
            .map_err(Failure::unusable)?;
        let identity = self.identity(job_manager).await?;
        let (endpoint, listener) = self.listen(identity)?;
        let bound = endpoint.local_addr().map_err(|error| {
            Failure::failed(format!("ask for the address of the data plane: {error}"))
        })?;
        let data = advertised(bound, job_manager);
        let plane = self.plane(&endpoint);
        let metrics = metrics::bind(&self.config.taskmanager, &self.clock).await?;
        serve_data(listener, plane.clone());
        let environment = self.environment(job_manager, &endpoint, &plane)?;
        let control = Arc::clone(&environment.1);
        let options = self.options(data);
        let (handle, mut actor) = executor::start(options, environment.0);
        control.serve(handle.clone());
        let _metrics = metrics.map(|metrics| metrics.serve(handle.clone(), self.screen, &stop));
        self.place.keep();
        self.screen.say(&format!(
            "TaskManager `{}` with {} slots runs; its data plane is at {data}, its JobManager at {job_manager}",
            self.id, self.config.taskmanager.slots
        ));
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => {
                handle.shut_down().await;
                Ok(Exit::Finished)
            }
            ended = actor.join() => match ended {
                Ok(()) => Ok(Exit::Finished),
                Err(panicked) => Err(Failure::failed(story(&panicked))),
            }
        };
        plane.close("the TaskManager ends");
        endpoint.close("the TaskManager ends").await;
        ended
    }

    async fn identity(&self, job_manager: SocketAddr) -> Result<Identity, Failure> {
        let token = self.token.map(str::parse).transpose();
        let join = Join {
            job_manager,
            token: token.map_err(|error| Failure::unusable(story(&error)))?,
            id: self.id.clone(),
            data_dir: self.place.path.clone(),
            endpoint: endpoint::Options::default(),
        };
        let identity = join::identity(&join, &self.clock).await;
        identity.map_err(|error| Failure::failed(story(&error)))
    }

    fn listen(&self, identity: Identity) -> Result<(Endpoint, Listener), Failure> {
        let listening = Endpoint::listen(
            self.config.taskmanager.data,
            identity,
            &[remote::protocol(End::Producer)],
            endpoint::Options::default(),
            &self.clock,
        );
        listening.map_err(|error| unusable_address(&error, "--data", "taskmanager.data"))
    }

    fn plane(&self, endpoint: &Endpoint) -> DataPlane {
        let network = &self.config.network;
        let options = remote::Options {
            memory: remote::buffers_within(network.memory),
            connections: network.connections,
            max_record_bytes: self.limits().record_bytes,
            ..remote::Options::default()
        };
        let dialer = Dialer::new(endpoint.clone());
        DataPlane::new(self.id.clone(), options, self.clock.clone(), dialer)
    }

    fn environment(
        &self,
        job_manager: SocketAddr,
        endpoint: &Endpoint,
        plane: &DataPlane,
    ) -> Result<(Environment, Arc<Control>), Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::failed(story(error));
        let wasm = &self.config.wasm;
        let cache_dir = self.place.path.join("compiled");
        let engine = Engine::new(EngineOptions {
            cache_dir: Some(cache_dir.clone()),
            clock: self.clock.clone(),
            ..EngineOptions::default()
        });
        let compiler = Programs::new(
            programs::Options {
                program: programs::Options::this_program().map_err(Failure::failed)?,
                cache_dir,
                memory: wasm.compile_memory,
                timeout: wasm.compile_timeout.0,
                bundle_limit: wasm.bundle,
            },
            self.clock.clone(),
        );
        let directory = self.place.path.join("bundles");
        let blobs = Blobs::open(directory, wasm.bundle.0, BUNDLES_BYTES, self.clock.clone());
        let bundles = Bundles::new(
            blobs.map_err(|error| failed(&error))?,
            Arc::new(Compile(compiler)),
            engine.map_err(|error| failed(&error))?,
            self.limits(),
        );
        let control = Arc::new(Control::new(
            endpoint.clone(),
            self.config.taskmanager.jobmanager.clone(),
            self.config.heartbeat.options()?,
            self.clock.clone(),
        ));
        let environment = Environment {
            connect: Arc::clone(&control) as _,
            channels: Arc::new(plane.clone()),
            programs: Arc::new(bundles),
            access: self.config.connectors.file.access(job_manager.ip())?,
            clock: self.clock.clone(),
            rng: Rng::from_entropy(),
        };
        Ok((environment, control))
    }

    fn options(&self, data: SocketAddr) -> wasmill_taskmanager::Options {
        let (own, network) = (&self.config.taskmanager, &self.config.network);
        wasmill_taskmanager::Options {
            host: machine::host(),
            data: Some(data),
            slots: own.slots,
            memory: slot_memory(own.memory.0, network.memory.0, own.slots),
            state_directory: self.place.path.join(STATE),
            local_recovery: self.config.state.local_recovery,
            backend: self.config.state.backend,
            rocks: self.config.state.rocksdb(),
            storage: self.config.checkpoint_storage.options(),
            hardware: machine::hardware(),
            task: wasmill_task::Options {
                channel_capacity: network.channel_capacity,
                frame_bytes: u32::try_from(network.frame_bytes.0).unwrap_or(u32::MAX),
                buffer_timeout: network.buffer_timeout.0,
                cache_bytes: self.config.state.cache_bytes.0,
                max_record_bytes: self.limits().record_bytes,
                niceness: own.task_niceness,
                state: wasmill_state::Options {
                    max_disk_bytes: self.config.state.max_disk_bytes,
                    ..wasmill_state::Options::default()
                },
                ..wasmill_task::Options::default()
            },
            cancel_timeout: self.config.jobmanager.cancellation_timeout.0,
            registration_timeout: own.registration_timeout.0,
            ..wasmill_taskmanager::Options::named(self.id.clone())
        }
    }

    fn limits(&self) -> Limits {
        self.config.wasm.limits()
    }
}

/// What each slot may use of a TaskManager's memory: guests get three quarters, keyed state outside of
/// them one.
fn slot_memory(memory: u64, network: u64, slots: u32) -> SlotMemory {
    let slots = u64::from(slots.max(1));
    let share = memory.saturating_sub(network) / slots;
    let guest = share / 4 * 3;
    SlotMemory {
        guest,
        cache: guest / 4,
        network: network / slots,
        state: share / 4,
    }
}

/// The address under which others reach a socket that may listen on all of them: the one from which the
/// JobManager is reached.
fn advertised(bound: SocketAddr, job_manager: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let any: IpAddr = match job_manager {
        SocketAddr::V4(_) => [0, 0, 0, 0].into(),
        SocketAddr::V6(_) => [0_u16; 8].into(),
    };
    // Connecting a datagram socket sends nothing; it asks the machine for the way.
    let probe = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(job_manager)?;
        socket.local_addr()
    });
    let ip = probe.map_or_else(|_| bound.ip(), |local| local.ip());
    SocketAddr::new(ip, bound.port())
}

/// Hands the connections of other TaskManagers to the data plane.
fn serve_data(mut listener: Listener, plane: DataPlane) {
    drop(actors::spawn(
        ActorKind::Listener,
        "data plane",
        async move {
            while let Some(outcome) = listener.accept().await {
                match outcome {
                    Ok(link) => {
                        if let Some(Node::TaskManager(name)) = link.peer {
                            let peer = PeerAddr {
                                name,
                                address: link.remote,
                            };
                            plane.serve(peer, link.connection);
                        }
                    }
                    Err(refused) => tracing::warn!("{refused}"),
                }
            }
        },
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_share_what_the_network_leaves() {
        let memory = slot_memory(4 << 30, 1 << 30, 3);
        assert_eq!((memory.guest, memory.state), (768 << 20, 256 << 20));
        assert_eq!(memory.cache * 4, memory.guest);
        assert_eq!(slot_memory(1, 2, 0).total(), 2);
    }

    #[test]
    fn a_socket_on_all_addresses_is_reached_by_the_one_that_leads_to_the_job_manager() {
        for (bound, job_manager, expected) in [
            ("127.0.0.1:7", "127.0.0.1:1", "127.0.0.1:7"),
            ("0.0.0.0:7", "127.0.0.1:1", "127.0.0.1:7"),
        ] {
            let found = advertised(bound.parse().unwrap(), job_manager.parse().unwrap());
            assert_eq!(found, expected.parse().unwrap());
        }
    }
}
