//! The scheduler's decisions as tables: an event and what it makes the scheduler do, line by line.
//!
//! Events are written as in [`Bench::tell`], actions as in [`text`]: `a/0` is slot 0 of TaskManager `a`,
//! `1.0#2` is attempt 2 of subtask 0 of vertex 1, `p1.0` what it has staged.

use wasmill_actor::Rng;
use wasmill_types::FailureKind;
use wasmill_types::id::{SlotId, VertexId};

use super::*;
use crate::fixture;
use crate::restart::Strategy;

/// Retries twice, a second later.
const TWICE: Strategy = Strategy::FixedDelay {
    attempts: 2,
    delay: Duration::from_secs(1),
};

pub(crate) struct Bench {
    pub(crate) scheduler: Scheduler,
    pub(crate) now: Now,
    timers: Vec<(Duration, Timer)>,
}

impl Bench {
    pub(crate) fn new(graph: &str, strategy: Strategy) -> Self {
        let patience = Patience {
            cancellation: Duration::from_secs(30),
            commit_tries: 2,
            commit_delay: Duration::from_millis(100),
        };
        let restart = Restart::new(strategy, Rng::seeded(1));
        let description = fixture::description(graph, 1);
        let graph = Arc::new(fixture::graph(graph));
        let now = Now::default();
        Self {
            scheduler: Scheduler::new(description, graph, restart, patience, now),
            now,
            timers: Vec::new(),
        }
    }

    pub(crate) fn happen(&mut self, event: Event) -> Vec<Action> {
        self.scheduler.handle(event, self.now)
    }

    /// Tells an event that is written as text, and writes what it makes the scheduler do.
    fn tell(&mut self, line: &str) -> String {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let before = self.scheduler.status;
        let mut actions = Vec::new();
        if word == "after" {
            let passed = Duration::from_millis(rest.parse().unwrap());
            self.now.monotonic += passed;
            self.now.ms += passed.as_millis() as i64;
            let due = |(at, _): &mut (Duration, Timer)| *at <= self.now.monotonic;
            for (_, timer) in self.timers.extract_if(.., due).collect::<Vec<_>>() {
                actions.extend(self.happen(Event::Timer(timer)));
            }
        } else {
            let event = self.event(word, rest);
            actions = self.happen(event);
        }
        for action in &actions {
            if let Action::StartTimer(timer, after) = action {
                self.timers.push((self.now.monotonic + *after, *timer));
            }
        }
        let mut texts: Vec<String> = actions.iter().map(text).collect();
        if self.scheduler.status != before {
            texts.push(self.scheduler.status.to_string());
        }
        texts.join("; ")
    }

    fn event(&self, word: &str, rest: &str) -> Event {
        let (first, why) = rest.split_once(' ').unwrap_or((rest, ""));
        let request = self.scheduler.request;
        match word {
            "start" => Event::Start,
            "grant" => Event::SlotsGranted {
                request,
                slots: rest.split(' ').map(slot).collect(),
            },
            "refuse" => Event::SlotsRefused {
                request,
                missing: rest.to_owned(),
            },
            "prepared" => Event::Prepared {
                number: self.scheduler.preparation,
                result: Ok(()),
            },
            "unprepared" => Event::Prepared {
                number: self.scheduler.preparation,
                result: Err(cause(rest)),
            },
            "deployed" | "undeployed" => Event::Deployed {
                registration: registration(first),
                attempts: self.attempts_on(registration(first)),
                result: if why.is_empty() {
                    Ok(())
                } else {
                    Err(cause(why))
                },
            },
            "lost" => Event::TaskManagerLost {
                registration: registration(rest),
                reason: "gone".to_owned(),
            },
            "committed" | "uncommitted" => Event::Committed {
                sink: OperatorId(first.parse().unwrap()),
                result: if why.is_empty() {
                    Ok(())
                } else {
                    Err(why.to_owned())
                },
            },
            "discarded" => Event::Discarded(Ok(())),
            "undiscarded" => Event::Discarded(Err(rest.to_owned())),
            "cancel" => Event::Cancel,
            "suspend" => Event::Suspend,
            _ => self.task_event(word, first, why),
        }
    }

    fn task_event(&self, word: &str, task: &str, why: &str) -> Event {
        let (task, number) = task.split_once('#').unwrap_or((task, ""));
        let (vertex, index) = task.split_once('.').unwrap();
        let tasks = self.scheduler.tasks.of_vertex(vertex.parse().unwrap());
        let task = &tasks[index.parse::<usize>().unwrap()];
        let mut attempt = task.current.id;
        if !number.is_empty() {
            attempt.attempt = number.parse().unwrap();
        }
        let (state, has_parts) = match word {
            "opens" => (ExecutionState::Initializing, false),
            "runs" => (ExecutionState::Running, false),
            "finishes" => (ExecutionState::Finished, true),
            "stops" => (ExecutionState::Canceled, false),
            "fails" => (ExecutionState::Failed, false),
            other => panic!("`{other}` is no event"),
        };
        // Vertices of these graphs have one operator each, numbered alike.
        let sink = OperatorId(attempt.vertex.0);
        let is_sink = self.scheduler.graph.operator(sink).name.starts_with("out");
        let part = PartData {
            sink,
            name: format!("p{}.{}", attempt.vertex, attempt.subtask),
            state: Vec::new(),
        };
        Event::TaskChanged(Box::new(TaskChange {
            registration: task.registration().unwrap_or(RegistrationId(99)),
            attempt,
            state,
            failure: (!why.is_empty()).then(|| cause(why)),
            parts: Some(part)
                .filter(|_| has_parts && is_sink)
                .into_iter()
                .collect(),
            counters: TaskCounters::default(),
        }))
    }

