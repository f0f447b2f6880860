//! Where the standard library for `wasm32-unknown-unknown` comes from.
//!
//! Called by `bundle` before cargo runs. What is there is preferred to what must be installed, and
//! rustup to Debian; [`StdRoute`] says what may be tried at all. Invariant: what is found compiles; an
//! installation that was cut short is never taken, and only one process installs at a time.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

use crate::error::BuildError;
use crate::files::{self, FileLock};

mod debian;
mod rustup;

/// The target that guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The environment variable that chooses the route.
const ROUTE_VARIABLE: &str = "WASMILL_WASM_STD";

/// Where the standard library may come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StdRoute {
    /// The first that works.
    #[default]
    Any,
    /// The target of the user's toolchain, which rustup may install.
    Rustup,
    /// A private compiler made of Debian packages, in the user's data directory.
    Debian,
    /// As [`StdRoute::Debian`], in this directory.
    Prefix(PathBuf),
}

/// The value of `WASMILL_WASM_STD` names no route.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "WASMILL_WASM_STD is `{value}`; set it to `rustup`, `debian` or an absolute path, or unset it"
)]
pub struct UnknownRoute {
    value: String,
}

impl FromStr for StdRoute {
    type Err = UnknownRoute;

    fn from_str(text: &str) -> Result<Self, UnknownRoute> {
        match text {
            "" => Ok(Self::Any),
            "rustup" => Ok(Self::Rustup),
            "debian" => Ok(Self::Debian),
            path if Path::new(path).is_absolute() => Ok(Self::Prefix(path.into())),
            value => Err(UnknownRoute {
                value: value.to_owned(),
            }),
        }
    }
}

impl StdRoute {
    /// The route that the environment variable `WASMILL_WASM_STD` names.
    ///
    /// # Errors
    /// When it names none.
    pub fn from_env() -> Result<Self, UnknownRoute> {
        match env::var_os(ROUTE_VARIABLE) {
            Some(value) => value.to_string_lossy().parse(),
            None => Ok(Self::Any),
        }
    }
}

/// Where the standard library came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdOrigin {
    /// The target of the user's own toolchain.
    Toolchain {
        /// The directory with the libraries.
        libraries: PathBuf,
    },
    /// The private compiler.
    Private {
        /// The directory it is installed in.
        prefix: PathBuf,
    },
}

impl fmt::Display for StdOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain { .. } => f.write_str("the installed Rust"),
            Self::Private { prefix } => write!(f, "the private Rust in {}", prefix.display()),
        }
    }
}

/// A standard library that compiles guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WasmStd {
    pub(crate) origin: StdOrigin,
    /// The compiler that fits it; cargo's own when absent.
    pub(crate) rustc: Option<PathBuf>,
}

/// One thing that was tried to get a standard library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub step: String,
    /// Why it did not work.
    pub reason: String,
}

/// No route to a standard library works.
#[derive(Debug, Error)]
#[error("{}", explain(.attempts))]
pub struct NoWasmStd {
    /// What was tried, in order.
    pub attempts: Vec<Attempt>,
}

fn explain(attempts: &[Attempt]) -> String {
    let mut text = format!("Rust's standard library for {TARGET} is missing. Tried:\n");
    for Attempt { step, reason } in attempts {
        text += &format!("  * {step}: {}\n", reason.trim().replace('\n', "\n      "));
    }
    text + "To get it, run one of these, then the same command again:\n\
        \x20   rustup target add wasm32-unknown-unknown   (needs rustup and static.rust-lang.org)\n\
        \x20   sudo apt-get update                        (Debian 12; wasmill then installs it by itself)\n"
}

/// One way to a standard library.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Look into the user's own toolchain.
    LookInToolchain,
    /// Look into a private prefix.
    LookInPrefix(PathBuf),
    /// Have rustup add the target.
    AddWithRustup,
    /// Install Debian's packages into a private prefix.
    InstallFromDebian(PathBuf),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookInToolchain => f.write_str("the installed Rust"),
            Self::LookInPrefix(prefix) => write!(f, "the private Rust in {}", prefix.display()),
            Self::AddWithRustup => write!(f, "rustup target add {TARGET}"),
            Self::InstallFromDebian(prefix) => {
                write!(f, "Debian's packages, unpacked into {}", prefix.display())
            }
        }
    }
}

/// The steps of a route: first those that only look, then those that install.
fn steps(route: &StdRoute, home: &Path) -> (Vec<Step>, Vec<Step>) {
    let prefix = match route {
        StdRoute::Prefix(prefix) => prefix.clone(),
        StdRoute::Any | StdRoute::Rustup | StdRoute::Debian => home.join("rust-wasm"),
    };
    let look = Step::LookInPrefix(prefix.clone());
    let install = Step::InstallFromDebian(prefix);
    match route {
        StdRoute::Any => (
            vec![Step::LookInToolchain, look],
            vec![Step::AddWithRustup, install],
        ),
        StdRoute::Rustup => (vec![Step::LookInToolchain], vec![Step::AddWithRustup]),
        StdRoute::Debian | StdRoute::Prefix(_) => (vec![look], vec![install]),
    }
}

/// Takes steps until one succeeds; remembers why the others did not.
fn first(
    steps: &[Step],
    attempts: &mut Vec<Attempt>,
    mut take: impl FnMut(&Step) -> Result<WasmStd, String>,
) -> Option<WasmStd> {
    for step in steps {
        match take(step) {
            Ok(std) => return Some(std),
            Err(reason) => attempts.push(Attempt {
                step: step.to_string(),
                reason,
            }),
        }
    }
    None
}

/// Finds a standard library for the crate in `dir`, and installs one when there is none.
pub(crate) fn find(
    route: &StdRoute,
    dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<WasmStd, BuildError> {
    let home = home();
    let (look, install) = steps(route, &home);
    let mut attempts = Vec::new();
    if let Some(std) = first(&look, &mut attempts, |step| take(step, dir, progress)) {
        return Ok(std);
    }
    files::create_dir(&home)?;
    let wait = || progress("waiting for another process that installs Rust's standard library");
    let _lock = FileLock::take(&home.join("install.lock"), wait)?;
    // Whoever had the lock before may have installed it.
    attempts.clear();
    if let Some(std) = first(&look, &mut attempts, |step| take(step, dir, progress)) {
        return Ok(std);
    }
    let installed = first(&install, &mut attempts, |step| take(step, dir, progress));
    Ok(installed.ok_or(NoWasmStd { attempts })?)
}

fn take(step: &Step, dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<WasmStd, String> {
    match step {
        Step::LookInToolchain => rustup::look(dir),
        Step::LookInPrefix(prefix) => debian::look(prefix),
        Step::AddWithRustup => {
            progress(&format!("installing Rust's standard library: {step}"));
            rustup::add(dir)
        }
        Step::InstallFromDebian(prefix) => {
            progress(&format!(
                "installing Rust's standard library: {step} (about a minute)"
            ));
            debian::install(prefix)
        }
    }
}

/// Where private things are kept: `wasmill` in the user's data directory.
fn home() -> PathBuf {
    let data = dirs::data_dir().unwrap_or_else(env::temp_dir);
    data.join("wasmill")
}

#[cfg(test)]
mod tests;
