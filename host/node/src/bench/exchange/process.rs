//! The TaskManager processes of the exchange benchmark, as the benchmark holds them.
//!
//! Invariants: every answer is waited for within [`PATIENCE`]; a process ends when its handle is dropped,
//! and by itself when the benchmark's process is gone.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use wasmill_actor::Clock;
use wasmill_network::identity::{Admission, Authority, KeyPair, member};
use wasmill_types::id::TaskManagerId;

use super::Settings;
use super::protocol::{Answer, Member, Order};
use crate::programs::Options;

/// How long an answer may take: a round on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// A TaskManager process.
pub(super) struct Process {
    /// Its name and address.
    pub(super) member: Member,
    clock: Clock,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Killed when this is dropped.
    _child: Child,
}

impl Process {
    /// Starts TaskManagers with certificates of a cluster of their own, in this directory.
    pub(super) async fn start_all(
        settings: &Settings,
        dir: &Path,
        clock: &Clock,
    ) -> Result<Vec<Self>> {
        let authority = Authority::open(dir, clock.now_ms())?;
        let mut processes = Vec::new();
        for number in 0..settings.taskmanagers {
            let name: TaskManagerId = format!("exchange-{number}").parse()?;
            let home = dir.join(name.as_str());
            admit(&authority, &name, &home, clock)?;
            processes.push(Self::start(settings, name, &home, clock).await?);
        }
        Ok(processes)
    }

    async fn start(
        settings: &Settings,
        name: TaskManagerId,
        home: &Path,
        clock: &Clock,
    ) -> Result<Self> {
        let program = Options::this_program().map_err(anyhow::Error::msg)?;
        let mut child = Command::new(&program)
            .arg("internal-exchange")
            .arg("--data-dir")
            .arg(home)
            .args(["--parallelism", &settings.parallelism.to_string()])
            .args(["--record-bytes", &settings.record_bytes.to_string()])
            .args(["--network-memory", &settings.network_memory.0.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start `{}`", program.display()))?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(answers)) = (orders, answers) else {
            bail!("a process without its pipes");
        };
        let mut answers = BufReader::new(answers).lines();
        let Answer::Ready(address) = answer(&mut answers, &name, clock).await? else {
            bail!("TaskManager `{name}` did not say that it is ready");
        };
        Ok(Self {
            member: Member { name, address },
            clock: clock.clone(),
            orders,
            answers,
            _child: child,
        })
    }

    /// Gives an order.
    pub(super) async fn tell(&mut self, order: &Order) -> Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        let told = self.orders.write_all(&line).await;
        told.with_context(|| format!("TaskManager `{}` has ended", self.member.name))
    }

    /// The answer to the oldest order that has none.
    pub(super) async fn hear(&mut self) -> Result<Answer> {
        answer(&mut self.answers, &self.member.name, &self.clock).await
    }
}

async fn answer(
    answers: &mut Lines<BufReader<ChildStdout>>,
    name: &TaskManagerId,
    clock: &Clock,
) -> Result<Answer> {
    let line = clock.timeout(PATIENCE, answers.next_line()).await;
    let line = line.with_context(|| format!("wait for TaskManager `{name}`"))??;
    let line = line.with_context(|| format!("TaskManager `{name}` has ended"))?;
    match serde_json::from_str(&line)? {
        Answer::Failed(reason) => bail!("TaskManager `{name}`: {reason}"),
        answer => Ok(answer),
    }
}

/// Makes a TaskManager a member of the cluster.
fn admit(authority: &Authority, name: &TaskManagerId, home: &Path, clock: &Clock) -> Result<()> {
    let (key, now) = (KeyPair::generate()?, clock.now_ms());
    let got = Admission {
        cluster: authority.cluster(),
        id: name.clone(),
        certificate: authority.admit(name, &key.public(), now)?,
        authority: authority.certificate(),
    };
    member::keep(home, &key, &got, now)?;
    Ok(())
}
