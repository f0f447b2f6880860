//! The user's own toolchain: whether it has the target, and rustup's way to add it.
//!
//! Called by `wasm_std` alone. Invariant: the toolchain that is asked is the one cargo will use in the
//! crate's directory.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{StdOrigin, TARGET, WasmStd};
use crate::process::{self, Ended};

/// How long rustup may take. It downloads about 30 MB, and retries for ever where it cannot.
const ADD_LIMIT: Duration = Duration::from_secs(120);

/// Whether the toolchain that is used in `dir` has the target.
pub(super) fn look(dir: &Path) -> Result<WasmStd, String> {
    let mut rustc = process::command("rustc");
    rustc
        .current_dir(dir)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let output = rustc
        .output()
        .map_err(|error| cannot_run("rustc", &error))?;
    if !output.status.success() {
        return Err(process::last_lines(&process::tail(&output.stderr)));
    }
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !has_std(&libraries) {
        return Err(format!(
            "it has no {TARGET}: there is no libstd in {}",
            libraries.display()
        ));
    }
    Ok(WasmStd {
        origin: StdOrigin::Toolchain { libraries },
        rustc: None,
    })
}

/// Has rustup add the target to the toolchain that is used in `dir`.
pub(super) fn add(dir: &Path) -> Result<WasmStd, String> {
    let mut rustup = process::command("rustup");
    rustup.current_dir(dir).args(["target", "add", TARGET]);
    match process::run_within(&mut rustup, ADD_LIMIT) {
        Ok(Ended::Itself { status, .. }) if status.success() => look(dir),
        Ok(Ended::Itself { stderr, .. }) => Err(process::last_lines(&stderr)),
        Ok(Ended::Killed) => Err(format!("no answer for {} s", ADD_LIMIT.as_secs())),
        Err(error) => Err(cannot_run("rustup", &error)),
    }
}

/// Whether a library directory has a standard library in it.
pub(super) fn has_std(libraries: &Path) -> bool {
    let Ok(entries) = fs::read_dir(libraries) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

/// Says that a program does not start.
pub(super) fn cannot_run(program: &str, error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("`{program}` is not on the PATH"),
        _ => format!("cannot run `{program}`: {error}"),
    }
}