    fn attempts_on(&self, registration: RegistrationId) -> Vec<AttemptId> {
        let tasks = self.scheduler.tasks.iter();
        let its = tasks.filter(|task| task.registration() == Some(registration));
        its.map(|task| task.current.id).collect()
    }

    /// The exceptions, newest first, as `message(concurrent, …)`.
    fn exceptions(&self) -> Vec<String> {
        let message = |it: &crate::view::ExceptionView| match &it.task {
            Some(task) => format!("{task}: {}", it.cause.message),
            None => it.cause.message.clone(),
        };
        let entries = self.scheduler.history.entries(true);
        let text = entries.iter().map(|it| {
            let others: Vec<_> = it.concurrent.iter().map(message).collect();
            match others.is_empty() {
                true => message(it),
                false => format!("{} ({})", message(it), others.join(", ")),
            }
        });
        text.collect()
    }
}

fn registration(name: &str) -> RegistrationId {
    RegistrationId(u64::from(name.as_bytes()[0] - b'a'))
}

fn slot(text: &str) -> (SlotRef, Location) {
    let (name, slot) = text.split_once('/').unwrap();
    located(SlotRef {
        registration: registration(name),
        slot: SlotId(slot.parse().unwrap()),
    })
}

pub(crate) fn located(slot: SlotRef) -> (SlotRef, Location) {
    let name = char::from(b'a' + slot.registration.0 as u8);
    let location = Location {
        task_manager: format!("tm-{name}").parse().unwrap(),
        endpoint: format!("host-{name}:1"),
        slot: slot.slot,
    };
    (slot, location)
}

/// `~why` is the consequence of another failure, `!why` a loss.
fn cause(text: &str) -> FailureCause {
    match text.split_at(1) {
        ("~", why) => FailureCause::new(FailureKind::Consequence, why),
        ("!", why) => FailureCause::new(FailureKind::Lost, why),
        _ => FailureCause::new(FailureKind::Guest, text),
    }
}

pub(crate) fn text(action: &Action) -> String {
    let attempt = |it: &AttemptId| format!("{}.{}#{}", it.vertex, it.subtask, it.attempt);
    let name = |it: RegistrationId| char::from(b'a' + it.0 as u8);
    let slot = |it: &SlotRef| format!("{}/{}", name(it.registration), it.slot);
    let parts = |parts: &[PartData]| {
        let names: Vec<_> = parts.iter().map(|it| it.name.as_str()).collect();
        names.join(" ")
    };
    match action {
        Action::RequestSlots { slots, held, .. } => format!("request {slots}+{held}"),
        Action::WithdrawSlots(_) => "withdraw".to_owned(),
        Action::ReturnSlots(slots) => {
            let slots: Vec<_> = slots.iter().map(slot).collect();
            format!("return {}", slots.join(" "))
        }
        Action::GiveUpSlot(it) => format!("give-up {}", slot(it)),
        Action::Prepare { .. } => "prepare".to_owned(),
        Action::TakeBackSplits(subtasks) => {
            let subtasks = subtasks
                .iter()
                .map(|it| format!("{}.{}", it.vertex, it.index));
            format!("take-back {}", subtasks.collect::<Vec<_>>().join(" "))
        }
        Action::Deploy(deployment) => {
            let task = |it: &TaskPlace| {
                let VertexId(vertex) = it.vertex;
                format!("{vertex}.{}#{}@{}", it.subtask, it.attempt, it.slot)
            };
            let share = |it: &Share| {
                let tasks: Vec<_> = it.tasks.iter().map(task).collect();
                format!("{}[{}]", name(it.registration), tasks.join(" "))
            };
            let shares: Vec<_> = deployment.shares.iter().map(share).collect();
            format!("deploy {}", shares.join(" "))
        }
        Action::Cancel {
            registration,
            attempts,
        } => {
            let attempts: Vec<_> = attempts.iter().map(attempt).collect();
            format!("cancel {}[{}]", name(*registration), attempts.join(" "))
        }
        Action::Commit { sink, parts: all } => format!("commit {sink}[{}]", parts(all)),
        Action::Discard {
            parts: all,
            is_awaited,
        } => match is_awaited {
            true => format!("discard[{}]", parts(all)),
            false => format!("discard-late[{}]", parts(all)),
        },
        Action::StartTimer(timer, after) => format!("{timer:?} in {}", after.as_millis()),
        Action::End => "end".to_owned(),
    }
}

/// Checks what each event makes the scheduler do, and the exceptions at the end.
fn check(name: &str, bench: &mut Bench, steps: &[(&str, &str)], exceptions: &[&str]) {
    for (number, (event, expected)) in steps.iter().enumerate() {
        let done = bench.tell(event);
        assert_eq!(done, *expected, "{name}, step {number}: {event}");
    }
    assert_eq!(bench.exceptions(), exceptions, "{name}");
}

/// A job of a source and a sink in one region on two TaskManagers, up to its deployment.
const DEPLOYED: [(&str, &str); 3] = [
    ("start", "request 2+0; CREATED"),
    ("grant a/0 b/3", "prepare"),
    (
        "prepared",
        "deploy a[0.0#0@0 1.0#0@0] b[0.1#0@3 1.1#0@3]; RUNNING",
    ),
];

fn deployed(strategy: Strategy) -> Bench {
    let mut bench = Bench::new("src*2 => out*2", strategy);
    check("deployment", &mut bench, &DEPLOYED, &[]);
    bench
}

/// The same with two regions of one source and one sink each.
fn two_regions(strategy: Strategy) -> Bench {
    let mut bench = Bench::new("src*2 -> out*2", strategy);
    check("deployment", &mut bench, &DEPLOYED, &[]);
    bench
}

mod endings;
mod failovers;
