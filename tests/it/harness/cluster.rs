//! A cluster of real processes: a JobManager, TaskManagers, and what clients ask of them.
//!
//! Invariant: no process outlives its test; ports are free ones that the processes choose themselves.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasmill_actor::Clock;

use super::program::{Running, Wasmill};

/// Nothing that a test waits for takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    dir: TempDir,
    job_manager: Option<Running>,
    task_managers: Vec<(String, Running)>,
    /// Where REST is.
    pub(crate) url: String,
    rpc: String,
    token: String,
    clock: Clock,
}

impl Cluster {
    /// A JobManager with this configuration, and no TaskManager.
    pub(crate) fn start(config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("wasmill.toml"), config).unwrap();
        let mut cluster = Self {
            dir,
            job_manager: None,
            task_managers: Vec::new(),
            url: String::new(),
            rpc: "127.0.0.1:0".to_owned(),
            token: String::new(),
            clock: Clock::system(),
        };
        cluster.start_job_manager();
        let home = cluster.home("jobmanager");
        let token = Wasmill::new(["token", "join", "--data-dir"]).arg(&home);
        token
            .end()
            .with_code(0)
            .stdout
            .trim()
            .clone_into(&mut cluster.token);
        cluster
    }

    /// A cluster with so many TaskManagers `tm-1`, `tm-2`, … of so many slots, all joined.
    pub(crate) fn of(task_managers: usize, slots: u32, config: &str) -> Self {
        let mut cluster = Self::start(config);
        for number in 1..=task_managers {
            cluster.join(&format!("tm-{number}"), slots);
        }
        cluster.until_joined(task_managers);
        cluster
    }

    /// Starts the JobManager, or starts it again.
    fn start_job_manager(&mut self) {
        let home = self.home("jobmanager");
        let addresses = home.join("addresses.json");
        drop(fs::remove_file(&addresses));
        let checkpoints = format!("file://{}", self.dir.path().join("checkpoints").display());
        let command = Wasmill::new(["jobmanager", "--rest", "127.0.0.1:0", "--rpc", &self.rpc])
            .arg("--data-dir")
            .arg(&home)
            .arg("--checkpoint-dir")
            .arg(checkpoints)
            .arg("--config")
            .arg(self.dir.path().join("wasmill.toml"));
        let log = self.log("jobmanager");
        self.job_manager = Some(command.logging_to(log).start());
        let found = self.wait("the JobManager to start", || {
            let text = fs::read_to_string(&addresses).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        self.url = format!("http://{}", found["rest"].as_str().unwrap());
        self.rpc = found["rpc"].as_str().unwrap().to_owned();
    }

    /// Starts a TaskManager.
    pub(crate) fn join(&mut self, name: &str, slots: u32) {
        let command = self.task_manager(name, slots, &self.token);
        let log = self.log(name);
        let running = command.logging_to(log).start();
        self.task_managers.push((name.to_owned(), running));
    }

    /// The command line of a TaskManager with this join token.
    pub(crate) fn task_manager(&self, name: &str, slots: u32, token: &str) -> Wasmill {
        Wasmill::new([
            "taskmanager",
            "--jobmanager",
            &self.rpc,
            "--join",
            token,
            "--name",
            name,
        ])
        .args(["--slots", &slots.to_string(), "--data-dir"])
        .arg(self.home(name))
        .arg("--config")
        .arg(self.dir.path().join("wasmill.toml"))
    }

    /// Waits until so many TaskManagers are registered.
    pub(crate) fn until_joined(&self, task_managers: usize) {
        self.wait("the TaskManagers to join", || {
            let overview = self.get("/overview");
            (overview["taskmanagers"] == task_managers).then_some(())
        });
    }

    /// Kills a TaskManager; it has no chance to say anything.
    pub(crate) fn kill(&mut self, name: &str) {
        let index = self
            .task_managers
            .iter()
            .position(|(other, _)| other == name);
        let (_, running) = self.task_managers.remove(index.expect("it was started"));
        drop(running);
    }

    /// Sends a TaskManager a signal.
    pub(crate) fn signal(&mut self, name: &str, signal: &str) {
        let index = self
            .task_managers
            .iter()
            .position(|(other, _)| other == name);
        let (name, running) = self.task_managers.remove(index.expect("it was started"));
        self.task_managers.push((name, running.signal(signal)));
    }

    /// Runs a client command of the program against this cluster.
    pub(crate) fn client<S: AsRef<std::ffi::OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Wasmill {
        Wasmill::new(args).env("WASMILL_URL", &self.url)
    }

    /// Submits a bundle; the job's id.
    pub(crate) fn submit(&self, bundle: &Path, flags: &[&str], args: &[&str]) -> String {
        let command = self
            .client(["run", "--detach", "--json"])
            .args(flags)
            .arg(bundle)
            .arg("--")
            .args(args);
        let summary = command.end().with_code(0).summary();
        summary["jobid"].as_str().unwrap().to_owned()
    }

    /// Waits until a job is in one of these states; which.
    pub(crate) fn until(&self, job: &str, states: &[&str]) -> String {
        let what = format!("job {job} to be {states:?}");
        self.wait(&what, || {
            let state = self.state(job);
            states.contains(&state.as_str()).then_some(state)
        })
    }

    /// The state of a job.
    pub(crate) fn state(&self, job: &str) -> String {
        let detail = self.get(&format!("/jobs/{job}"));
        detail["state"].as_str().unwrap_or_default().to_owned()
    }

    /// What REST answers.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.request("GET", path, None).1
    }

    /// The status and body that REST answers.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/v1{path}", self.url))
            .header("Content-Type", "application/json");
        let text = body.map(Value::to_string).unwrap_or_default();
        let agent = config.new_agent();
        let answer = match body {
            Some(_) => agent.run(request.body(text).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answer.body_mut().read_to_string().unwrap();
        let json = serde_json::from_str(&text);
        (
            answer.status().as_u16(),
            json.unwrap_or(Value::String(text)),
        )
    }

    /// What the process of this name has logged.
    pub(crate) fn logged(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(format!("{name}.log"))).unwrap_or_default()
    }

    /// A directory of its own for the test.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Looks again and again until there is an answer.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = self.clock.monotonic() + PATIENCE;
        let (_nobody_sends, pause) = mpsc::sync_channel::<()>(1);
        while self.clock.monotonic() < deadline {
            if let Some(found) = look() {
                return found;
            }
            let _ = pause.recv_timeout(Duration::from_millis(20));
        }
        panic!(
            "waited too long for {what}; the JobManager said\n{}",
            self.logged("jobmanager")
        );
    }

    fn home(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self, name: &str) -> File {
        let path = self.dir.path().join(format!("{name}.log"));
        File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
    }
}
