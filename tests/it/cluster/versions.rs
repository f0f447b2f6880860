//! Nodes that are not made for each other: of another version, or with another time of day.
//!
//! The other version is this test, which speaks the handshake of one that comes later to the real program;
//! the other time is what libfaketime tells the program. Both sides have to say what is wrong.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use wasmill_actor::Clock;
use wasmill_network::endpoint::{Endpoint, Listener, Options, Protocol, Whom};
use wasmill_network::identity::{Authority, Node};
use wasmill_rpc::join::{self, Join};
use wasmill_rpc::{control, heartbeat};

use crate::harness::{Cluster, Wasmill};

/// A version that comes later.
const LATER: u32 = 1_000;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What both sides have to say.
const TOLD: [&str; 3] = [
    "versions differ",
    "wasmill-control/1000",
    "run the same version on all nodes",
];

/// The control plane of a later version.
fn later() -> Protocol {
    Protocol {
        version: LATER,
        ..control::protocol(&heartbeat::Options::default())
    }
}

/// Runs what is asynchronous, in bounded time.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let bounded = async { Clock::system().timeout(PATIENCE, work).await.unwrap() };
    runtime.unwrap().block_on(bounded)
}

fn assert_told(text: &str) {
    for part in TOLD {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[test]
fn a_task_manager_of_another_version_is_refused_and_both_sides_say_so() {
    let cluster = Cluster::start("");
    let clock = Clock::system();
    let dir = TempDir::new().unwrap();
    let join = Join {
        job_manager: cluster.rpc.parse().unwrap(),
        token: Some(cluster.token.parse().unwrap()),
        id: "later".parse().unwrap(),
        data_dir: dir.path().to_owned(),
        endpoint: Options::default(),
    };
    let refused = run(async {
        let identity = join::identity(&join, &clock).await.unwrap();
        let endpoint = Endpoint::client(Some(identity), Options::default(), &clock).unwrap();
        let whom = Whom::Node(Node::JobManager);
        let connected = endpoint.connect(join.job_manager, whom, &later()).await;
        connected.unwrap_err().to_string()
    });
    assert_told(&refused);
    let logged = cluster.wait("the JobManager to tell of the refusal", || {
        let logged = cluster.logged("jobmanager");
        let line = logged.lines().find(|line| line.contains("versions differ"));
        line.map(str::to_owned)
    });
    assert_told(&logged);
    assert_eq!(cluster.get("/overview")["taskmanagers"], 0);
}

/// A JobManager of a later version, as far as TaskManagers see it before they are refused.
struct Later {
    listener: Listener,
    desk: join::Desk,
    address: SocketAddr,
    token: String,
    _endpoint: Endpoint,
}

impl Later {
    fn start(dir: &TempDir, clock: &Clock) -> Self {
        let authority = Arc::new(Authority::open(dir.path(), clock.now_ms()).unwrap());
        let identity = authority.job_manager(clock.now_ms()).unwrap();
        let token = authority.tokens().issue(clock.now_ms(), PATIENCE).reveal();
        let (endpoint, listener) = Endpoint::listen(
            "127.0.0.1:0".parse().unwrap(),
            identity,
            &[later(), join::protocol()],
            Options::default(),
            clock,
        )
        .unwrap();
        Self {
            listener,
            desk: join::Desk::new(authority, clock.clone()),
            address: endpoint.local_addr().unwrap(),
            token,
            _endpoint: endpoint,
        }
    }

    /// Lets nodes join until one is refused; why.
    async fn refusal(&mut self) -> String {
        loop {
            match self.listener.accept().await.expect("it listens") {
                Ok(link) => drop(self.desk.serve(link).await.unwrap()),
                Err(refused) => return refused.to_string(),
            }
        }
    }
}

#[test]
fn a_job_manager_of_another_version_is_left_and_both_sides_say_so() {
    let (dir, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let clock = Clock::system();
    let (running, refused) = run(async {
        let mut later = Later::start(&dir, &clock);
        let address = later.address.to_string();
        let start = [
            "taskmanager",
            "--jobmanager",
            &address,
            "--join",
            &later.token,
        ];
        let running = Wasmill::new(start)
            .args(["--data", "127.0.0.1:0", "--data-dir"])
            .arg(home.path())
            .env("WASMILL__TASKMANAGER__REGISTRATION_TIMEOUT", "60s")
            .start();
        (running, later.refusal().await)
    });
    assert_told(&refused);
    let running = running.until("versions differ");
    let said = running.said().lines().last().unwrap_or_default();
    assert_told(said);
}

#[test]
fn a_task_manager_whose_clock_is_off_joins_or_hears_of_the_clocks() {
    let cluster = Cluster::start("");
    for (offset, told) in [
        ("-2h", "set the clocks of both machines"),
        ("+400d", "expired at"),
    ] {
        let ended = skewed(&cluster, "off", offset).end().with_code(1);
        ended.error_with(&[told]);
    }
    cluster.wait("the JobManager to tell of the refusal", || {
        let logged = cluster.logged("jobmanager");
        logged.contains("set the clocks").then_some(())
    });
    assert_eq!(cluster.get("/overview")["taskmanagers"], 0);
    // Certificates begin an hour in the past, and nothing else compares the times of two machines.
    for (number, offset) in ["-30m", "+2h"].into_iter().enumerate() {
        let running = skewed(&cluster, &format!("off-{number}"), offset).start();
        let running = running.until("its data plane is at");
        cluster.until_joined(1);
        running.signalled("TERM").with_code(0);
        cluster.until_joined(0);
    }
}

/// A TaskManager of a machine whose time of day is another one. Not with the command `faketime`, which stays
/// between the test's signals and the program.
fn skewed(cluster: &Cluster, name: &str, offset: &str) -> Wasmill {
    cluster
        .task_manager(name, 1, &cluster.token)
        // The loader knows the directory.
        .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
        .env("FAKETIME", offset)
        // Spans of time are measured by another clock, which goes as it did.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}
