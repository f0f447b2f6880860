//! `wasmill cluster start`: a JobManager and TaskManagers as processes of this machine, for trying things.
//!
//! Invariants: everything listens on loopback; when this process ends in good order so have all the others,
//! and when it is killed they end by themselves; a TaskManager that dies is told about and left dead, since
//! that may be what is being tried.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as UnixSignal, kill_process};
use wasmill_actor::{Clock, Rng, Signal};

use crate::addresses::Addresses;
use crate::cli::ClusterStartArgs;
use crate::failure::{Exit, Failure};
use crate::remote::client::Client;
use crate::screen::Screen;

/// How long the processes may take to come up.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// How long they may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A process of the cluster.
struct Member {
    name: String,
    child: Child,
    /// Whether its end has been told about.
    has_ended: bool,
}

/// The processes, and what tells this one to stop.
struct Cluster<'a> {
    members: Vec<Member>,
    interrupt: Signal,
    clock: Clock,
    screen: &'a Screen,
}

/// Where things are kept; removed at the end unless the user chose it.
struct Place {
    dir: PathBuf,
    is_temporary: bool,
}

/// Runs the cluster until Ctrl-C.
pub(crate) fn start(
    args: &ClusterStartArgs,
    clock: Clock,
    screen: &Screen,
) -> Result<Exit, Failure> {
    if !args.rest.ip().is_loopback() {
        return Err(Failure::unusable(format!(
            "`cluster start` is for this machine only, and {} is not a loopback address; run `wasmill \
             jobmanager` to serve others",
            args.rest
        )));
    }
    let interrupt = Signal::new();
    let asked = interrupt.clone();
    ctrlc::set_handler(move || asked.notify())
        .map_err(|error| Failure::failed(format!("take over Ctrl-C: {error}")))?;
    let place = place(args.data_dir.as_deref())?;
    let mut cluster = Cluster {
        members: Vec::new(),
        interrupt,
        clock,
        screen,
    };
    let ran = cluster.run(args, &place.dir);
    cluster.stop();
    if place.is_temporary
        && let Err(error) = fs::remove_dir_all(&place.dir)
    {
        tracing::warn!(dir = %place.dir.display(), %error, "leave the cluster's directory behind");
    }
    ran
}

fn place(chosen: Option<&Path>) -> Result<Place, Failure> {
    let dir = match chosen {
        Some(dir) => dir.to_owned(),
        None => env::temp_dir().join(format!(
            "wasmill-cluster-{:08x}",
            Rng::from_entropy().next_u64() as u32
        )),
    };
    let made = fs::create_dir_all(&dir);
    made.map_err(|error| Failure::failed(format!("make `{}`: {error}", dir.display())))?;
    Ok(Place {
        dir,
        is_temporary: chosen.is_none(),
    })
}

