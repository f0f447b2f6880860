//! What the TaskManager's crate leaves to the process: the connection to the JobManager, and the compiler.
//!
//! Invariant: a JobManager's name is looked up for each connection, so that it may move.

use std::future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::SetOnce;
use wasmill_actor::Clock;
use wasmill_network::endpoint::Endpoint;
use wasmill_network::endpoint::lease::{self, Lease};
use wasmill_network::identity::Node;
use wasmill_rpc::{NoBlobs, Services, control, heartbeat};
use wasmill_taskmanager::executor::Handle;
use wasmill_taskmanager::gateway::{Connect, Going, JobManager};
use wasmill_taskmanager::programs::Compiler;
use wasmill_types::id::RegistrationId;

use crate::failure::story;
use crate::internal::Answer;
use crate::programs::Programs;

/// Connects with the JobManager over the network.
#[derive(Debug)]
pub(super) struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    /// A name and a port, looked up for each connection: the JobManager may have moved.
    job_manager: String,
    heartbeat: heartbeat::Options,
    clock: Clock,
    /// Who serves the JobManager's calls; there a moment after this is.
    executor: SetOnce<Handle>,
}

impl Control {
    pub(super) fn new(
        endpoint: Endpoint,
        job_manager: String,
        heartbeat: heartbeat::Options,
        clock: Clock,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                endpoint,
                job_manager,
                heartbeat,
                clock,
                executor: SetOnce::new(),
            }),
        }
    }

    /// Serves the JobManager's calls with this executor, from now on.
    pub(super) fn serve(&self, executor: Handle) {
        // It is set once, by whoever has started the executor.
        let _ = self.inner.executor.set(executor);
    }
}

impl Inner {
    async fn lease(&self, registration: RegistrationId) -> Result<Lease, String> {
        let identity = self.endpoint.identity();
        let identity = identity.ok_or_else(|| "the TaskManager has not joined".to_owned())?;
        let address = resolve(&self.job_manager).await?;
        let whom = Node::JobManager;
        let lease = lease::hold(address, identity, whom, registration.0, &self.clock).await;
        lease.map_err(|error| story(&error))
    }
}

impl Connect for Control {
    fn connect(&self) -> Going<Result<JobManager, String>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            // There in a moment; the caller does not wait for ever.
            let executor = inner.executor.wait().await.clone();
            let address = resolve(&inner.job_manager).await?;
            let services = |_: &_| Services {
                handler: Arc::new(executor),
                blobs: Arc::new(NoBlobs),
            };
            let connected = control::connect(
                &inner.endpoint,
                address,
                &inner.heartbeat,
                &inner.clock,
                services,
            );
            let peer = connected.await.map_err(|error| story(&error))?;
            Ok(JobManager::from(peer))
        })
    }

    fn hold(&self, registration: RegistrationId) -> Going<String> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            match inner.lease(registration).await {
                Ok(lease) => lease.ended().await,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "no lease at the JobManager: the end of its process is noticed by heartbeats only"
                    );
                    future::pending().await
                }
            }
        })
    }
}

/// The address behind a name and a port.
pub(super) async fn resolve(name: &str) -> Result<SocketAddr, String> {
    let found = tokio::net::lookup_host(name).await;
    let mut found = found.map_err(|error| {
        format!("`{name}` is not an address of a JobManager, a name and a port: {error}")
    })?;
    found
        .next()
        .ok_or_else(|| format!("there is no address behind `{name}`"))
}

/// Compiles bundles in child processes.
pub(super) struct Compile(pub(super) Programs);

impl Compiler for Compile {
    fn compile(&self, bundle: PathBuf) -> Going<Result<(), String>> {
        let programs = self.0.clone();
        Box::pin(async move {
            match programs.ask("compile", &bundle, &[]).await? {
                Answer::Compiled | Answer::Described(_) => Ok(()),
                Answer::Refused(reason) | Answer::Failed(reason) => Err(reason),
            }
        })
    }
}
