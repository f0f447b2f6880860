//! The way from a guest crate to its bundle: the parent that owns the order of the steps.
//!
//! Called by the command line and by tests. Invariant: the bundle under its final name is always
//! complete, and keeps its modification time while its bytes stay the same.

use std::path::PathBuf;

use crate::component::{self, Interfaces};
use crate::error::BuildError;
use crate::files::{self, FileLock};
use crate::guest::{self, Guest};
use crate::wasm_std::{self, StdOrigin, StdRoute};

/// What to build, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BuildOptions {
    /// The directory of a guest crate, which holds its `Cargo.toml`.
    pub dir: PathBuf,
    /// Where the bundle goes; `wasmill` in cargo's target directory of the crate when absent.
    pub out_dir: Option<PathBuf>,
    /// The features of the crate to turn on.
    pub features: Vec<String>,
    /// Whether cargo's output is kept for the error instead of shown on the terminal.
    pub quiet: bool,
    /// Where the standard library comes from; the environment's choice when absent.
    pub route: Option<StdRoute>,
}

impl BuildOptions {
    /// Builds the crate in `dir`, with cargo's output on the terminal.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            out_dir: None,
            features: Vec::new(),
            quiet: false,
            route: None,
        }
    }

    /// Puts the bundle into `dir`.
    #[must_use]
    pub fn out_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(dir.into());
        self
    }

    /// Turns features of the crate on.
    #[must_use]
    pub fn features(mut self, features: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.features.extend(features.into_iter().map(Into::into));
        self
    }

    /// Keeps cargo's output for the error.
    #[must_use]
    pub const fn quiet(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// Takes the standard library by this route, whatever the environment says.
    #[must_use]
    pub fn route(mut self, route: StdRoute) -> Self {
        self.route = Some(route);
        self
    }
}

/// A bundle that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The package's name, which is also the file's.
    pub name: String,
    /// The bundle.
    pub bundle: PathBuf,
    /// The bundle's size.
    pub bytes: u64,
    /// The interfaces it imports, all of the package `wasmill:dataflow`.
    pub imports: Vec<String>,
    /// The interfaces it exports.
    pub exports: Vec<String>,
    /// Where the standard library came from.
    pub std: StdOrigin,
    /// Whether the bundle differs from the one that was there before.
    pub changed: bool,
}

/// Compiles a guest crate into a bundle; `progress` is told what takes long, in one line each.
///
/// # Errors
/// When the directory is not one guest crate, no standard library can be had, the crate does not
/// compile, or what comes out is not a bundle. The bundle of an earlier build then stays.
pub fn build(options: &BuildOptions, progress: &mut dyn FnMut(&str)) -> Result<Built, BuildError> {
    let guest = Guest::read(&options.dir)?;
    let route = match &options.route {
        Some(route) => route.clone(),
        None => StdRoute::from_env()?,
    };
    let home = guest.target_dir.join("wasmill");
    let out_dir = options.out_dir.clone().unwrap_or_else(|| home.clone());
    files::create_dir(&home)?;
    files::create_dir(&out_dir)?;

    let std = wasm_std::find(&route, &guest.dir, progress)?;
    progress(&format!("compiling {} with {}", guest.name, std.origin));
    // Until the module is read no other build may replace it, for instance one with other features.
    let lock = FileLock::take(&home.join(".lock"), || {
        progress("waiting for another build");
    })?;
    let module = guest::compile(&guest, &std, options)?;
    let module = files::read(&module)?;
    let bytes = component::componentize(&module).map_err(|source| not_a_bundle(&guest, source))?;
    let interfaces =
        component::interfaces(&bytes).map_err(|source| not_a_bundle(&guest, source))?;
    component::check(&interfaces).map_err(|source| not_a_bundle(&guest, source))?;
    let bundle = out_dir.join(format!("{}.wasm", guest.name));
    let changed = files::replace(&bundle, &bytes)?;
    drop(lock);
    let Interfaces { imports, exports } = interfaces;
    let (name, bytes, std) = (guest.name, bytes.len() as u64, std.origin);
    Ok(Built {
        name,
        bundle,
        bytes,
        imports,
        exports,
        std,
        changed,
    })
}

fn not_a_bundle(guest: &Guest, source: component::ComponentError) -> BuildError {
    BuildError::Component {
        name: guest.name.clone(),
        source,
    }
}
