//! A bundle: the component that holds a job's operators, checked and compiled.
//!
//! The program that runs jobs loads one per job and shares it among its tasks. Invariant: a bundle that
//! was loaded fits the contract of `wit/` in all its names and types, so that only its behaviour can
//! fail later.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use wasmill_actor::CancelToken;
use wasmill_types::batch::Blobs;
use wasmill_types::id::{Digest, OperatorId};
use wasmill_types::job::JobSpec;
use wasmill_types::operator::OperatorHost;
use wasmill_types::{HostError, TaskFailure};
use wasmtime::component::{Component, InstancePre};

use crate::address_space;
use crate::contents::{Contents, VERSION};
use crate::describe::Asked;
use crate::engine::Engine;
use crate::error::{BundleError, DescribeError};
use crate::exports::Exports;
use crate::guest::Guest;
use crate::imports::{Host, linker};
use crate::instance::Instance;
use crate::limits::Limits;
use crate::no_task::NoTask;
use crate::operator::WasmOperator;
use crate::text;

/// A loaded bundle; cheap to clone, and clones are the same bundle.
#[derive(Clone)]
pub struct Bundle {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    component: Component,
    contents: Contents,
    exports: Exports,
    digest: Digest,
    bytes: u64,
    /// For questions outside a task.
    asked: InstancePre<Guest<NoTask>>,
    /// For tasks: an `InstancePre` per type of host, of which a program has a handful.
    prepared: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

/// Where a bundle comes from.
#[derive(Debug, Clone, Copy)]
pub enum BundleSource<'a> {
    /// A file.
    Path(&'a Path),
    /// The file's bytes.
    Bytes(&'a [u8]),
}

impl Bundle {
    /// Reads, checks and compiles a bundle, or takes the compiled code from the cache.
    ///
    /// # Errors
    /// When it is no bundle, or exceeds the limits.
    pub fn load<'a>(
        engine: &Engine,
        source: impl Into<BundleSource<'a>>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        match source.into() {
            BundleSource::Path(path) => Self::from_bytes(engine, &read(path, limits)?, limits),
            BundleSource::Bytes(bytes) => Self::from_bytes(engine, bytes, limits),
        }
    }

    /// Reads and checks a bundle whose compiled code is in the cache; none when it is not there. For
    /// processes that must not compile.
    ///
    /// # Errors
    /// As [`Bundle::load`].
    pub fn load_compiled(
        engine: &Engine,
        path: &Path,
        limits: &Limits,
    ) -> Result<Option<Self>, BundleError> {
        let bytes = read(path, limits)?;
        let contents = Contents::read(&bytes, limits)?;
        let digest = Digest(Sha256::digest(&bytes).into());
        let cached = engine
            .cache()
            .and_then(|cache| cache.get(digest, engine.wasmtime()));
        let made = |component| Self::new(engine, (contents, digest, bytes.len()), component);
        cached.map(made).transpose()
    }

    fn from_bytes(engine: &Engine, bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let contents = Contents::read(bytes, limits)?;
        let digest = Digest(Sha256::digest(bytes).into());
        let component = compile(engine, bytes, digest)?;
        Self::new(engine, (contents, digest, bytes.len()), component)
    }

