//! A cluster of real processes: a JobManager, TaskManagers, and what clients ask of them.
//!
//! All on loopback, where REST asks for no token, unless the test wants tokens or a network of its own.
//! Invariant: no process outlives its test; ports are free ones that the processes choose themselves.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use wasmill_actor::Clock;

use super::network::Network;
use super::program::{Ended, Running, Wasmill};

/// Where the JobManager is in a network.
const JOB_MANAGER: &str = "jobmanager";

/// Nothing that a test waits for takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    job_manager: Option<Running>,
    task_managers: Vec<(String, Running)>,
    network: Option<Network>,
    dir: TempDir,
    /// Where REST is.
    pub(crate) url: String,
    /// What REST is sent as a token; nothing when it needs none.
    pub(crate) bearer: String,
    /// Where TaskManagers join.
    pub(crate) rpc: String,
    /// With which they join.
    pub(crate) token: String,
    clock: Clock,
}

impl Cluster {
    /// A JobManager with this configuration, and no TaskManager.
    pub(crate) fn start(config: &str) -> Self {
        let mut cluster = Self::prepare(config, None);
        cluster.start_job_manager("127.0.0.1");
        cluster
    }

    /// The same, of which REST asks for a token; clients here have that of an admin.
    pub(crate) fn with_tokens(config: &str) -> Self {
        let mut cluster = Self::prepare(config, None);
        cluster.bearer = cluster.client_token("admin");
        cluster.start_job_manager("127.0.0.1");
        cluster
    }

    /// The same, with something done to the test's directory before anything runs.
    pub(crate) fn prepared(config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let mut cluster = Self::prepare(config, None);
        prepare(cluster.dir());
        cluster.start_job_manager("127.0.0.1");
        cluster
    }

    /// A cluster with so many TaskManagers `tm-1`, `tm-2`, … of so many slots, all joined.
    pub(crate) fn of(task_managers: usize, slots: u32, config: &str) -> Self {
        Self::start(config).with_task_managers(task_managers, slots)
    }

    /// The same, each process on a host of its own; connectors may touch the test's directory.
    pub(crate) fn of_hosts(task_managers: usize, slots: u32, config: &str) -> Self {
        let mut cluster = Self::prepare(config, Some(Network::new()));
        let roots = format!("[connectors.file]\nroots = [{:?}]\n", cluster.dir());
        fs::write(cluster.config(), format!("{config}{roots}")).unwrap();
        cluster.bearer = cluster.client_token("admin");
        let host = cluster.hosts_mut().add(JOB_MANAGER);
        for number in 1..=task_managers {
            cluster.hosts_mut().add(&format!("tm-{number}"));
        }
        cluster.start_job_manager(&host.to_string());
        cluster.with_task_managers(task_managers, slots)
    }

    fn prepare(config: &str, network: Option<Network>) -> Self {
        let dir = TempDir::new().unwrap();
        let cluster = Self {
            job_manager: None,
            task_managers: Vec::new(),
            network,
            dir,
            url: String::new(),
            bearer: String::new(),
            rpc: String::new(),
            token: String::new(),
            clock: Clock::system(),
        };
        fs::write(cluster.config(), config).unwrap();
        cluster
    }

    fn with_task_managers(mut self, task_managers: usize, slots: u32) -> Self {
        for number in 1..=task_managers {
            self.join(&format!("tm-{number}"), slots);
        }
        self.until_joined(task_managers);
        self
    }

    fn start_job_manager(&mut self, host: &str) {
        let any = format!("{host}:0");
        self.start_job_manager_at(&any, &any);
    }

