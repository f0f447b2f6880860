//! When a task asks, and what it gets, with an executor that is played here.

use wasmill_actor::{Mailbox, ThreadKind, mailbox, threads};
use wasmill_types::id::{JobId, VertexId};

use super::*;

/// A source of splits, and the mailbox of who answers.
fn splits(clock: &Clock, cancel: &CancelToken) -> (AskedSplits, Mailbox<Message>) {
    let (executor, mailbox) = mailbox("task executor", 4);
    let attempt = AttemptId {
        job: JobId(1),
        vertex: VertexId(0),
        subtask: 0,
        attempt: 0,
    };
    let splits = AskedSplits::new(attempt, executor, cancel.clone(), clock.clone());
    (splits, mailbox)
}

/// The next question.
fn question(mailbox: &mut Mailbox<Message>) -> Option<SplitReply> {
    match mailbox.take()? {
        Message::NextSplit(_, reply) => Some(reply),
        other => panic!("{other:?} is no question for a split"),
    }
}

/// The next question, once it has come.
fn coming_question(mailbox: &mut Mailbox<Message>) -> SplitReply {
    loop {
        match question(mailbox) {
            Some(reply) => return reply,
            None => std::thread::yield_now(),
        }
    }
}

fn split(name: &str) -> SplitData {
    SplitData {
        name: name.to_owned(),
        state: Vec::new(),
    }
}

/// Lets a thread ask once, and answers.
fn once(
    mut splits: AskedSplits,
    mailbox: &mut Mailbox<Message>,
    answer: Option<Outcome>,
) -> (AskedSplits, Result<Option<String>, String>) {
    let asks_anew = splits.asked.is_none();
    let asking = threads::spawn(ThreadKind::Errand, "ask", move || {
        let next = splits.next_split();
        (splits, next)
    });
    if asks_anew {
        let reply = coming_question(mailbox);
        match answer {
            Some(answer) => reply.give(answer),
            None => drop(reply),
        }
    }
    let (splits, next) = asking.unwrap().join().unwrap();
    let next = next.map(|split| split.map(|split| split.name));
    (splits, next.map_err(|failure| failure.to_string()))
}

#[test]
fn splits_are_asked_for_one_by_one_and_ahead_once_they_are_small() {
    let (clock, cancel) = (Clock::manual(0), CancelToken::new());
    let (source, mut mailbox) = splits(&clock, &cancel);
    let name = |name: &str| Ok(Some(name.to_owned()));
    let (source, next) = once(source, &mut mailbox, Some(Ok(Some(split("a")))));
    assert_eq!(next, name("a"));
    assert!(question(&mut mailbox).is_none(), "the first says nothing");
    clock.advance(SMALL);
    let (source, next) = once(source, &mut mailbox, Some(Ok(Some(split("b")))));
    assert_eq!(next, name("b"));
    assert!(question(&mut mailbox).is_none(), "`a` lasted");
    let (source, next) = once(source, &mut mailbox, Some(Ok(Some(split("c")))));
    assert_eq!(next, name("c"));
    let ahead = question(&mut mailbox).expect("`b` was small");
    ahead.give(Ok(Some(split("d"))));
    clock.advance(SMALL);
    let (source, next) = once(source, &mut mailbox, None);
    assert_eq!(next, name("d"));
    assert!(question(&mut mailbox).is_none(), "`c` lasted");
    let (_, next) = once(source, &mut mailbox, Some(Ok(None)));
    assert_eq!(next, Ok(None));
    assert!(question(&mut mailbox).is_none(), "there are no more");
}

#[test]
fn a_question_without_an_answer_fails_and_cancelling_ends_the_wait() {
    let clock = Clock::manual(0);
    for (answer, told) in [
        (
            Some(Err("not now".to_owned())),
            "ask for the next split: not now",
        ),
        (
            None,
            "ask for the next split: the TaskManager is shutting down",
        ),
    ] {
        let (source, mut mailbox) = splits(&clock, &CancelToken::new());
        let (_, next) = once(source, &mut mailbox, answer);
        assert_eq!(next, Err(told.to_owned()));
    }
    let cancel = CancelToken::new();
    let (mut source, mut mailbox) = splits(&clock, &cancel);
    let asking = threads::spawn(ThreadKind::Errand, "ask", move || source.next_split());
    let unanswered = coming_question(&mut mailbox);
    cancel.cancel();
    let ended = asking.unwrap().join().unwrap();
    assert!(matches!(ended, Err(TaskFailure::Cancelled)), "{ended:?}");
    drop(unanswered);
}
