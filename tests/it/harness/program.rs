//! The `wasmill` program: built when it is first needed, then run as a user runs it.
//!
//! `WASMILL_BIN=PATH` tests another program than the one of this checkout. Invariant: no program outlives
//! its test.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::mem;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use wasmill_actor::Clock;

use super::once::{PLACE, once};

/// No command of the tests takes longer, even when other tests keep the machine busy.
const PATIENCE: Duration = Duration::from_secs(180);

/// A command line of the program.
#[derive(Debug)]
pub(crate) struct Wasmill {
    command: Command,
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Option<Child>,
    /// Shows how long ago it was started, or sent a signal.
    started: Clock,
    shown: String,
    /// What has been read of its standard error.
    said: String,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// From its start, or from the signal that it was sent.
    pub(crate) took: Duration,
    shown: String,
}

impl Wasmill {
    /// The program with these arguments.
    pub(crate) fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::of(Command::new(program()), args)
    }

    /// The program with these arguments, started by another one, which gets its path and arguments.
    pub(crate) fn started_by<S: AsRef<OsStr>>(
        mut starter: Command,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        starter.arg(program());
        Self::of(starter, args)
    }

    fn of<S: AsRef<OsStr>>(mut command: Command, args: impl IntoIterator<Item = S>) -> Self {
        command.args(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Compiled code is kept between the tests, but apart from the user's own.
        command.env("WASMILL_CACHE_DIR", Path::new(PLACE).join("cache"));
        command.env_remove("WASMILL_LOG");
        Self { command }
    }

    /// `run --local BUNDLE -- ARGS`, with a JSON summary.
    pub(crate) fn run_local<S: AsRef<OsStr>>(
        bundle: &Path,
        flags: &[&str],
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut run = Self::new(["run", "--local", "--json"]);
        run.command.args(flags).arg(bundle).arg("--").args(args);
        run
    }

    /// With one more argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// With more arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// With this environment variable.
    pub(crate) fn env(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// What it says goes to a file, for one that runs longer than anybody reads.
    pub(crate) fn logging_to(mut self, file: File) -> Self {
        self.command.stdout(Stdio::null()).stderr(file);
        self
    }

    /// Runs it in this directory.
    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs it without this environment variable.
    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.command.env_remove(variable);
        self
    }

    /// The search path of a shell that is to find it first.
    pub(crate) fn path() -> OsString {
        let mut path = program().parent().unwrap().as_os_str().to_owned();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        path
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let shown = format!("{:?}", self.command);
        let child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("run {shown}: {error}"));
        Running {
            child: Some(child),
            started: Clock::system(),
            shown,
            said: String::new(),
        }
    }

    /// Runs it to its end.
    pub(crate) fn end(self) -> Ended {
        self.start().end()
    }
}

