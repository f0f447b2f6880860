//! The JobManager as others see it: REST and the CLI ask here, TaskManagers call here.
//!
//! [`Handle::start`] starts the actors. Invariants: looking never waits; everything that waits has a
//! timeout; a tenant's jobs and bundles are found by that tenant only.

mod calls;
mod error;
pub mod lookup;
mod recover;
mod rescale;
mod snapshots;
mod submit;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::watch;
use wasmill_actor::actors::{self, Actor, ActorKind};
use wasmill_actor::{Address, Clock, Gone, Panicked, Reply, Rng, mailbox};
use wasmill_checkpoint::Storage;
use wasmill_rpc::protocol::{JobLog, LogLine};
use wasmill_types::JobStatus;
use wasmill_types::id::{JobId, TenantId};

use crate::bundles::Bundles;
use crate::dispatcher::{self, Directory, Entry};
use crate::jobs::JobStore;
use crate::master;
use crate::options::Options;
use crate::programs::Programs;
use crate::resources::{self, ResourceProvider, TaskManagerViews};
use crate::view::{BundleView, JobView};

pub use error::JobManagerError;
pub use rescale::Rescaled;
pub use submit::{RunRequest, Submission};

/// How long an actor may take to answer.
const ASK: Duration = Duration::from_secs(10);
/// How long a TaskManager may take to tell log lines.
const LOG: Duration = Duration::from_secs(5);
/// The most log lines that are asked for.
const MAX_LOG_LINES: u32 = 10_000;
/// How long jobs may take to be canceled when the JobManager ends.
const DRAIN: Duration = Duration::from_secs(15);

/// What a JobManager is made of.
pub struct Parts {
    /// Its options.
    pub options: Options,
    /// What it needs to take bundles; none for one that takes none, as the embedded runner's.
    pub uploads: Option<Uploads>,
    /// Where TaskManagers come from.
    pub provider: Box<dyn ResourceProvider>,
    /// The clock.
    pub clock: Clock,
    /// The randomness of ids and delays.
    pub rng: Rng,
}

/// What a JobManager needs to take bundles.
pub struct Uploads {
    /// Where they are kept.
    pub data_dir: PathBuf,
    /// What looks into them.
    pub programs: Arc<dyn Programs>,
}

/// Reaches the JobManager; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

/// The actors without which the JobManager does not work.
#[derive(Debug)]
#[must_use = "wait for their end, which ends the process"]
pub struct Actors {
    dispatcher: Actor<()>,
    resources: Actor<()>,
}

struct Inner {
    options: Arc<Options>,
    dispatcher: Address<dispatcher::Message>,
    resources: Address<resources::Message>,
    directory: watch::Receiver<Directory>,
    task_managers: watch::Receiver<TaskManagerViews>,
    store: Option<Store>,
    storage: Storage,
    clock: Clock,
}

/// The bundles, and what looks into them.
struct Store {
    bundles: Bundles,
    programs: Arc<dyn Programs>,
    /// The jobs that run.
    jobs: Arc<JobStore>,
}

/// A bundle that is being uploaded.
pub struct Upload {
    /// Whose it is.
    pub tenant: TenantId,
    /// The file's name, as the user gave it; for people, never part of a path.
    pub file_name: String,
    /// The most bytes that may come; the options' limit holds as well.
    pub limit: u64,
    /// The bytes.
    pub bytes: Box<dyn AsyncRead + Send + Unpin>,
}

impl Handle {
    /// Starts a JobManager on the runtime that this is called on. Opening the store blocks for a moment.
    ///
    /// # Errors
    /// When the bundle store cannot be opened.
    pub fn start(parts: Parts) -> Result<(Self, Actors), JobManagerError> {
        let Parts {
            options,
            uploads,
            provider,
            clock,
            rng,
        } = parts;
        let options = Arc::new(options);
        let mut stored = Vec::new();
        let mut open = |uploads: Uploads| -> Result<Store, JobManagerError> {
            let opened = JobStore::open(&uploads.data_dir.join("jobs"));
            let (jobs, found) = opened.map_err(|error| JobManagerError::Internal(story(&error)))?;
            let needed = found.iter().filter_map(|job| job.description.bundle);
            let dir = uploads.data_dir.join("bundles");
            let bundles =
                Bundles::open(&dir, options.max_bundles, &needed.collect(), clock.clone())?;
            stored = found;
            Ok(Store {
                bundles,
                programs: uploads.programs,
                jobs: Arc::new(jobs),
            })
        };
        let store = uploads.map(&mut open).transpose()?;
        let storage = Storage::new(options.storage.clone(), clock.clone());
        let (views, task_managers) = watch::channel(TaskManagerViews::default());
        let (to_resources, from_others) = mailbox("ResourceManager", resources::MAILBOX);
        let setup = resources::Setup {
            options: Arc::clone(&options),
            provider,
            clock: clock.clone(),
            rng: rng.fork(0),
            views,
        };
        let work = resources::run(setup, from_others, to_resources.clone());
        let resources = actors::spawn(ActorKind::ResourceManager, "", work);
        let (listed, directory) = watch::channel(Directory::default());
        let (to_dispatcher, from_others) = mailbox("Dispatcher", dispatcher::MAILBOX);
        let setup = dispatcher::Setup {
            options: Arc::clone(&options),
            resources: to_resources.clone(),
            clock: clock.clone(),
            rng: rng.fork(1),
            storage: storage.clone(),
            jobs: store.as_ref().map(|store| Arc::clone(&store.jobs)),
            directory: listed,
        };
        let work = dispatcher::run(setup, from_others, to_dispatcher.clone());
        let dispatcher = actors::spawn(ActorKind::Dispatcher, "", work);
        let inner = Arc::new(Inner {
            options,
            dispatcher: to_dispatcher,
            resources: to_resources,
            directory,
            task_managers,
            store,
            storage,
            clock,
        });
        let started = Actors {
            dispatcher,
            resources,
        };
        let handle = Self { inner };
        handle.recover_all(stored);
        Ok((handle, started))
    }

