//! A guest crate as cargo sees it: what it is, and how it is compiled.
//!
//! Called by `bundle`. Invariant: nothing is asked of the user's `Cargo.toml` but a `cdylib`; the profile
//! and the compiler's flags come from here, so all bundles are built alike.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::bundle::BuildOptions;
use crate::error::BuildError;
use crate::process;
use crate::wasm_std::{TARGET, WasmStd};

/// The profile that guests are built with, as settings for `cargo --config`.
///
/// Everything is optimised as one piece, because the closures of a chain call each other. Debug
/// information is left out, and function names stay in for the backtraces of traps.
const PROFILE: [&str; 7] = [
    "profile.wasmill.inherits = 'release'",
    "profile.wasmill.opt-level = 3",
    "profile.wasmill.lto = 'fat'",
    "profile.wasmill.codegen-units = 1",
    "profile.wasmill.panic = 'abort'",
    "profile.wasmill.debug = false",
    "profile.wasmill.strip = 'debuginfo'",
];

/// The compiler's flags beyond the target's defaults: vectors, which the sandbox always has; copies by the
/// SDK's own routines, because the copy instruction is a call into the host; and more inlining, because
/// each function that is entered asks whether the guest has to stop (word count: 120 → 110 ns a word).
const FLAGS: &str = "target.wasm32-unknown-unknown.rustflags = \
    ['-Ctarget-feature=+simd128,-bulk-memory', '-Cllvm-args=-inline-threshold=600']";

/// A crate that can become a bundle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// The package's name.
    pub(crate) name: String,
    /// The crate's directory.
    pub(crate) dir: PathBuf,
    /// The crate's `Cargo.toml`.
    pub(crate) manifest: PathBuf,
    /// Cargo's target directory of the crate.
    pub(crate) target_dir: PathBuf,
    /// The directory of the workspace that the crate belongs to; its own when it stands alone.
    pub(crate) workspace: PathBuf,
}

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    crate_types: Vec<String>,
}

/// One line that `cargo --message-format=json` prints, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

impl Target {
    /// Whether it is the package's library, of whatever type.
    fn is_library(&self) -> bool {
        const OTHERS: [&str; 6] = [
            "bin",
            "example",
            "test",
            "bench",
            "custom-build",
            "proc-macro",
        ];
        !self.kind.iter().any(|kind| OTHERS.contains(&kind.as_str()))
    }

    fn is_cdylib(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

impl Guest {
    /// Asks cargo what the crate in `dir` is.
    pub(crate) fn read(dir: &Path) -> Result<Self, BuildError> {
        let no_manifest = || BuildError::NoManifest {
            dir: dir.to_owned(),
        };
        let manifest = dir
            .join("Cargo.toml")
            .canonicalize()
            .map_err(|_| no_manifest())?;
        let dir = manifest.parent().ok_or_else(no_manifest)?.to_owned();
        let mut cargo = process::command("cargo");
        cargo
            .current_dir(&dir)
            .args(["metadata", "--no-deps", "--format-version=1"]);
        let output = run(cargo.arg("--manifest-path").arg(&manifest), "cargo")?;
        let unreadable = |message| BuildError::Manifest {
            manifest: manifest.clone(),
            message,
        };
        if !output.status.success() {
            return Err(unreadable(process::tail(&output.stderr)));
        }
        let metadata = serde_json::from_slice(&output.stdout).map_err(|error| {
            unreadable(format!("its answer to `cargo metadata` is odd: {error}"))
        })?;
        Self::choose(metadata, dir, manifest)
    }

    /// Picks the package whose manifest was asked about.
    fn choose(metadata: Metadata, dir: PathBuf, manifest: PathBuf) -> Result<Self, BuildError> {
        let Metadata {
            packages,
            target_directory: target_dir,
            workspace_root: workspace,
        } = metadata;
        let Some(package) = packages
            .iter()
            .find(|package| package.manifest_path == manifest)
        else {
            let guests = packages
                .iter()
                .filter(|package| package.targets.iter().any(Target::is_cdylib));
            let guests = guests.filter_map(|package| package.manifest_path.parent());
            return Err(BuildError::Workspace {
                dir,
                guests: guests.map(Path::to_owned).collect(),
            });
        };
        let name = package.name.clone();
        match package.targets.iter().find(|target| target.is_library()) {
            Some(library) if library.is_cdylib() => Ok(Self {
                name,
                dir,
                manifest,
                target_dir,
                workspace,
            }),
            Some(_) => Err(BuildError::NotCdylib { name, manifest }),
            None => Err(BuildError::NoLibrary { name, manifest }),
        }
    }

    /// Where cargo keeps what it makes for guests.
    ///
    /// Cargo tells crates apart by their name and their place in the workspace, so two workspaces that
    /// share a target directory would take each other's modules for their own: each gets a directory.
    pub(crate) fn build_dir(&self) -> PathBuf {
        let home = self.target_dir.join("wasmill");
        if self.target_dir.starts_with(&self.workspace) {
            return home.join("build");
        }
        let mut hasher = DefaultHasher::new();
        self.workspace.hash(&mut hasher);
        home.join(format!("build-{:016x}", hasher.finish()))
    }
}

/// Compiles the crate into a module and returns where it is; cargo knows what is fresh.
pub(crate) fn compile(
    guest: &Guest,
    std: &WasmStd,
    options: &BuildOptions,
) -> Result<PathBuf, BuildError> {
    let mut cargo = process::command("cargo");
    // An `rlib` beside the `cdylib` would turn link-time optimisation off, so it is not made.
    cargo
        .current_dir(&guest.dir)
        .args(["rustc", "--lib", "--crate-type=cdylib"]);
    cargo.args([
        "--profile=wasmill",
        "--message-format=json-render-diagnostics",
    ]);
    cargo
        .arg("--target")
        .arg(TARGET)
        .arg("--target-dir")
        .arg(guest.build_dir());
    cargo.arg("--manifest-path").arg(&guest.manifest);
    for setting in PROFILE.into_iter().chain([FLAGS]) {
        cargo.args(["--config", setting]);
    }
    if !options.features.is_empty() {
        cargo.arg("--features").arg(options.features.join(","));
    }
    if let Some(rustc) = &std.rustc {
        cargo.env("RUSTC", rustc);
    }
    if !options.quiet {
        cargo.stderr(Stdio::inherit());
    }
    let output = run(&mut cargo, "cargo")?;
    let module = module_of(&output.stdout, &guest.manifest);
    match module {
        Some(module) if output.status.success() => Ok(module),
        _ => {
            let diagnostics = process::tail(&output.stderr);
            Err(BuildError::Compile {
                name: guest.name.clone(),
                diagnostics,
            })
        }
    }
}

/// The module among the artifacts that cargo lists.
fn module_of(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    let lines = messages.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let ours = messages.filter(|message| {
        message.reason == "compiler-artifact" && message.manifest_path.as_deref() == Some(manifest)
    });
    let mut files = ours.flat_map(|message| message.filenames);
    files.find(|file| {
        file.extension()
            .is_some_and(|extension| extension == "wasm")
    })
}

fn run(command: &mut Command, program: &'static str) -> Result<Output, BuildError> {
    command.output().map_err(|source| match source.kind() {
        ErrorKind::NotFound => BuildError::NotInstalled { program },
        _ => BuildError::Io {
            action: "run",
            path: program.into(),
            source,
        },
    })
}

#[cfg(test)]
mod tests;