    fn start_job_manager_at(&mut self, rest: &str, rpc: &str) {
        let home = self.home(JOB_MANAGER);
        let checkpoints = format!("file://{}", self.dir().join("checkpoints").display());
        let command = self
            .on(JOB_MANAGER, ["jobmanager", "--rest", rest, "--rpc", rpc])
            .args(["--checkpoint-dir", &checkpoints, "--data-dir"])
            .arg(&home)
            .arg("--config")
            .arg(self.config());
        self.job_manager = Some(command.logging_to(self.log(JOB_MANAGER)).start());
        let found = self.wait("the JobManager to start", || {
            let text = fs::read_to_string(home.join("addresses.json")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        });
        self.url = format!("http://{}", found["rest"].as_str().unwrap());
        self.rpc = found["rpc"].as_str().unwrap().to_owned();
        let token = Wasmill::new(["token", "join", "--data-dir"]).arg(&home);
        let token = token.end().with_code(0).stdout;
        token.trim().clone_into(&mut self.token);
    }

    /// A command of the program, on a host when there are some.
    fn on<S: AsRef<OsStr>>(&self, host: &str, args: impl IntoIterator<Item = S>) -> Wasmill {
        match &self.network {
            Some(network) => Wasmill::started_by(network.on(host), args),
            None => Wasmill::new(args),
        }
    }

    /// The hosts.
    pub(crate) fn hosts(&self) -> &Network {
        self.network.as_ref().expect("it has hosts")
    }

    fn hosts_mut(&mut self) -> &mut Network {
        self.network.as_mut().expect("it has hosts")
    }

    /// Makes a token for clients of this role, of the tenant `default`.
    pub(crate) fn client_token(&self, role: &str) -> String {
        self.tenant_token("default", role)
    }

    /// Makes a token for clients of this role, of a tenant.
    pub(crate) fn tenant_token(&self, tenant: &str, role: &str) -> String {
        let make = ["token", "create", "--tenant", tenant, "--role", role];
        let make = [&make[..], &["--data-dir"]].concat();
        let made = Wasmill::new(make).arg(self.home(JOB_MANAGER)).end();
        let text = made.with_code(0).stdout;
        text.lines().next().unwrap_or_default().to_owned()
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
        let slots = slots.to_string();
        let command = ["taskmanager", "--jobmanager", &self.rpc, "--join", token];
        self.on(name, command)
            .args(["--name", name, "--slots", &slots, "--data-dir"])
            .arg(self.home(name))
            .arg("--config")
            .arg(self.config())
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
    pub(crate) fn client<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Wasmill {
        Wasmill::new(args)
            .env("WASMILL_URL", &self.url)
            .env("WASMILL_TOKEN", &self.bearer)
    }

    /// Kills the JobManager.
    pub(crate) fn kill_job_manager(&mut self) {
        drop(self.job_manager.take());
    }

    /// Starts the JobManager again after it was killed, at its old addresses; waits for its jobs.
    pub(crate) fn restart_job_manager(&mut self) {
        self.start_job_manager_again();
        self.wait("the jobs to go on", || {
            let jobs = self.get("/jobs/overview");
            (!jobs["jobs"].as_array()?.is_empty()).then_some(())
        });
    }

    /// The same, also when none of its jobs can go on.
    pub(crate) fn start_job_manager_again(&mut self) {
        let rest = self.url.trim_start_matches("http://").to_owned();
        let rpc = self.rpc.clone();
        // One that ended in good order has removed it.
        let _ = fs::remove_file(self.home(JOB_MANAGER).join("addresses.json"));
        self.start_job_manager_at(&rest, &rpc);
    }

    /// Ends the JobManager in good order.
    pub(crate) fn end(&mut self) -> Ended {
        let job_manager = self.job_manager.take().expect("it runs");
        job_manager.signalled("TERM")
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
        self.request_as(&self.bearer, method, path, body)
    }

    /// The same, of somebody with this token.
    pub(crate) fn request_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/v1{path}", self.url))
            .header("Content-Type", "application/json");
        if !token.is_empty() {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
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
            "waited too long for {what}; the JobManager said\n{}\n{}",
            self.logged("jobmanager"),
            self.picture()
        );
    }

    /// What is known of the jobs, for whoever reads of a failure.
    fn picture(&self) -> String {
        let overview = self.get("/jobs/overview");
        let jobs = overview["jobs"].as_array().cloned().unwrap_or_default();
        let told = jobs.iter().map(|job| {
            let id = job["jid"].as_str().unwrap_or_default();
            let checkpoints = self.get(&format!("/jobs/{id}/checkpoints"));
            let exceptions = self.get(&format!("/jobs/{id}/exceptions"));
            let newest = &exceptions["exceptionHistory"]["entries"][0]["stacktrace"];
            let (counts, latest) = (&checkpoints["counts"], &checkpoints["history"][0]);
            format!("{job}\ncheckpoints {counts}, newest {latest}\nexception {newest}")
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// The data directory of the process of this name.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("wasmill.toml")
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
