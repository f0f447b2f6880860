//! What was asked for and is answered later: checkpoints, savepoints, disposals, by the id that the caller
//! polls with.
//!
//! One registry per server, of all tenants. Invariants: a tenant finds its own operations only; an
//! operation ends once, also when its work panics; what has ended stays readable for [`KEPT_FOR`], also
//! after its job; a tenant has at most [`MAX_PER_TENANT`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmill_actor::actors::{self, ActorKind};
use wasmill_actor::{Clock, rng};
use wasmill_types::id::{JobId, TenantId};

use crate::error::ApiError;

/// How long an operation that has ended can be asked for (Flink's `rest.async.store-duration`).
const KEPT_FOR: Duration = Duration::from_secs(300);

/// How many operations a tenant may have, those that have ended included.
const MAX_PER_TENANT: usize = 256;

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// A checkpoint of a job.
    Checkpoint(JobId),
    /// A savepoint of a job, after which it may stop.
    Savepoint(JobId),
    /// Another parallelism for a job.
    Rescaling(JobId),
    /// The removal of a savepoint.
    Disposal,
}

/// An operation's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TriggerId(pub(crate) u128);

impl std::fmt::Display for TriggerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What an operation has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Done {
    /// The checkpoint or savepoint that was taken.
    pub(crate) checkpoint: Option<u64>,
    /// Where it is.
    pub(crate) location: Option<String>,
    /// How long the job did not run.
    pub(crate) downtime: Option<Duration>,
}

/// How an operation ended: what it has done, or why it has not, for people.
pub(crate) type Ended = Result<Done, String>;

/// All operations.
#[derive(Debug)]
pub(crate) struct Operations {
    clock: Clock,
    known: Mutex<BTreeMap<Key, Operation>>,
}

type Key = (TenantId, Scope, TriggerId);

#[derive(Debug)]
enum Operation {
    UnderWay,
    Ended { result: Ended, at: Duration },
}

impl Operations {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            known: Mutex::default(),
        })
    }

    /// How an operation stands: none when it is not known, none within while it is under way.
    pub(crate) fn find(
        &self,
        tenant: &TenantId,
        scope: Scope,
        id: TriggerId,
    ) -> Option<Option<Ended>> {
        let mut known = self.known();
        expire(&mut known, self.clock.monotonic());
        let operation = known.get(&(tenant.clone(), scope, id))?;
        Some(match operation {
            Operation::UnderWay => None,
            Operation::Ended { result, .. } => Some(result.clone()),
        })
    }

    /// Starts work under an id of its own, or under the caller's.
    pub(crate) fn start(
        self: &Arc<Self>,
        tenant: &TenantId,
        scope: Scope,
        wanted: Option<TriggerId>,
        work: impl Future<Output = Ended> + Send + 'static,
    ) -> Result<TriggerId, ApiError> {
        let id = wanted.unwrap_or_else(|| TriggerId(u128::from_be_bytes(rng::secret())));
        let key = (tenant.clone(), scope, id);
        {
            let mut known = self.known();
            expire(&mut known, self.clock.monotonic());
            // The same request once more, whose answer was lost.
            if known.contains_key(&key) {
                return Ok(id);
            }
            let of_tenant = known.keys().filter(|(other, ..)| other == tenant);
            if of_tenant.count() >= MAX_PER_TENANT {
                return Err(ApiError::unavailable(format!(
                    "there are {MAX_PER_TENANT} checkpoint and savepoint operations of this tenant, \
                     which is the limit; try again in {} minutes",
                    KEPT_FOR.as_secs() / 60
                )));
            }
            known.insert(key.clone(), Operation::UnderWay);
        }
        let ticket = Ticket {
            operations: Arc::clone(self),
            key,
            result: Err("the operation broke off, which is a bug of Wasmill".to_owned()),
        };
        let work = async move {
            let mut ticket = ticket;
            ticket.result = work.await;
        };
        let _ends_by_its_deadlines = actors::spawn(ActorKind::Errand, "operation", work);
        Ok(id)
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Key, Operation>> {
        // Nothing that can panic half-way happens under the lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expire(known: &mut BTreeMap<Key, Operation>, now: Duration) {
    known.retain(|_, operation| match operation {
        Operation::UnderWay => true,
        Operation::Ended { at, .. } => now < *at + KEPT_FOR,
    });
}

/// Ends an operation when it is dropped, with whatever the result is then.
struct Ticket {
    operations: Arc<Operations>,
    key: Key,
    result: Ended,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Ok(Done::default()));
        let at = self.operations.clock.monotonic();
        let ended = Operation::Ended { result, at };
        self.operations.known().insert(self.key.clone(), ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.build().unwrap().block_on(test);
    }

    async fn until_ended(operations: &Operations, scope: Scope, id: TriggerId) -> Ended {
        loop {
            let found = operations.find(&TenantId::default(), scope, id);
            match found.expect("it was started") {
                Some(ended) => return ended,
                None => tokio::task::yield_now().await,
            }
        }
    }

    const SCOPE: Scope = Scope::Savepoint(JobId(1));

    #[test]
    fn an_operation_ends_once_and_is_forgotten_in_time() {
        run(async {
            let clock = Clock::manual(0);
            let operations = Operations::new(clock.clone());
            let tenant = TenantId::default();
            let done = Done {
                checkpoint: Some(7),
                location: Some("/s".to_owned()),
                downtime: None,
            };
            let (work, again) = (done.clone(), TriggerId(5));
            let id = operations.start(&tenant, SCOPE, Some(again), async { Ok(work) });
            assert_eq!(id, Ok(again));
            assert_eq!(operations.find(&tenant, SCOPE, again), Some(None));
            assert_eq!(until_ended(&operations, SCOPE, again).await, Ok(done));
            // Asked for again it is the same one.
            let repeated = operations.start(&tenant, SCOPE, Some(again), async {
                panic!("it must not be done twice")
            });
            assert_eq!(repeated, Ok(again));
            for (scope, tenant) in [
                (Scope::Savepoint(JobId(2)), tenant.clone()),
                (Scope::Checkpoint(JobId(1)), tenant.clone()),
                (SCOPE, "other".parse().unwrap()),
            ] {
                assert_eq!(operations.find(&tenant, scope, again), None);
            }
            clock.advance(KEPT_FOR - Duration::from_millis(1));
            assert!(operations.find(&tenant, SCOPE, again).is_some());
            clock.advance(Duration::from_millis(1));
            assert_eq!(operations.find(&tenant, SCOPE, again), None);
        });
    }

    #[test]
    fn work_that_panics_ends_as_failed() {
        run(async {
            let operations = Operations::new(Clock::manual(0));
            let work = async { panic!("boom") };
            let id = operations.start(&TenantId::default(), Scope::Disposal, None, work);
            let ended = until_ended(&operations, Scope::Disposal, id.unwrap()).await;
            assert!(ended.unwrap_err().contains("broke off"));
        });
    }

    #[test]
    fn a_tenant_has_a_bounded_number_of_operations() {
        run(async {
            let operations = Operations::new(Clock::manual(0));
            let (tenant, other) = (TenantId::default(), "other".parse().unwrap());
            let start = |tenant: &TenantId| {
                operations.start(tenant, SCOPE, None, std::future::pending::<Ended>())
            };
            for _ in 0..MAX_PER_TENANT {
                start(&tenant).unwrap();
            }
            assert!(start(&tenant).is_err());
            assert!(start(&other).is_ok());
        });
    }
}