    /// All jobs that are known, of all tenants.
    pub fn jobs(&self) -> Vec<Arc<JobView>> {
        let directory = Arc::clone(&self.inner.directory.borrow());
        directory.values().map(Entry::view).collect()
    }

    /// One job, of any tenant.
    pub fn job(&self, job: JobId) -> Option<Arc<JobView>> {
        self.entry(job).map(|entry| entry.view())
    }

    /// The TaskManagers.
    pub fn task_managers(&self) -> TaskManagerViews {
        Arc::clone(&self.inner.task_managers.borrow())
    }

    /// Asks a job to stop; answers when it has begun to. One that is canceled already is fine.
    ///
    /// # Errors
    /// When there is no such job of the tenant, or it has ended otherwise.
    pub async fn cancel(&self, tenant: &TenantId, job: JobId) -> Result<(), JobManagerError> {
        let no_job = || JobManagerError::NotFound(format!("there is no job {job}"));
        let entry = self.entry(job).ok_or_else(no_job)?;
        let view = entry.view();
        if view.description.tenant != *tenant {
            return Err(no_job());
        }
        match (view.status, entry.master) {
            (JobStatus::Canceled, _) => Ok(()),
            (status, Some(master)) if !status.is_terminal() => {
                // One that ends at this moment has no JobMaster any more, and needs none.
                match self.ask(&master, master::Message::Cancel).await {
                    Err(JobManagerError::Unavailable(_)) => Ok(()),
                    done => done,
                }
            }
            (JobStatus::Reconciling, None) => {
                let give_up = |reply| dispatcher::Message::GiveUp(job, reply);
                match self.ask(&self.inner.dispatcher, give_up).await? {
                    true => Ok(()),
                    false => Err(JobManagerError::Conflict(format!(
                        "job {job} goes on at this moment; cancel it once more"
                    ))),
                }
            }
            (status, _) => Err(JobManagerError::Conflict(format!(
                "job {job} cannot be canceled: it is {status}"
            ))),
        }
    }

    /// Waits for the end of a job; none when it is not known. A job that ends the wait otherwise is
    /// [`JobStatus::Suspended`]. May be dropped at any time.
    pub async fn wait(&self, job: JobId) -> Option<Arc<JobView>> {
        let mut views = self.watch(job)?;
        let is_over =
            |view: &Arc<JobView>| view.status.is_terminal() || view.status == JobStatus::Suspended;
        let last = views
            .wait_for(is_over)
            .await
            .ok()
            .map(|view| Arc::clone(&view));
        // Nobody makes pictures any more: the last one stands.
        Some(last.unwrap_or_else(|| Arc::clone(&views.borrow())))
    }

    /// The pictures of a job as they come, for a caller that follows it.
    pub fn watch(&self, job: JobId) -> Option<watch::Receiver<Arc<JobView>>> {
        self.entry(job).map(|entry| entry.views)
    }

    /// The last lines that the tasks of a job have logged, oldest first.
    ///
    /// # Errors
    /// When there is no such job, or no TaskManager answers.
    pub async fn job_log(&self, job: JobId, lines: u32) -> Result<Vec<LogLine>, JobManagerError> {
        let no_job = || JobManagerError::NotFound(format!("there is no job {job}"));
        self.entry(job).ok_or_else(no_job)?;
        let lines = lines.min(MAX_LOG_LINES);
        let members = self
            .ask(&self.inner.resources, resources::Message::Members)
            .await?;
        let asked = members.into_iter().map(|member| {
            let call = async move { member.gateway.call(JobLog { job, lines }, LOG).await };
            actors::spawn(ActorKind::Errand, "job log", call)
        });
        let asked: Vec<_> = asked.collect();
        let mut log = Vec::new();
        for mut actor in asked {
            match actor.join().await {
                Ok(Ok(told)) => log.extend(told),
                Ok(Err(error)) => tracing::debug!(%error, "no log lines"),
                Err(panicked) => tracing::debug!(%panicked, "no log lines"),
            }
        }
        log.sort_by_key(|line| line.at_ms);
        log.drain(..log.len().saturating_sub(lines as usize));
        Ok(log)
    }

