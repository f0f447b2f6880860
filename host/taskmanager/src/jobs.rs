//! The book of a TaskManager: which jobs have attempts here, who leads them, and which slots they are in.
//! Pure but for the cancel tokens, which it uses.
//!
//! The executor asks it for every decision. Invariants: a leader that was replaced changes nothing; an
//! attempt is accepted once; a slot holds live attempts of one job only; an attempt that was asked to stop
//! has a time by which it must have ended.

mod slots;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;
use wasmill_actor::CancelToken;
use wasmill_graph::Vertex;
use wasmill_rpc::protocol::{Deploy, JobDescription, SlotUse, TaskPlace};
use wasmill_task::watched::Watched;
use wasmill_types::ExecutionState;
use wasmill_types::id::{AttemptId, JobId, LeaderId, RegistrationId, SlotId, VertexId};

use crate::deploy;
use crate::logs::Log;
use slots::Slots;

/// How many replaced leaders of a job are remembered: as many takeovers may be in flight at once.
const REPLACED_LEADERS: usize = 16;

/// Why a message was not obeyed.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Another JobMaster leads the job by now.
    #[error("leader {leader} of job {job} was replaced")]
    Replaced {
        /// The job.
        job: JobId,
        /// Who is not its leader any more.
        leader: LeaderId,
    },
    /// A later attempt of the subtask was deployed.
    #[error("attempt {0} is older than one that was deployed here")]
    Outdated(AttemptId),
    /// The TaskManager has fewer slots.
    #[error("there is no slot {slot}; this TaskManager has {slots}, counted from 0")]
    NoSuchSlot {
        /// The slot that was meant.
        slot: SlotId,
        /// How many there are.
        slots: u32,
    },
    /// Another job has the slot.
    #[error("slot {slot} is in use by job {holder}")]
    SlotTaken {
        /// The slot that was meant.
        slot: SlotId,
        /// Who has it.
        holder: JobId,
    },
    /// A task that did not end is still in the slot.
    #[error("slot {0} is lost: a cancelled task in it has not ended; restart this TaskManager")]
    SlotLost(SlotId),
    /// The TaskManager is not registered, so it could tell nobody how tasks go.
    #[error("this TaskManager is not registered at a JobManager")]
    NotRegistered,
    /// The TaskManager ends.
    #[error("this TaskManager is shutting down")]
    ShuttingDown,
    /// It was tried, and could not be done.
    #[error("{0}")]
    Failed(String),
}

/// What an accepted deployment has to start.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The tasks and what stops them; empty when all of them were accepted before.
    pub(crate) tasks: Vec<(TaskPlace, CancelToken)>,
    /// Where they log.
    pub(crate) log: Arc<Log>,
    /// The job's other tasks that live in slots here.
    pub(crate) neighbours: Vec<(VertexId, SlotId)>,
    /// The deployments that these tasks replace.
    pub(crate) replaced: BTreeSet<u32>,
}

/// An attempt.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Who deployed it.
    pub(crate) leader: LeaderId,
    /// The registration under which it was deployed; another one knows nothing of it.
    pub(crate) registration: RegistrationId,
    pub(crate) slot: SlotId,
    /// The number of the deployment within the job.
    run: u32,
    pub(crate) cancel: CancelToken,
    pub(crate) state: ExecutionState,
    /// Its counters, once it has a thread.
    pub(crate) watched: Option<Watched>,
    /// When it is abandoned unless it has ended; none while it may run.
    end_by: Option<Duration>,
    /// Whether its thread is given up.
    pub(crate) is_abandoned: bool,
}

/// A job, and of each of its vertices the id over REST and the name.
pub(crate) type Named<'a> = (Arc<JobDescription>, &'a [(String, String)]);