impl Running {
    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let child = self.child.take().expect("it ends once");
        let id = child.id();
        let output = thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(1);
            scope.spawn(move || sender.send(child.wait_with_output()));
            let output = receiver.recv_timeout(PATIENCE);
            if output.is_err() {
                signal(id, "KILL");
            }
            output
        });
        let output = output.unwrap_or_else(|_| panic!("{} took too long", self.shown));
        let output = output.unwrap();
        let said = mem::take(&mut self.said);
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: said + &String::from_utf8_lossy(&output.stderr),
            took: self.started.monotonic(),
            shown: mem::take(&mut self.shown),
        }
    }

    /// Sends it a signal, for instance `INT`, and waits for its end; the time counts from the signal.
    pub(crate) fn signalled(self, name: &str) -> Ended {
        self.signal(name).end()
    }

    /// Sends it a signal, from which the time counts.
    pub(crate) fn signal(mut self, name: &str) -> Self {
        signal(self.child.as_ref().expect("it runs").id(), name);
        self.started = Clock::system();
        self
    }

    /// What it has said, as far as it was read.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Lets it run for a while, without reading what it says.
    pub(crate) fn wait(self, time: Duration) -> Self {
        let (_nobody_sends, receiver) = mpsc::sync_channel::<()>(1);
        let _ = receiver.recv_timeout(time);
        self
    }

    /// Waits for its end without reading what it says, so that it may hang in the middle of a line.
    pub(crate) fn gone(mut self) -> Ended {
        while self.started.monotonic() < PATIENCE {
            let child = self.child.as_mut().expect("it runs");
            if child.try_wait().unwrap().is_some() {
                return self.end();
            }
            self = self.wait(Duration::from_millis(10));
        }
        panic!("{} does not end:\n{}", self.shown, self.said);
    }

    /// Reads what it says until a line holds this text.
    pub(crate) fn until(mut self, text: &str) -> Self {
        let stderr = self.child.as_mut().and_then(|child| child.stderr.as_mut());
        let stderr = stderr.expect("it runs, and its standard error is a pipe");
        let mut line = Vec::new();
        #[expect(
            clippy::unbuffered_bytes,
            reason = "what a buffer reads beyond the line would be lost to `end`"
        )]
        for byte in stderr.bytes() {
            line.push(byte.unwrap());
            if line.ends_with(b"\n") {
                let said = String::from_utf8_lossy(&line).into_owned();
                self.said.push_str(&said);
                if said.contains(text) {
                    return self;
                }
                line.clear();
            }
        }
        panic!("{} ended without `{text}`:\n{}", self.shown, self.said);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Ended {
    /// Fails unless it ended with this exit code.
    pub(crate) fn with_code(self, code: i32) -> Self {
        let Self {
            stdout,
            stderr,
            shown,
            ..
        } = &self;
        let found = self.code;
        assert_eq!(
            found,
            Some(code),
            "{shown}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
        self
    }

    /// Its one error message, with what follows it.
    pub(crate) fn error(&self) -> &str {
        let Self { stderr, shown, .. } = self;
        let messages = stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(messages, 1, "{shown} should have one message:\n{stderr}");
        let at = stderr.find("error: ").unwrap_or_default();
        stderr[at..].trim_end()
    }

    /// Fails unless it has one error message that holds all these texts.
    pub(crate) fn error_with(&self, texts: &[&str]) {
        let error = self.error();
        for text in texts {
            assert!(
                error.contains(text),
                "{}\nno `{text}` in: {error}",
                self.shown
            );
        }
        assert!(!self.stderr.contains("internal error"), "{}", self.stderr);
    }

    /// The JSON object in its last line.
    pub(crate) fn summary(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| {
            panic!(
                "{}: the last line is no JSON ({error}): {line}\n{}",
                self.shown, self.stderr
            )
        })
    }
}

/// Sends a signal with the system's own program, so that no unsafe code is needed.
fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(process.to_string())
        .status();
    assert!(
        status.unwrap().success(),
        "cannot send {name} to process {process}"
    );
}

/// The program under test.
fn program() -> PathBuf {
    if let Some(chosen) = env::var_os("WASMILL_BIN") {
        return chosen.into();
    }
    // Tests run in `PROFILE/deps` of the target directory.
    let test = env::current_exe().unwrap();
    let profile_dir = test.parent().and_then(Path::parent).unwrap();
    let target_dir = profile_dir.parent().unwrap();
    let profile = match profile_dir.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        other => other,
    };
    once("program", || {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package=wasmill-node"]);
        // With this package, for its dependencies' features; see `tests/Cargo.toml`.
        cargo.args(["--package=wasmill-tests", "--profile", profile]);
        cargo
            .arg("--target-dir")
            .arg(target_dir)
            .current_dir(super::root());
        // What cargo tells this test of its package would make build scripts run again that ask for it,
        // and what depends on them would be built anew, for each run of the tests.
        let of_package = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            name.starts_with(b"CARGO_PKG_") || name.starts_with(b"CARGO_MANIFEST_")
        };
        for (name, _) in env::vars_os().filter(|(name, _)| of_package(name)) {
            cargo.env_remove(name);
        }
        let built = cargo.output().unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
    });
    profile_dir.join("wasmill")
}