    /// The bundles of a tenant, newest first.
    pub fn bundles(&self, tenant: &TenantId) -> Vec<BundleView> {
        let store = self.inner.store.as_ref();
        store
            .map(|store| store.bundles.list(tenant))
            .unwrap_or_default()
    }

    /// Keeps a bundle once it was looked into.
    ///
    /// # Errors
    /// When it is too large, does not come whole, or cannot run here. Nothing is left of it then.
    pub async fn upload(&self, upload: Upload) -> Result<BundleView, JobManagerError> {
        let Store {
            bundles, programs, ..
        } = self.store()?;
        let limit = upload.limit.min(self.inner.options.max_bundle_bytes);
        let incoming = bundles.receive(upload.bytes, limit).await?;
        programs.validate(incoming.path()).await?;
        Ok(bundles
            .keep(incoming, upload.tenant, &upload.file_name)
            .await?)
    }

    /// Forgets a bundle; jobs that run it go on.
    ///
    /// # Errors
    /// When there is no such bundle of the tenant.
    pub fn delete_bundle(&self, tenant: &TenantId, id: &str) -> Result<(), JobManagerError> {
        Ok(self.store()?.bundles.delete(tenant, id)?)
    }

    /// Ends the JobManager in good order: no new jobs, actors ended. Jobs are suspended, so that a JobManager
    /// that starts on the same data directory goes on with them; without one they are canceled.
    pub async fn shutdown(&self) {
        let clock = &self.inner.clock;
        let _closed = self
            .ask(&self.inner.dispatcher, dispatcher::Message::Close)
            .await;
        let running = self.running();
        for (_, master) in &running {
            match self.inner.store {
                Some(_) => drop(master.send(master::Message::Suspend).await),
                None => drop(self.ask(master, master::Message::Cancel).await),
            }
        }
        let ended = async {
            for (job, _) in &running {
                self.wait(*job).await;
            }
        };
        if clock.timeout(DRAIN, ended).await.is_err() {
            for (job, master) in self.running() {
                tracing::warn!(job_id = %job, "job suspended: it did not end in time");
                let _ended_already = master.send(master::Message::Suspend).await;
            }
        }
        let gone = async {
            for (_, master) in &running {
                master.closed().await;
            }
        };
        let _late = clock.timeout(ASK, gone).await;
        let _stopped = self
            .ask(&self.inner.dispatcher, dispatcher::Message::Stop)
            .await;
        let _stopped = self
            .ask(&self.inner.resources, resources::Message::Stop)
            .await;
    }

    fn running(&self) -> Vec<(JobId, Address<master::Message>)> {
        let directory = Arc::clone(&self.inner.directory.borrow());
        let running = directory.iter();
        let running = running.filter_map(|(job, entry)| Some((*job, entry.master.clone()?)));
        running.collect()
    }

    fn entry(&self, job: JobId) -> Option<Entry> {
        self.inner.directory.borrow().get(&job).cloned()
    }

    fn store(&self) -> Result<&Store, JobManagerError> {
        let none = || JobManagerError::Unavailable("this JobManager keeps no bundles".to_owned());
        self.inner.store.as_ref().ok_or_else(none)
    }

    /// Asks an actor, for a bounded time.
    async fn ask<M, T>(
        &self,
        actor: &Address<M>,
        message: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, JobManagerError> {
        let answer = self.inner.clock.timeout(ASK, actor.ask(message)).await;
        let answer = answer.map_err(|late| {
            let busy = format!("the JobManager is busy: {late}");
            JobManagerError::TimedOut(busy)
        })?;
        answer.map_err(|gone: Gone| JobManagerError::Unavailable(gone.to_string()))
    }
}

/// An error with its causes, on one line.
fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Actors {
    /// Waits until one of them has ended, which is the JobManager's end.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn join(&mut self) -> Result<(), Panicked> {
        tokio::select! {
            biased;
            ended = self.dispatcher.join() => ended,
            ended = self.resources.join() => ended,
        }
    }
}

impl Entry {
    fn view(&self) -> Arc<JobView> {
        Arc::clone(&self.views.borrow())
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({:?}, {:?})", self.options, self.uploads)
    }
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uploads({})", self.data_dir.display())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tenant, file_name, ..
        } = self;
        write!(f, "Upload({file_name:?} of {tenant})")
    }
}

#[cfg(test)]
mod tests;
