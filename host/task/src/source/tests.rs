//! Splits, statuses and bad records, with readers and operators that do as they are told.

use std::collections::VecDeque;

use wasmill_connectors::ConnectorError;
use wasmill_types::HostError;

use super::*;
use crate::fixture::guest::{Bundle, Call, DONE, Io, context, user_failure};
use crate::fixture::{batch, host, split};
use crate::guest::GuestCode;

/// A reader whose polls are texts: records separated by `,`, then `ready`, `idle` or `end`.
#[derive(Default)]
struct Script {
    assigned: Vec<String>,
    polls: VecDeque<&'static str>,
    bad: u64,
}

impl SourceReader for Script {
    fn assign(&mut self, split: Split) -> Result<(), ConnectorError> {
        self.assigned.push(split.name);
        Ok(())
    }

    fn poll(&mut self, _: i64, _: Budget, out: &mut Batch) -> Result<PollStatus, ConnectorError> {
        assert!(out.is_empty(), "the batch arrives empty");
        let poll = self.polls.pop_front().unwrap();
        let (records, status) = poll.split_once(' ').unwrap_or(("", poll));
        for record in records.split(',').filter(|record| !record.is_empty()) {
            if record == "bad" {
                self.bad += 1;
            } else {
                out.push(record.as_bytes());
            }
        }
        Ok(match status {
            "ready" => PollStatus::Ready,
            "idle" => PollStatus::IdleUntil(9),
            _ => PollStatus::Finished,
        })
    }

    fn locate(&self, index: u32) -> Option<String> {
        Some(format!("file, line {}", index + 1))
    }

    fn bad_records(&self) -> u64 {
        self.bad
    }

    fn snapshot(&self) -> Vec<Split> {
        Vec::new()
    }
}

fn connector(queue: &Arc<SplitQueue>, polls: &[&'static str]) -> SourceRole {
    SourceRole::Connector(ConnectorSource {
        reader: Box::new(Script {
            polls: polls.iter().copied().collect(),
            ..Script::default()
        }),
        splits: Box::new(Arc::clone(queue)),
        budget: Budget {
            bytes: 100,
            records: 100,
        },
        inputs: vec![0],
        outputs: Vec::new(),
        batch: batch(&["left over"]),
        is_reading: false,
        given: 0,
        bad_records: 0,
    })
}

/// An operator that does this when it is called.
fn operator<C>(make: impl Fn() -> C + Send + Sync + 'static) -> Box<dyn Operator<TaskHost>>
where
    C: FnMut(&mut Io, Call<'_>) -> Result<PollStatus, TaskFailure> + Send + 'static,
{
    let graph = crate::fixture::graph::graph("code:gen", |_, _| Vec::new());
    let mut bundle = Bundle::new(&graph);
    bundle.code("code", make);
    let cancel = wasmill_actor::CancelToken::new();
    let mut operator = bundle.instantiate(host(Vec::new()), &cancel).unwrap();
    let mut context = context();
    context.operators.push(graph.vertices[0].head());
    operator.open(&context).unwrap();
    operator
}

#[test]
fn a_reader_takes_the_next_split_when_its_own_has_ended() {
    let queue = SplitQueue::new([split("one"), split("two")]);
    let mut source = connector(&queue, &["a,b ready", "idle", "c end", "d idle", "end"]);
    let mut operator = operator(|| |_: &mut Io, _: Call<'_>| DONE);
    let mut poll = || source.poll(operator.as_mut(), 0).unwrap();
    let idle = PollStatus::IdleUntil(9);
    assert_eq!([poll(), poll()], [PollStatus::Ready, idle]);
    // The end of a split is not the end of the source.
    assert_eq!(
        [poll(), poll(), poll()],
        [PollStatus::Ready, idle, PollStatus::Ready]
    );
    assert_eq!(poll(), PollStatus::Finished);
    let metrics = &operator.host().metrics;
    assert_eq!(metrics.records_in.load(Ordering::Relaxed), 4);
    assert_eq!(metrics.bytes_in.load(Ordering::Relaxed), 4);
}

#[test]
fn every_split_is_read_by_one_reader() {
    let queue = SplitQueue::new((0..5).map(|number| split(&number.to_string())));
    let mut sources = [
        connector(&queue, &["a end"; 5]),
        connector(&queue, &["a end"; 5]),
    ];
    let mut operator = operator(|| |_: &mut Io, _: Call<'_>| DONE);
    let mut finished = 0;
    while finished < 2 {
        finished = 0;
        for source in &mut sources {
            let status = source.poll(operator.as_mut(), 0).unwrap();
            finished += u32::from(status == PollStatus::Finished);
        }
    }
    let metrics = &operator.host().metrics;
    assert_eq!(metrics.records_in.load(Ordering::Relaxed), 5);
}

#[test]
fn bad_records_are_counted_once() {
    let queue = SplitQueue::new([split("one")]);
    let mut source = connector(&queue, &["a,bad,bad ready", "ready", "bad,b end"]);
    let mut operator = operator(|| |_: &mut Io, _: Call<'_>| DONE);
    let mut counted = Vec::new();
    for _ in 0..3 {
        source.poll(operator.as_mut(), 0).unwrap();
        counted.push(operator.host().metrics.bad_records());
    }
    assert_eq!(counted, [2, 2, 3]);
}

#[test]
fn a_bad_record_is_located_where_it_was_read_and_other_failures_are_left_alone() {
    let bad = |location: Option<&str>| {
        TaskFailure::Guest(GuestFailure::BadRecord {
            index: 1,
            message: "no number".to_owned(),
            location: location.map(str::to_owned),
        })
    };
    for (failure, told) in [
        (bad(None), "bad record at file, line 2: no number"),
        (bad(Some("there")), "bad record at there: no number"),
        (user_failure("broken"), "the job's code failed: broken"),
        (HostError::new("full").into(), "full"),
    ] {
        let queue = SplitQueue::new([split("one")]);
        let mut source = connector(&queue, &["a,b ready"]);
        let mut operator = operator(move || {
            let failure = failure.clone();
            move |_: &mut Io, call: Call<'_>| match call {
                Call::Process(..) => Err(failure.clone()),
                _ => DONE,
            }
        });
        let failure = source.poll(operator.as_mut(), 0).unwrap_err();
        assert_eq!(failure.to_string(), told);
    }
}

#[test]
fn a_source_of_the_bundle_is_given_one_split_after_the_other() {
    let mut source = SourceRole::Guest {
        splits: Box::new(SplitQueue::new(["one", "two"].map(split))),
        max_records: 10,
        is_reading: false,
        given: 0,
    };
    let mut operator = operator(|| {
        let mut polls = VecDeque::from([
            PollStatus::Ready,
            PollStatus::Finished,
            PollStatus::IdleUntil(3),
            PollStatus::Finished,
        ]);
        let mut given = 0;
        move |_: &mut Io, call: Call<'_>| match call {
            Call::Assign(splits) => {
                let names = [b"one", b"two"];
                assert_eq!(splits.view().iter().collect::<Vec<_>>(), [names[given]]);
                given += 1;
                DONE
            }
            Call::Poll => Ok(polls.pop_front().unwrap()),
            _ => DONE,
        }
    });
    let statuses: Vec<_> = (0..5)
        .map(|_| source.poll(operator.as_mut(), 0).unwrap())
        .collect();
    let (ready, idle) = (PollStatus::Ready, PollStatus::IdleUntil(3));
    assert_eq!(statuses, [ready, ready, idle, ready, PollStatus::Finished]);
}
