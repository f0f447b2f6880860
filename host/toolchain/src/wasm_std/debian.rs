//! The private compiler made of Debian packages, for machines that cannot reach Rust's own servers.
//!
//! Called by `wasm_std` alone. The work is done by `scripts/install-rust-wasm.sh`, which is part of this
//! program so that an installed `wasmill` has it too. Invariant: a prefix counts only when its installer
//! wrote the file `complete`, which it does last, and its compiler runs.

use std::path::Path;

use super::rustup::cannot_run;
use super::{StdOrigin, WasmStd};
use crate::process;

/// The installer; takes the prefix as its argument.
const SCRIPT: &str = include_str!("../../../../scripts/install-rust-wasm.sh");

/// How long the installer may take, in seconds: a minute is usual, most of it the download.
const INSTALL_LIMIT: &str = "1200";

/// Whether a complete installation is in `prefix`.
pub(super) fn look(prefix: &Path) -> Result<WasmStd, String> {
    if !prefix.join("complete").is_file() {
        return Err("not installed".to_owned());
    }
    let rustc = prefix.join("bin/rustc");
    let output = process::command(&rustc).arg("-V").output();
    let output = output.map_err(|error| cannot_run(&rustc.to_string_lossy(), &error))?;
    if !output.status.success() {
        let reason = process::last_lines(&process::tail(&output.stderr));
        return Err(format!("its compiler does not run: {reason}"));
    }
    let origin = StdOrigin::Private {
        prefix: prefix.to_owned(),
    };
    Ok(WasmStd {
        origin,
        rustc: Some(rustc),
    })
}

/// Installs into `prefix`.
pub(super) fn install(prefix: &Path) -> Result<WasmStd, String> {
    for tool in ["apt-get", "dpkg-deb"] {
        let answer = process::command(tool).arg("--version").output();
        answer.map_err(|error| format!("this is not Debian: {}", cannot_run(tool, &error)))?;
    }
    // `timeout` ends the script's own children too, which a signal to bash alone would leave behind.
    let mut installer = process::command("timeout");
    installer.args([
        "--kill-after=10",
        INSTALL_LIMIT,
        "bash",
        "-c",
        SCRIPT,
        "install-rust-wasm",
    ]);
    let output = installer.arg(prefix).output();
    let output = output.map_err(|error| cannot_run("timeout", &error))?;
    match output.status.code() {
        Some(0) => look(prefix),
        Some(124) => Err(format!("not done after {INSTALL_LIMIT} s")),
        _ => Err(process::last_lines(&process::tail(&output.stderr))),
    }
}