    /// A bundle of this content, digest and length.
    fn new(
        engine: &Engine,
        (contents, digest, length): (Contents, Digest, usize),
        component: Component,
    ) -> Result<Self, BundleError> {
        let asked = linker::<NoTask>(engine.wasmtime())
            .map_err(|error| HostError::new(format!("offer the imports: {error:#}")))?
            .instantiate_pre(&component)
            .map_err(|error| BundleError::Mismatch {
                ours: VERSION,
                reason: text::escaped(&format!("{error:#}")),
            })?;
        let exports = Exports::find(&asked, &contents)?;
        let inner = Inner {
            engine: engine.clone(),
            component,
            contents,
            exports,
            digest,
            bytes: length as u64,
            asked,
            prepared: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The SHA-256 of the file: the bundle's identity.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The size of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    /// The names of the interfaces that it imports.
    pub fn imports(&self) -> &[String] {
        &self.inner.contents.imports
    }

    /// The names of the interfaces that it exports.
    pub fn exports(&self) -> &[String] {
        &self.inner.contents.exports
    }

    /// Whether it can make records itself.
    pub fn has_source(&self) -> bool {
        self.inner.exports.source.is_some()
    }

    /// Runs the program with these arguments on a fresh instance, and returns the graph that it builds.
    ///
    /// # Errors
    /// When the program returns an error, breaks, takes too long or too much, or returns what is no
    /// graph. Whether the graph makes sense is for the crate `graph` to say.
    pub fn describe(&self, args: &[String], limits: &Limits) -> Result<JobSpec, DescribeError> {
        self.asked(limits).describe(args)
    }

    /// Divides the input of a guest source among about `parallelism` readers, on a fresh instance.
    ///
    /// # Errors
    /// As a call of a task; also when the bundle has no source.
    pub fn source_splits(
        &self,
        args: &[String],
        operator: OperatorId,
        parallelism: u32,
        limits: &Limits,
    ) -> Result<Blobs, TaskFailure> {
        self.asked(limits).splits(args, operator, parallelism)
    }

    /// Makes an instance for one subtask, with the host's side of the contract.
    ///
    /// The thread that calls it needs the stack that `EngineOptions::stack_bytes` says, twice.
    ///
    /// # Errors
    /// When the instance exceeds a limit before it begins, or its start function fails.
    pub fn instantiate<H: OperatorHost + Send + 'static>(
        &self,
        host: H,
        limits: &Limits,
        cancel: CancelToken,
    ) -> Result<WasmOperator<H>, TaskFailure> {
        let prepared = self.prepared::<H>()?;
        let watch = (self.inner.engine.clock(), cancel);
        let mut instance = Instance::new(&prepared, host, limits, watch)?;
        let functions = self.inner.exports.functions(&mut instance)?;
        Ok(WasmOperator::new(
            instance,
            functions,
            self.inner.engine.clone(),
        ))
    }

    fn asked<'a>(&'a self, limits: &'a Limits) -> Asked<'a> {
        Asked {
            prepared: &self.inner.asked,
            exports: &self.inner.exports,
            clock: self.inner.engine.clock(),
            limits,
        }
    }

    /// The component with imports that a host of this type answers.
    fn prepared<H: Host>(&self) -> Result<InstancePre<Guest<H>>, HostError> {
        // Nothing panics under the lock that could leave a value half-made.
        let prepared = &self.inner.prepared;
        let mut prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let found = prepared.get(&TypeId::of::<H>());
        if let Some(found) = found.and_then(|any| any.downcast_ref::<InstancePre<Guest<H>>>()) {
            return Ok(found.clone());
        }
        // The imports fit, for those of `asked` did.
        let made = linker::<H>(self.inner.engine.wasmtime())
            .and_then(|linker| linker.instantiate_pre(&self.inner.component))
            .map_err(|error| HostError::new(format!("offer the imports: {error:#}")))?;
        prepared.insert(TypeId::of::<H>(), Box::new(made.clone()));
        Ok(made)
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("digest", &self.inner.digest)
            .finish_non_exhaustive()
    }
}

/// Reads a file of bounded size.
fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, BundleError> {
    let failed = |error: io::Error| {
        let path = path.display().to_string();
        if error.kind() == io::ErrorKind::NotFound {
            return BundleError::NotFound { path };
        }
        let reason = error.to_string();
        BundleError::Unreadable { path, reason }
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() {
        // What the file really has, before any of it is read.
        Contents::check_size(metadata.len(), limits)?;
    }
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to be refused; a device or pipe may have no end.
    let most = limits.bundle_bytes.saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The component of a bundle that has been checked, from the cache or the compiler.
fn compile(engine: &Engine, bytes: &[u8], digest: Digest) -> Result<Component, BundleError> {
    let wasmtime = engine.wasmtime();
    if let Some(component) = engine.cache().and_then(|cache| cache.get(digest, wasmtime)) {
        return Ok(component);
    }
    let component = Component::from_binary(wasmtime, bytes).map_err(|error| {
        if let Some(refused) = address_space::refused(&error) {
            return BundleError::Host(refused);
        }
        let reason = text::escaped(&format!("{error:#}"));
        BundleError::Invalid { reason }
    })?;
    if let Some(cache) = engine.cache() {
        cache.put(digest, &component);
    }
    Ok(component)
}

impl<'a> From<&'a Path> for BundleSource<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a PathBuf> for BundleSource<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::Path(path)
    }
}

impl<'a> From<&'a [u8]> for BundleSource<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for BundleSource<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
