//! Keeps a TaskManager registered: connects, registers, sends heartbeats, and begins again.
//!
//! An actor of its own, so that a JobManager that does not answer holds up nothing else. Invariant: the
//! executor hears of each registration once, and of its loss once, in this order.

use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::{Address, Clock, Gone, Rng};
use wasmill_network::endpoint::CloseCode;
use wasmill_rpc::CallErrorKind;
use wasmill_rpc::heartbeat::{self, Monitor};
use wasmill_rpc::protocol::{Acknowledged, Registered};

use crate::executor::Message;
use crate::gateway::{Connect, JobManager};
use crate::options::Options;

/// What the link needs.
pub(crate) struct Link {
    pub(crate) options: Arc<Options>,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) executor: Address<Message>,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
}

impl Link {
    /// Runs until the executor has ended.
    pub(crate) async fn run(mut self) {
        let mut failures = 0;
        while self.once(&mut failures).await.is_ok() {
            let pause = self.options.pause(failures, &mut self.rng);
            failures += 1;
            self.clock.sleep(pause).await;
        }
    }

    /// One registration, from the connection to its loss.
    async fn once(&self, failures: &mut u32) -> Result<(), Gone> {
        let (job_manager, registered) = match self.register().await? {
            Ok(registered) => registered,
            Err(error) => {
                tracing::warn!(%error, failures, "not registered at the JobManager, try again");
                return Ok(());
            }
        };
        *failures = 0;
        let registration = registered.registration;
        tracing::info!(%registration, "registered at the JobManager");
        let linked = Message::Linked(job_manager.clone(), registration);
        self.executor.send(linked).await?;
        // A heartbeat that is dropped with the lease's end was sent to a process that is not there.
        let reason = tokio::select! {
            biased;
            reason = self.connect.hold(registration) => {
                job_manager.close(CloseCode::Lost, &reason);
                reason
            }
            reason = self.beat(&job_manager, registered) => reason?,
        };
        tracing::warn!(reason, "lost the JobManager");
        self.executor.send(Message::Lost(registration)).await
    }

    async fn register(&self) -> Result<Result<(JobManager, Registered), String>, Gone> {
        let timeout = self.options.call_timeout;
        let job_manager = match self.clock.timeout(timeout, self.connect.connect()).await {
            Ok(Ok(job_manager)) => job_manager,
            Ok(Err(error)) => return Ok(Err(error)),
            Err(elapsed) => return Ok(Err(elapsed.to_string())),
        };
        // What was deployed before is nobody's any more, and must not be in the way of what comes.
        self.executor.ask(Message::Clear).await?;
        let registered = job_manager.call(self.options.register(), timeout).await;
        Ok(match registered {
            Ok(registered) => Ok((job_manager, registered)),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Sends heartbeats until they are answered no longer; says why.
    async fn beat(&self, job_manager: &JobManager, registered: Registered) -> Result<String, Gone> {
        let options = heartbeat_options(&registered);
        let mut monitor = Monitor::new(&options, self.clock.monotonic());
        loop {
            let next = self.clock.monotonic() + options.interval();
            tokio::select! {
                biased;
                reason = job_manager.closed() => return Ok(reason),
                () = self.clock.sleep_until(next.min(monitor.due())) => {}
            }
            let status = self.executor.ask(Message::Status).await?;
            let heartbeat = status.heartbeat(registered.registration);
            // It ends by the monitor's own deadline, so that one who hangs is not waited for longer.
            let left = monitor.due().saturating_sub(self.clock.monotonic());
            let loss = match job_manager.call(heartbeat, left).await {
                Ok(Acknowledged::Taken) => {
                    monitor.heard(self.clock.monotonic());
                    None
                }
                Ok(Acknowledged::Stale) => return Ok("it does not know us any more".to_owned()),
                Err(error) => match error.kind {
                    CallErrorKind::Disconnected { reason } => return Ok(reason),
                    CallErrorKind::Timeout(_) => None,
                    CallErrorKind::Refused(_) | CallErrorKind::Malformed(_) => {
                        monitor.failed(&error.to_string())
                    }
                },
            };
            if let Some(loss) = loss.or_else(|| monitor.check(self.clock.monotonic())) {
                return Ok(loss.to_string());
            }
        }
    }
}

/// How often the JobManager wants to hear of us; our own defaults where it wants what cannot be.
fn heartbeat_options(registered: &Registered) -> heartbeat::Options {
    let interval = Duration::from_millis(registered.heartbeat_interval_ms);
    let timeout = Duration::from_millis(registered.heartbeat_timeout_ms);
    heartbeat::Options::told(interval, timeout).unwrap_or_else(|error| {
        tracing::warn!(%error, "the JobManager's heartbeats are not used");
        heartbeat::Options::default()
    })
}
