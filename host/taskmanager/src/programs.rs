//! The code of bundles: fetched once, checked, compiled in a process of its own, shared by all tasks.
//!
//! The executor asks for a program before it deploys a job. Follow a bundle: `blobs` has the file, or
//! fetches it from the JobManager; the sandbox's cache has its compiled code, or a [`Compiler`] puts it
//! there; then it is loaded, and stays loaded while it is one of the last that were used. Invariant: this
//! process never compiles what somebody has uploaded.

pub mod blobs;

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::OnceCell;
use wasmill_rpc::CallError;
use wasmill_task::GuestCode;
use wasmill_task::guest::Sandboxed;
use wasmill_types::id::Digest;
use wasmill_wasm::{Bundle, Engine, Limits};

use crate::errand;
use crate::gateway::{Going, JobManager};
use blobs::{BlobError, Blobs};

/// The most programs that stay loaded without a task. Loaded code is mapped from memory of the process,
/// a few megabytes each.
const MAX_LOADED: usize = 32;

/// How long the JobManager may take to open a bundle; reading it has a limit of its own.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// What the guest of one task may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestLimits {
    /// The linear memory of its instance, in bytes.
    pub memory_bytes: u64,
    /// How long a call into it may take; none for the TaskManager's own limit.
    pub call_timeout: Option<Duration>,
}

/// The code of a bundle.
pub trait Program: Send + Sync {
    /// The code as a task gets it.
    fn code(&self, limits: GuestLimits) -> Arc<dyn GuestCode>;
}

/// Where programs come from.
pub trait Programs: Send + Sync + 'static {
    /// The program of a bundle; `from` has it if nobody here does.
    fn get(
        &self,
        bundle: Digest,
        from: JobManager,
    ) -> Going<Result<Arc<dyn Program>, ProgramError>>;
}

/// Compiles bundles, in a process with limits of its own.
pub trait Compiler: Send + Sync + 'static {
    /// Puts the compiled code of a bundle into the cache of the sandbox. The error is for people.
    fn compile(&self, bundle: PathBuf) -> Going<Result<(), String>>;
}

/// Why there is no program.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The bundle is not here and did not come.
    #[error("fetch bundle {bundle}: {source}")]
    Fetch {
        /// The bundle.
        bundle: Digest,
        /// What happened.
        source: CallError,
    },
    /// The bundle could not be kept.
    #[error("keep bundle {bundle}: {source}")]
    Keep {
        /// The bundle.
        bundle: Digest,
        /// What happened.
        source: BlobError,
    },
    /// The bundle cannot be used.
    #[error("use bundle {bundle}: {reason}")]
    Unusable {
        /// The bundle.
        bundle: Digest,
        /// Why.
        reason: String,
    },
}

/// The bundles of the cluster, as far as jobs here have needed them; cheap to clone.
#[derive(Clone)]
pub struct Bundles {
    inner: Arc<Inner>,
}

struct Inner {
    blobs: Blobs,
    compiler: Arc<dyn Compiler>,
    engine: Engine,
    limits: Limits,
    /// Those that were used last, the latest at the end. A place is taken before it is filled, so that
    /// who comes meanwhile waits for the first.
    loaded: Mutex<VecDeque<(Digest, Place)>>,
}

/// The place of a program.
type Place = Arc<OnceCell<Bundle>>;

impl Bundles {
    /// Programs whose files are in `blobs`. `engine` has the cache into which `compiler` puts code.
    pub fn new(blobs: Blobs, compiler: Arc<dyn Compiler>, engine: Engine, limits: Limits) -> Self {
        Self {
            inner: Arc::new(Inner {
                blobs,
                compiler,
                engine,
                limits,
                loaded: Mutex::default(),
            }),
        }
    }
}

impl Programs for Bundles {
    fn get(
        &self,
        bundle: Digest,
        from: JobManager,
    ) -> Going<Result<Arc<dyn Program>, ProgramError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let place = inner.place(bundle);
            let loaded = place.get_or_try_init(|| inner.load(bundle, &from));
            let program = Loaded {
                bundle: loaded.await?.clone(),
                limits: inner.limits.clone(),
            };
            Ok(Arc::new(program) as Arc<dyn Program>)
        })
    }
}

impl Inner {
    /// The place of a program, which counts as used.
    fn place(&self, bundle: Digest) -> Place {
        // Nothing panics under this lock.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let known = loaded.iter().position(|(digest, _)| *digest == bundle);
        let entry = known.and_then(|index| loaded.remove(index));
        let entry = entry.unwrap_or_else(|| (bundle, Place::default()));
        let place = Arc::clone(&entry.1);
        loaded.push_back(entry);
        if loaded.len() > MAX_LOADED {
            // Its tasks have it still.
            loaded.pop_front();
        }
        place
    }

    async fn load(&self, bundle: Digest, from: &JobManager) -> Result<Bundle, ProgramError> {
        let keep = |source| ProgramError::Keep { bundle, source };
        let path = match self.blobs.find(bundle).await.map_err(keep)? {
            Some(path) => path,
            None => {
                let bytes = from.open_blob(bundle, OPEN_TIMEOUT).await;
                let bytes = bytes.map_err(|source| ProgramError::Fetch { bundle, source })?;
                self.blobs
                    .store(bundle, Box::pin(bytes))
                    .await
                    .map_err(keep)?
            }
        };
        let unusable = |reason| ProgramError::Unusable { bundle, reason };
        if let Some(loaded) = self.compiled(&path).await.map_err(unusable)? {
            return Ok(loaded);
        }
        let compiled = self.compiler.compile(path.clone()).await;
        compiled.map_err(unusable)?;
        let missing = || {
            unusable(
                "its compiled code is not in the cache; check the cache's directory, of which the log has \
                 more"
                    .to_owned(),
            )
        };
        let loaded = self.compiled(&path).await.map_err(unusable)?;
        loaded.ok_or_else(missing)
    }

    /// The bundle, if its code is compiled.
    async fn compiled(&self, path: &Path) -> Result<Option<Bundle>, String> {
        let (engine, limits) = (self.engine.clone(), self.limits.clone());
        let path = path.to_owned();
        let load = move || Bundle::load_compiled(&engine, &path, &limits);
        let loaded = errand::on_thread("load bundle", load).await?;
        loaded.map_err(|error| error.to_string())
    }
}

/// A bundle that is loaded.
#[derive(Debug)]
pub struct Loaded {
    /// The bundle.
    pub bundle: Bundle,
    /// What an instance may cost, as far as the task's own limits do not say it.
    pub limits: Limits,
}

impl Program for Loaded {
    fn code(&self, limits: GuestLimits) -> Arc<dyn GuestCode> {
        let call_deadline = limits.call_timeout.unwrap_or(self.limits.call_deadline);
        Arc::new(Sandboxed {
            bundle: self.bundle.clone(),
            limits: Limits {
                memory_bytes: limits.memory_bytes,
                call_deadline,
                ..self.limits.clone()
            },
        })
    }
}

impl fmt::Debug for Bundles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundles")
            .field("blobs", &self.inner.blobs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