/// A job with attempts here.
#[derive(Debug)]
struct Job {
    leader: LeaderId,
    replaced: VecDeque<LeaderId>,
    description: Arc<JobDescription>,
    /// The ids over REST and the names of its vertices, once somebody has asked.
    vertices: OnceLock<Vec<(String, String)>>,
    log: Arc<Log>,
    /// Whether it goes as soon as its attempts have ended.
    is_released: bool,
    /// Those that live, and of each subtask the last.
    attempts: BTreeMap<AttemptId, Attempt>,
    /// The deployments whose channels may be of use.
    runs: BTreeSet<u32>,
}

/// All jobs with attempts here, and the slots.
#[derive(Debug)]
pub(crate) struct Jobs {
    jobs: HashMap<JobId, Job>,
    /// What jobs that are gone have logged, the oldest first: that is looked at when one has failed.
    logs: VecDeque<(JobId, Arc<Log>)>,
    slots: Slots,
    cancel_timeout: Duration,
}

/// How many jobs that are gone have a log; with their lines' limits some 16 MiB.
const KEPT_LOGS: usize = 64;

impl Jobs {
    pub(crate) fn new(slots: u32, cancel_timeout: Duration) -> Self {
        Self {
            jobs: HashMap::new(),
            logs: VecDeque::new(),
            slots: Slots::new(slots),
            cancel_timeout,
        }
    }

    /// Whether a JobMaster leads a job; a new one stops what the one before has started.
    ///
    /// # Errors
    /// When it was replaced.
    pub(crate) fn follow(
        &mut self,
        job: JobId,
        leader: LeaderId,
        now: Duration,
    ) -> Result<(), Refused> {
        let end_by = now + self.cancel_timeout;
        let Some(known) = self.jobs.get_mut(&job) else {
            return Ok(());
        };
        if known.leader == leader {
            return Ok(());
        }
        if known.replaced.contains(&leader) {
            return Err(Refused::Replaced { job, leader });
        }
        if known.replaced.len() == REPLACED_LEADERS {
            known.replaced.pop_front();
        }
        known.replaced.push_back(known.leader);
        known.leader = leader;
        let attempts = known.attempts.values_mut();
        attempts.for_each(|attempt| attempt.stop(end_by));
        Ok(())
    }

    /// Takes a deployment into the book. The caller has asked [`Jobs::follow`].
    ///
    /// # Errors
    /// When an attempt is outdated, or a slot is not free for the job; nothing is accepted then.
    pub(crate) fn accept(
        &mut self,
        deploy: &Deploy,
        registration: RegistrationId,
    ) -> Result<Accepted, Refused> {
        let id = deploy.job.job;
        let mut tasks = Vec::new();
        for place in &deploy.tasks {
            match self.newest(attempt_of(id, place)) {
                Some(newest) if newest > place.attempt => {
                    return Err(Refused::Outdated(attempt_of(id, place)));
                }
                Some(newest) if newest == place.attempt => {}
                _ => {
                    self.slots.check(place.slot, id)?;
                    tasks.push((*place, CancelToken::new()));
                }
            }
        }
        if !tasks.is_empty() && tasks.len() != deploy.tasks.len() {
            // Those that came with an earlier message have their channels already.
            let problem = "the deployment repeats a part of another one; please report this bug";
            return Err(Refused::Failed(problem.to_owned()));
        }
        let job = self.jobs.entry(id).or_insert_with(|| Job {
            leader: deploy.leader,
            replaced: VecDeque::new(),
            description: Arc::new(deploy.job.clone()),
            vertices: OnceLock::new(),
            log: Arc::default(),
            is_released: false,
            attempts: BTreeMap::new(),
            runs: BTreeSet::new(),
        });
        job.is_released = false;
        let live = job.attempts.iter().filter(|(_, known)| !known.is_over());
        let neighbours = live
            .map(|(other, known)| (other.vertex, known.slot))
            .collect();
        let mut replaced = BTreeSet::new();
        for (place, cancel) in &tasks {
            let attempt = attempt_of(id, place);
            // What is over is remembered only until a later attempt takes its place.
            let older = job.attempts.extract_if(.., |other, known| {
                is_same_subtask(*other, attempt) && known.is_over()
            });
            replaced.extend(older.map(|(_, known)| known.run));
            self.slots.enter(place.slot, id);
            let attempt_record = Attempt {
                leader: deploy.leader,
                registration,
                slot: place.slot,
                run: deploy.run,
                cancel: cancel.clone(),
                state: ExecutionState::Deploying,
                watched: None,
                end_by: None,
                is_abandoned: false,
            };
            job.attempts.insert(attempt, attempt_record);
            job.runs.insert(deploy.run);
        }
        replaced.retain(|run| job.runs.remove(run));
        Ok(Accepted {
            tasks,
            log: Arc::clone(&job.log),
            neighbours,
            replaced,
        })
    }

