//! Why a guest crate did not become a bundle: what `wasmill build` prints.
//!
//! Invariant: each message names the thing and the fix.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::component::ComponentError;
use crate::wasm_std::{NoWasmStd, UnknownRoute};

/// Why a guest crate did not become a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no crate.
    #[error(
        "there is no Cargo.toml in `{}`; give the directory of a guest crate, or make one with `wasmill new NAME`",
        .dir.display()
    )]
    NoManifest {
        /// Where it was expected.
        dir: PathBuf,
    },
    /// The directory is a workspace without a package of its own.
    #[error(
        "`{}` is a workspace and not one crate; give the directory of one of its members{}",
        .dir.display(), list_guests(.guests)
    )]
    Workspace {
        /// The workspace's directory.
        dir: PathBuf,
        /// The members that could be built.
        guests: Vec<PathBuf>,
    },
    /// Cargo or rustc is not installed.
    #[error(
        "cannot run `{program}`, which is not on the PATH; install Rust from https://rustup.rs"
    )]
    NotInstalled {
        /// The program that is missing.
        program: &'static str,
    },
    /// Cargo does not understand the crate's manifest.
    #[error("cargo cannot read `{}`:\n{message}", .manifest.display())]
    Manifest {
        /// The crate's `Cargo.toml`.
        manifest: PathBuf,
        /// Cargo's words.
        message: String,
    },
    /// The package has only programs.
    #[error(
        "the package `{name}` has no library; move the job to src/lib.rs and add to `{}`:\n\n    [lib]\n    crate-type = [\"cdylib\", \"rlib\"]\n",
        .manifest.display()
    )]
    NoLibrary {
        /// The package.
        name: String,
        /// The crate's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// The library cannot become a module.
    #[error(
        "the library of `{name}` is not a `cdylib`; add to `{}`:\n\n    [lib]\n    crate-type = [\"cdylib\", \"rlib\"]\n",
        .manifest.display()
    )]
    NotCdylib {
        /// The package.
        name: String,
        /// The crate's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// The environment names a route that does not exist.
    #[error(transparent)]
    Route(#[from] UnknownRoute),
    /// The standard library for Wasm is missing.
    #[error(transparent)]
    NoWasmStd(#[from] NoWasmStd),
    /// Cargo failed.
    #[error("`{name}` does not compile for wasm32-unknown-unknown{}", after_colon(.diagnostics))]
    Compile {
        /// The package.
        name: String,
        /// What cargo printed; empty when it went to the terminal.
        diagnostics: String,
    },
    /// What came out is not a bundle.
    #[error("`{name}` is not a bundle: {source}")]
    Component {
        /// The package.
        name: String,
        /// What is wrong with it.
        source: ComponentError,
    },
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io {
        /// What was tried, for instance `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word for it.
        source: io::Error,
    },
}

fn list_guests(guests: &[PathBuf]) -> String {
    let lines = guests
        .iter()
        .map(|guest| format!("\n    wasmill build {}", guest.display()));
    let lines: String = lines.collect();
    if lines.is_empty() {
        lines
    } else {
        format!(":\n{lines}\n")
    }
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(":\n{text}")
    }
}
