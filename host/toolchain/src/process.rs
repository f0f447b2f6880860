//! Running other programs: cargo, rustc, rustup and the installer.
//!
//! Called by `guest` and `wasm_std`. Invariant: a program that is started here has ended when the call
//! returns, and what is kept of its output is bounded.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How much of a program's output is kept for an error message, in bytes.
const MAX_OUTPUT: usize = 64 * 1024;

/// How many of the last lines of a program's output explain a failed attempt.
const LINES_OF_REASON: usize = 12;

/// How a program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    Itself {
        /// Its exit status.
        status: ExitStatus,
        /// The beginning of what it wrote to its standard error.
        stderr: String,
    },
    /// It took too long and was killed.
    Killed,
}

/// Makes a command without what an outer cargo left in the environment.
///
/// Tests run inside `cargo test` or nextest, and those set variables that would make the inner cargo
/// build something else than the user's own `cargo build` does.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_cargo) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Whether a variable is one by which a cargo outside speaks to what it runs. `RUSTUP_TOOLCHAIN`,
/// `CARGO_HOME`, the network's settings, the target directory and `RUSTC_WRAPPER` are the user's.
fn is_of_outer_cargo(name: &str) -> bool {
    const NAMES: [&str; 10] = [
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_ENCODED_RUSTDOCFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_CRATE_NAME",
    ];
    const PREFIXES: [&str; 7] = [
        "CARGO_BUILD_",
        "CARGO_TARGET_",
        "CARGO_PROFILE_",
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
    ];
    let is_target_dir = matches!(name, "CARGO_TARGET_DIR" | "CARGO_BUILD_TARGET_DIR");
    let is_theirs = NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    is_theirs && !is_target_dir
}

/// Runs a program to its end, but not longer than `limit`.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take();
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(1);
        let reader = move || {
            let text = stderr.map(read_beginning).unwrap_or_default();
            // Nobody listens any more when the time was up.
            drop(sender.send(text));
        };
        let started = thread::Builder::new()
            .name("child output".to_owned())
            .spawn_scoped(scope, reader);
        if let Err(error) = started {
            end(&mut child)?;
            return Err(error);
        }
        match receiver.recv_timeout(limit) {
            Ok(stderr) => Ok(Ended::Itself {
                status: child.wait()?,
                stderr,
            }),
            Err(_) => end(&mut child).map(|()| Ended::Killed),
        }
    })
}

fn end(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

/// Reads to the end, so that the writer never blocks, and keeps the beginning.
fn read_beginning(mut from: impl Read) -> String {
    let mut kept = Vec::new();
    // A pipe that breaks ends the text; the exit status tells the rest.
    drop(from.by_ref().take(MAX_OUTPUT as u64).read_to_end(&mut kept));
    drop(io::copy(&mut from, &mut io::sink()));
    String::from_utf8_lossy(&kept).into_owned()
}

/// The text of a program's output for an error: all of it, or its end.
pub(crate) fn tail(output: &[u8]) -> String {
    let start = output.len().saturating_sub(MAX_OUTPUT);
    String::from_utf8_lossy(&output[start..]).trim().to_owned()
}

/// The last lines of a program's output.
pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let start = lines.len().saturating_sub(LINES_OF_REASON);
    lines[start..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_outer_cargo_sets_is_removed_and_what_the_user_sets_stays() {
        let table = [
            ("RUSTC", true),
            ("RUSTFLAGS", true),
            ("CARGO_ENCODED_RUSTFLAGS", true),
            ("CARGO_BUILD_TARGET", true),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", true),
            ("CARGO_PROFILE_DEV_DEBUG", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_PKG_NAME", true),
            ("RUSTC_WORKSPACE_WRAPPER", true),
            ("RUSTUP_TOOLCHAIN", false),
            ("RUSTC_WRAPPER", false),
            ("CARGO_HOME", false),
            ("CARGO_NET_OFFLINE", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_BUILD_TARGET_DIR", false),
            ("PATH", false),
        ];
        for (name, removed) in table {
            assert_eq!(is_of_outer_cargo(name), removed, "{name}");
        }
    }

    #[test]
    fn a_program_that_ends_gives_its_status_and_its_words() {
        let mut program = Command::new("sh");
        program.args(["-c", "echo gone wrong >&2; exit 3"]);
        let ended = run_within(&mut program, Duration::from_secs(30)).unwrap();
        let Ended::Itself { status, stderr } = ended else {
            panic!("{ended:?}")
        };
        assert_eq!((status.code(), stderr.as_str()), (Some(3), "gone wrong\n"));
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let mut program = Command::new("sleep");
        program.arg("3600");
        let ended = run_within(&mut program, Duration::from_millis(20)).unwrap();
        assert!(matches!(ended, Ended::Killed), "{ended:?}");
    }

    #[test]
    fn output_without_end_is_cut() {
        let text = read_beginning(io::repeat(b'a').take(10 * MAX_OUTPUT as u64));
        assert_eq!(text.len(), MAX_OUTPUT);
    }

    #[test]
    fn a_reason_is_the_last_lines() {
        let text = (0..100).map(|i| format!("{i}\n\n")).collect::<String>();
        assert!(last_lines(&text).starts_with("88\n"));
        assert_eq!(last_lines("one\n\n"), "one");
    }
}
