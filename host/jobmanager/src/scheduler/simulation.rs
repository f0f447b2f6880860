//! A seeded simulation: a scheduler in a world in which everything fails now and then.
//!
//! The world does what the scheduler says, in any order, and breaks tasks, TaskManagers and calls at random.
//! Checked: no subtask has two attempts that run; the job ends within a bounded number of steps; its root
//! cause is a real failure; the same seed gives the same trace. Legal transitions are asserted inside.

use std::collections::BTreeMap;

use wasmill_actor::Rng;
use wasmill_types::FailureKind;
use wasmill_types::id::SlotId;

use super::tests::{Bench, located, text};
use super::*;
use crate::restart::Strategy;

const SEEDS: u64 = 300;
/// After so many steps nothing breaks any more.
const BREAKING: usize = 400;
/// Every job ends within so many steps.
const BOUND: usize = 4_000;

/// Something that may happen next.
#[derive(Debug, Clone)]
enum Pending {
    Event(Event),
    /// A task goes on: from opening to running to its end.
    Progress(AttemptId, ExecutionState),
    Stop(AttemptId),
    Timer(Timer, Duration),
}

struct World {
    bench: Bench,
    rng: Rng,
    pending: Vec<Pending>,
    /// The attempts that run, with whether they are about to fail on their own.
    live: BTreeMap<AttemptId, (RegistrationId, bool)>,
    next_registration: u64,
    trace: Vec<String>,
    is_over: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::seeded(seed);
        let graphs = [
            "src*2 => out*2",
            "src*3 -> out*3",
            "src*2 -> map*2 => out*1",
            "src*1",
        ];
        let graph = graphs[rng.below(graphs.len() as u64) as usize];
        let strategies = [
            Strategy::None,
            Strategy::FixedDelay {
                attempts: 5,
                delay: Duration::from_secs(1),
            },
            Strategy::EXPONENTIAL_DELAY,
        ];
        let strategy = strategies[rng.below(3) as usize];
        Self {
            bench: Bench::new(graph, strategy),
            rng,
            pending: vec![Pending::Event(Event::Start)],
            live: BTreeMap::new(),
            next_registration: 0,
            trace: vec![format!("{graph} {strategy:?}")],
            is_over: false,
        }
    }

    /// Runs to the end; the trace and the end.
    fn run(mut self, seed: u64) -> (Vec<String>, JobStatus) {
        for step in 0..BOUND {
            if self.is_over {
                self.check_end(seed);
                return (self.trace, self.bench.scheduler.status);
            }
            if step < BREAKING && self.rng.below(12) == 0 {
                self.break_something();
            } else {
                self.go_on();
            }
        }
        let status = self.bench.scheduler.status;
        panic!(
            "seed {seed}: {status} after {BOUND} steps\n{}",
            self.trace.join("\n")
        );
    }

    fn go_on(&mut self) {
        assert!(!self.pending.is_empty(), "nothing can happen any more");
        // Time passes only when nothing else is left to do, or at times all the same.
        let is_timer = |it: &Pending| matches!(it, Pending::Timer(..));
        let now: Vec<usize> = (0..self.pending.len())
            .filter(|index| !is_timer(&self.pending[*index]))
            .collect();
        let index = match now.is_empty() || self.rng.below(30) == 0 {
            true => self.rng.below(self.pending.len() as u64) as usize,
            false => now[self.rng.below(now.len() as u64) as usize],
        };
        match self.pending.swap_remove(index) {
            Pending::Event(event) => self.happen(event),
            Pending::Timer(timer, due) => {
                let passed = due.saturating_sub(self.bench.now.monotonic);
                self.bench.now.monotonic += passed;
                self.bench.now.ms += passed.as_millis() as i64;
                self.happen(Event::Timer(timer));
            }
            Pending::Progress(attempt, state) => self.progress(attempt, state),
            Pending::Stop(attempt) => match self.live.get(&attempt) {
                // Some never stop: they are given up in time.
                Some(_) if self.rng.below(15) == 0 => {}
                Some((_, true)) => self.fail(attempt, FailureKind::Guest),
                Some((_, false)) => self.tell(attempt, ExecutionState::Canceled, None),
                None => {}
            },
        }
    }

    fn progress(&mut self, attempt: AttemptId, state: ExecutionState) {
        match self.live.get(&attempt) {
            None => return,
            Some((_, true)) => return self.fail(attempt, FailureKind::Guest),
            Some((_, false)) => {}
        }
        let next = match state {
            ExecutionState::Initializing => Some(ExecutionState::Running),
            ExecutionState::Running => Some(ExecutionState::Finished),
            _ => None,
        };
        self.pending
            .extend(next.map(|next| Pending::Progress(attempt, next)));
        self.tell(attempt, state, None);
    }

    fn break_something(&mut self) {
        let attempts: Vec<AttemptId> = self.live.keys().copied().collect();
        let choice = self.rng.below(12);
        if choice == 0 && self.trace.len() > 20 {
            return self.happen(Event::Cancel);
        }
        let Some(victim) = pick(&mut self.rng, &attempts) else {
            return;
        };
        if choice < 4 {
            let registration = self.live[&victim].0;
            self.live.retain(|_, (other, _)| *other != registration);
            return self.happen(Event::TaskManagerLost {
                registration,
                reason: "gone".to_owned(),
            });
        }
        // A neighbour may notice first.
        let region = |attempt: AttemptId| {
            self.bench.scheduler.execution.region_of(Subtask {
                vertex: attempt.vertex,
                index: attempt.subtask,
            })
        };
        let neighbours = attempts
            .iter()
            .filter(|it| **it != victim && region(**it) == region(victim));
        let neighbour = neighbours.copied().next();
        if let Some(neighbour) = neighbour
            && choice < 8
        {
            self.live
                .entry(victim)
                .and_modify(|(_, is_doomed)| *is_doomed = true);
            return self.fail(neighbour, FailureKind::Consequence);
        }
        self.fail(victim, FailureKind::Trap);
    }

    fn fail(&mut self, attempt: AttemptId, kind: FailureKind) {
        self.tell(
            attempt,
            ExecutionState::Failed,
            Some(FailureCause::new(kind, "broken")),
        );
    }

    fn tell(&mut self, attempt: AttemptId, state: ExecutionState, failure: Option<FailureCause>) {
        let Some((registration, _)) = self.live.get(&attempt).copied() else {
            return;
        };
        if state.is_terminal() {
            self.live.remove(&attempt);
        }
        let sink = OperatorId(attempt.vertex.0);
        let part = PartData {
            sink,
            name: attempt.to_string(),
            state: Vec::new(),
        };
        let has_staged = state == ExecutionState::Finished && attempt.vertex.0 > 0;
        self.happen(Event::TaskChanged(Box::new(TaskChange {
            registration,
            attempt,
            state,
            failure,
            parts: Some(part).filter(|_| has_staged).into_iter().collect(),
            counters: TaskCounters::default(),
        })));
    }

    fn happen(&mut self, event: Event) {
        self.trace.push(format!("{event:?}"));
        for action in self.bench.happen(event) {
            self.trace.push(format!("  {}", text(&action)));
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        let event = match action {
            Action::RequestSlots { request, slots, .. } => {
                let slots = (0..slots).map(|index| {
                    if index % 2 == 0 {
                        self.next_registration = (self.next_registration + 1) % 20;
                    }
                    located(SlotRef {
                        registration: RegistrationId(self.next_registration),
                        slot: SlotId(index as u32 % 2),
                    })
                });
                let slots = slots.collect();
                Event::SlotsGranted { request, slots }
            }
            Action::Prepare { number, .. } => {
                let result = match self.rng.below(20) {
                    0 => Err(FailureCause::new(FailureKind::Host, "no such file")),
                    _ => Ok(()),
                };
                Event::Prepared { number, result }
            }
            Action::Deploy(deployment) => return self.deploy(deployment),
            Action::Cancel { attempts, .. } => {
                self.pending.extend(attempts.into_iter().map(Pending::Stop));
                return;
            }
            Action::Commit { sink, .. } => {
                let result = match self.rng.below(4) {
                    0 => Err("disk full".to_owned()),
                    _ => Ok(()),
                };
                Event::Committed { sink, result }
            }
            Action::Discard {
                is_awaited: true, ..
            } => Event::Discarded(Ok(())),
            Action::StartTimer(timer, after) => {
                let due = self.bench.now.monotonic + after;
                return self.pending.push(Pending::Timer(timer, due));
            }
            Action::GiveUpSlot(slot) => {
                // Whatever still runs there is stopped when it tells something.
                let tasks = self.bench.scheduler.tasks.iter();
                let given_up = tasks.filter(|task| task.place() == Some(slot) && !task.is_live());
                for task in given_up {
                    self.live.remove(&task.current.id);
                }
                return;
            }
            Action::End => return self.is_over = true,
            Action::WithdrawSlots(_)
            | Action::ReturnSlots(_)
            | Action::TakeBackSplits(_)
            | Action::Discard { .. } => return,
        };
        self.pending.push(Pending::Event(event));
    }

    fn deploy(&mut self, deployment: Deployment) {
        for share in deployment.shares {
            let registration = share.registration;
            let attempt = |task: &TaskPlace| AttemptId {
                job: self.bench.scheduler.description.job,
                vertex: task.vertex,
                subtask: task.subtask,
                attempt: task.attempt,
            };
            let attempts: Vec<_> = share.tasks.iter().map(attempt).collect();
            for attempt in &attempts {
                let same =
                    |it: &AttemptId| (it.vertex, it.subtask) == (attempt.vertex, attempt.subtask);
                assert!(!self.live.keys().any(same), "two attempts of a subtask run");
                self.live.insert(*attempt, (registration, false));
                let first = ExecutionState::Initializing;
                self.pending.push(Pending::Progress(*attempt, first));
            }
            let result = match self.rng.below(40) {
                0 => Err(FailureCause::new(FailureKind::Host, "no memory")),
                _ => Ok(()),
            };
            if result.is_err() {
                attempts.iter().for_each(|attempt| {
                    self.live.remove(attempt);
                });
            }
            self.pending.push(Pending::Event(Event::Deployed {
                registration,
                attempts,
                result,
            }));
        }
    }

    fn check_end(&self, seed: u64) {
        let picture = self.bench.scheduler.picture();
        assert!(picture.status.is_terminal(), "seed {seed}");
        assert!(self.live.is_empty(), "seed {seed}: something runs on");
        if picture.status == JobStatus::Failed {
            let root = &picture.exceptions[0];
            assert_ne!(root.cause.kind, FailureKind::Consequence, "seed {seed}");
        }
        for subtask in picture.vertices.iter().flat_map(|vertex| &vertex.subtasks) {
            let state = subtask.current.state;
            assert!(state.is_terminal(), "seed {seed}: {state}");
        }
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> Option<T> {
    let index = |count: usize, rng: &mut Rng| rng.below(count as u64) as usize;
    (!from.is_empty()).then(|| from[index(from.len(), rng)])
}

#[test]
fn jobs_end_in_good_order_whatever_breaks() {
    let mut ends: BTreeMap<JobStatus, u32> = BTreeMap::new();
    for seed in 0..SEEDS {
        let world = World::new(seed);
        let (_, status) = world.run(seed);
        *ends.entry(status).or_default() += 1;
    }
    assert!(
        ends.values().all(|count| *count > 10),
        "all kinds of ends: {ends:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(World::new(seed).run(seed), World::new(seed).run(seed));
    }
}