    /// An attempt that is in the book.
    pub(crate) fn attempt(&mut self, id: AttemptId) -> Option<&mut Attempt> {
        self.jobs.get_mut(&id.job)?.attempts.get_mut(&id)
    }

    /// The description of a job with attempts here.
    pub(crate) fn description(&self, job: JobId) -> Option<Arc<JobDescription>> {
        Some(Arc::clone(&self.jobs.get(&job)?.description))
    }

    /// A job with attempts here, and what its vertices are called.
    pub(crate) fn names(&self, job: JobId) -> Option<Named<'_>> {
        let job = self.jobs.get(&job)?;
        let vertices = job.vertices.get_or_init(|| {
            // It was made before, to deploy the tasks; without it there would be none to name.
            let graph = deploy::graph(&job.description);
            let vertices = graph.map(|graph| graph.vertices).unwrap_or_default();
            let named = |vertex: Vertex| (vertex.uid.to_string(), vertex.name);
            vertices.into_iter().map(named).collect()
        });
        Some((Arc::clone(&job.description), vertices))
    }

    /// The log of a job, also of one that is gone.
    pub(crate) fn log(&self, job: JobId) -> Option<Arc<Log>> {
        let here = self.jobs.get(&job).map(|job| &job.log);
        let gone = || {
            let mut gone = self.logs.iter().rev();
            gone.find_map(|(id, log)| (*id == job).then_some(log))
        };
        here.or_else(gone).map(Arc::clone)
    }

    /// The thread of an attempt has ended in a state; of no abandoned one, or there never was a thread.
    pub(crate) fn end(&mut self, id: AttemptId, state: ExecutionState) {
        let Some(attempt) = self.attempt(id) else {
            return;
        };
        let slot = attempt.slot;
        let was_abandoned = std::mem::take(&mut attempt.is_abandoned);
        if !was_abandoned && attempt.is_over() {
            return;
        }
        if !was_abandoned {
            attempt.state = state;
        }
        self.slots.leave(slot, was_abandoned);
        self.forget_if_over(id.job);
    }

    /// Asks attempts of a job to stop.
    pub(crate) fn cancel(&mut self, attempts: &[AttemptId], now: Duration) {
        let end_by = now + self.cancel_timeout;
        for &id in attempts {
            if let Some(attempt) = self.attempt(id) {
                attempt.stop(end_by);
            }
        }
    }

    /// The deployment of an attempt that has just ended, if with it all channels of the deployment have
    /// lost their use: nothing of it lives here, and the others will not read what it made. Told once.
    pub(crate) fn useless_run(&mut self, id: AttemptId) -> Option<u32> {
        let job = self.jobs.get_mut(&id.job)?;
        let run = job.attempts.get(&id)?.run;
        let mut of_run = job.attempts.values().filter(|attempt| attempt.run == run);
        let is_finished = |attempt: &Attempt| attempt.state == ExecutionState::Finished;
        let all_finished = of_run.clone().all(is_finished);
        let is_useless = of_run.all(Attempt::is_over) && !all_finished;
        (is_useless && job.runs.remove(&run)).then_some(run)
    }

    /// The deployments of a job whose channels may be of use.
    pub(crate) fn runs(&self, id: JobId) -> BTreeSet<u32> {
        let job = self.jobs.get(&id);
        job.map(|job| job.runs.clone()).unwrap_or_default()
    }

    /// Stops all attempts of a job, and forgets it when they have ended.
    pub(crate) fn release(&mut self, id: JobId, now: Duration) {
        let end_by = now + self.cancel_timeout;
        if let Some(job) = self.jobs.get_mut(&id) {
            job.is_released = true;
            job.attempts
                .values_mut()
                .for_each(|attempt| attempt.stop(end_by));
            self.forget_if_over(id);
        }
    }

    /// Releases all jobs.
    pub(crate) fn release_all(&mut self, now: Duration) {
        let jobs: Vec<JobId> = self.jobs.keys().copied().collect();
        jobs.into_iter().for_each(|job| self.release(job, now));
    }

    /// Gives up the threads whose time is over; which attempts they were.
    pub(crate) fn abandon(&mut self, now: Duration) -> Vec<AttemptId> {
        let mut abandoned = Vec::new();
        for job in self.jobs.values_mut() {
            for (id, attempt) in &mut job.attempts {
                let is_late = attempt.end_by.is_some_and(|end_by| end_by <= now);
                if is_late && !attempt.is_over() {
                    attempt.is_abandoned = true;
                    attempt.state = ExecutionState::Failed;
                    self.slots.lose(attempt.slot);
                    abandoned.push(*id);
                }
            }
        }
        abandoned
    }

    /// When the next thread is to be given up.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let attempts = self.jobs.values().flat_map(|job| job.attempts.values());
        let live = attempts.filter(|attempt| !attempt.is_over());
        live.filter_map(|attempt| attempt.end_by).min()
    }

    /// How many attempts have not ended and are not given up.
    pub(crate) fn live(&self) -> usize {
        self.watched()
            .filter(|(_, attempt)| !attempt.is_over())
            .count()
    }

    /// All attempts.
    pub(crate) fn watched(&self) -> impl Iterator<Item = (AttemptId, &Attempt)> {
        let jobs = self.jobs.values();
        jobs.flat_map(|job| job.attempts.iter().map(|(id, attempt)| (*id, attempt)))
    }

    /// The slots in use.
    pub(crate) fn slots(&self) -> Vec<SlotUse> {
        self.slots.in_use()
    }

    /// The last attempt of a subtask that was deployed here.
    fn newest(&self, id: AttemptId) -> Option<u32> {
        let attempts = &self.jobs.get(&id.job)?.attempts;
        let same = attempts.keys().filter(|other| is_same_subtask(**other, id));
        same.map(|other| other.attempt).max()
    }

    fn forget_if_over(&mut self, id: JobId) {
        let is_over = self.jobs.get(&id).is_some_and(|job| {
            let mut attempts = job.attempts.values();
            job.is_released && attempts.all(|attempt| attempt.is_over() && !attempt.is_abandoned)
        });
        if is_over && let Some(job) = self.jobs.remove(&id) {
            self.logs.retain(|(known, _)| *known != id);
            self.logs.push_back((id, job.log));
            if self.logs.len() > KEPT_LOGS {
                self.logs.pop_front();
            }
        }
        let released = |job: &Job| job.is_released;
        if self.jobs.get(&id).is_none_or(released) {
            self.slots.release(id);
        }
    }
}

impl Attempt {
    /// Whether it has ended or was given up.
    pub(crate) fn is_over(&self) -> bool {
        self.state.is_terminal()
    }

    fn stop(&mut self, end_by: Duration) {
        if self.is_over() || self.end_by.is_some() {
            return;
        }
        self.end_by = Some(end_by);
        self.cancel.cancel();
    }
}

/// The attempt that a place is for.
pub(crate) fn attempt_of(job: JobId, place: &TaskPlace) -> AttemptId {
    AttemptId {
        job,
        vertex: place.vertex,
        subtask: place.subtask,
        attempt: place.attempt,
    }
}

fn is_same_subtask(one: AttemptId, other: AttemptId) -> bool {
    (one.vertex, one.subtask) == (other.vertex, other.subtask)
}

#[cfg(test)]
mod tests;