impl Cluster<'_> {
    fn run(&mut self, args: &ClusterStartArgs, dir: &Path) -> Result<Exit, Failure> {
        let home = dir.join("jobmanager");
        Addresses::forget(&home);
        let mut command = this_program("jobmanager", args)?;
        command.arg("--data-dir").arg(&home);
        command.args(["--rest", &args.rest.to_string(), "--rpc", "127.0.0.1:0"]);
        command
            .arg("--checkpoint-dir")
            .arg(url_of(&dir.join("checkpoints")));
        self.spawn("JobManager", command)?;
        let addresses = self.wait_for("the JobManager to start", || Addresses::read(&home))?;

        let token = join_token(&home)?;
        for number in 1..=args.taskmanagers {
            let name = format!("tm-{number}");
            let mut command = this_program("taskmanager", args)?;
            command.args(["--jobmanager", &addresses.rpc.to_string(), "--join", &token]);
            command.args(["--slots", &args.slots.to_string(), "--name", &name]);
            command.arg("--data-dir").arg(dir.join(&name));
            self.spawn(&format!("TaskManager {name}"), command)?;
        }
        let url = format!("http://{}", addresses.rest);
        let client = Client::new(Some(&url))?;
        self.wait_for("the TaskManagers to join", || {
            let overview = client.get("/overview").ok()?;
            (overview["taskmanagers"].as_u64()? >= u64::from(args.taskmanagers)).then_some(())
        })?;
        self.screen.say(&format!(
            "cluster of {} TaskManagers with {} slots each runs; REST is at {url}; Ctrl-C stops it",
            args.taskmanagers, args.slots
        ));
        self.watch()
    }

    /// Tells about members that end, until this process is asked to stop.
    fn watch(&mut self) -> Result<Exit, Failure> {
        loop {
            if self.pause(Duration::from_millis(200)) {
                return Ok(Exit::Finished);
            }
            for index in 0..self.members.len() {
                let Some(status) = self.ended(index) else {
                    continue;
                };
                let name = &self.members[index].name;
                if index == 0 {
                    return Err(Failure::failed(format!("the {name} ended: {status}")));
                }
                self.screen.say(&format!("{name} ended: {status}"));
            }
        }
    }

    fn spawn(&mut self, name: &str, mut command: Command) -> Result<(), Failure> {
        // The pipe's other end is this process's as long as it lives.
        command.arg("--with-parent").stdin(Stdio::piped());
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| Failure::failed(format!("start the {name}: {error}")))?;
        self.members.push(Member {
            name: name.to_owned(),
            child,
            has_ended: false,
        });
        Ok(())
    }

    /// Asks again and again until there is an answer; fails when a member ends meanwhile.
    fn wait_for<T>(
        &mut self,
        what: &str,
        mut answer: impl FnMut() -> Option<T>,
    ) -> Result<T, Failure> {
        let deadline = self.clock.monotonic() + START_PATIENCE;
        loop {
            if let Some(answer) = answer() {
                return Ok(answer);
            }
            if let Some(index) = (0..self.members.len()).find(|index| self.ended(*index).is_some())
            {
                let name = &self.members[index].name;
                return Err(Failure::failed(format!(
                    "the {name} did not start; it says why above"
                )));
            }
            if self.clock.monotonic() > deadline {
                let seconds = START_PATIENCE.as_secs();
                return Err(Failure::failed(format!("waited {seconds} s for {what}")));
            }
            if self.pause(POLL) {
                return Err(Failure {
                    exit: Exit::Cancelled,
                    message: format!("stopped while waiting for {what}"),
                });
            }
        }
    }

    /// Waits; whether this process was asked to stop.
    fn pause(&self, time: Duration) -> bool {
        let deadline = self.clock.monotonic() + time;
        self.interrupt.wait_until(&self.clock, deadline) == wasmill_actor::Woken::Notified
    }

    /// The end of a member that has not been told about.
    fn ended(&mut self, index: usize) -> Option<ExitStatus> {
        let member = &mut self.members[index];
        if member.has_ended {
            return None;
        }
        let status = member.child.try_wait().ok().flatten()?;
        member.has_ended = true;
        Some(status)
    }

    /// Ends all members, the JobManager last so that the others can take their leave of it.
    fn stop(&mut self) {
        let others = 1.min(self.members.len())..self.members.len();
        self.end(others);
        self.end(0..1.min(self.members.len()));
    }

    /// Ends some members, in good order if they do that in time.
    fn end(&mut self, members: Range<usize>) {
        for index in members.clone() {
            let member = &self.members[index];
            if let Some(process) = Pid::from_raw(member.child.id() as i32)
                && !member.has_ended
            {
                // It may have ended meanwhile.
                let _ = kill_process(process, UnixSignal::TERM);
            }
        }
        let deadline = self.clock.monotonic() + STOP_PATIENCE;
        while self.clock.monotonic() < deadline {
            let running = members.clone().filter(|index| {
                self.ended(*index);
                !self.members[*index].has_ended
            });
            if running.count() == 0 {
                return;
            }
            Signal::new().wait_until(&self.clock, self.clock.monotonic() + POLL);
        }
        for member in &mut self.members[members] {
            if !member.has_ended {
                let name = &member.name;
                self.screen
                    .say(&format!("{name} does not end in time and is killed"));
                // Killing what has ended is no loss.
                let _ = member.child.kill();
                let _ = member.child.wait();
            }
        }
    }
}

/// This program with a command.
fn this_program(command: &str, args: &ClusterStartArgs) -> Result<Command, Failure> {
    let program = env::current_exe()
        .map_err(|error| Failure::failed(format!("find the path of this program: {error}")))?;
    let mut process = Command::new(program);
    process.arg(command);
    if let Some(config) = &args.config {
        process.arg("--config").arg(config);
    }
    Ok(process)
}

/// A token with which TaskManagers of this process join.
fn join_token(home: &Path) -> Result<String, Failure> {
    let program = env::current_exe()
        .map_err(|error| Failure::failed(format!("find the path of this program: {error}")))?;
    let output = Command::new(program)
        .args(["token", "join", "--data-dir"])
        .arg(home)
        .stderr(Stdio::inherit())
        .output();
    let output = output.map_err(|error| Failure::failed(format!("make a join token: {error}")))?;
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || token.is_empty() {
        return Err(Failure::failed(
            "make a join token: `wasmill token join` failed",
        ));
    }
    Ok(token)
}

/// A directory as a URL.
fn url_of(dir: &Path) -> OsString {
    let mut url = OsString::from("file://");
    url.push(std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()));
    url
}
