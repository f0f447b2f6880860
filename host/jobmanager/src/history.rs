//! What went wrong in a job: its failures, newest first, each with what failed beside it.
//!
//! The scheduler records here. Invariants: an entry's root is a failure that is not the mere consequence of
//! another one, if such a failure is known; while one may still come, a consequence is not shown; at most [`MAX_ENTRIES`] entries of at most [`MAX_CONCURRENT`]
//! others are kept.

use std::collections::VecDeque;

use wasmill_types::FailureKind;

use crate::view::ExceptionView;

/// How many failures are kept (Flink's `web.exception-history-size`).
pub(crate) const MAX_ENTRIES: usize = 16;
/// How many failures beside its root an entry keeps.
pub(crate) const MAX_CONCURRENT: usize = 64;

/// The failures of a job.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Newest first.
    entries: VecDeque<ExceptionView>,
}

impl History {
    /// A failure that starts a failover.
    pub(crate) fn open(&mut self, exception: ExceptionView) {
        self.entries.push_front(exception);
        self.entries.truncate(MAX_ENTRIES);
    }

    /// A failure that comes while the tasks of the newest entry are being stopped. It becomes the root
    /// when what was taken for the root is only the consequence of another.
    pub(crate) fn add(&mut self, mut exception: ExceptionView) {
        let Some(root) = self.entries.front_mut() else {
            return self.open(exception);
        };
        if is_consequence(root) && !is_consequence(&exception) {
            exception.concurrent = std::mem::take(&mut root.concurrent);
            std::mem::swap(root, &mut exception);
        }
        if root.concurrent.len() < MAX_CONCURRENT {
            root.concurrent.push(exception);
        }
    }

    /// The newest failure's root.
    pub(crate) fn newest_mut(&mut self) -> Option<&mut ExceptionView> {
        self.entries.front_mut()
    }

    /// All, newest first. What is only the consequence of another failure is held back until the failover
    /// is settled, for until then its cause may come and take its place.
    pub(crate) fn entries(&self, is_settled: bool) -> Vec<ExceptionView> {
        let newest = self.entries.front();
        let is_held_back = !is_settled && newest.is_some_and(is_consequence);
        let shown = self.entries.iter().skip(usize::from(is_held_back));
        shown.cloned().collect()
    }
}

fn is_consequence(exception: &ExceptionView) -> bool {
    exception.cause.kind == FailureKind::Consequence
}

#[cfg(test)]
mod tests {
    use wasmill_types::FailureCause;

    use super::*;

    fn exception(kind: FailureKind, message: &str) -> ExceptionView {
        ExceptionView {
            at_ms: 0,
            cause: FailureCause::new(kind, message),
            task: None,
            location: None,
            concurrent: Vec::new(),
        }
    }

    fn text(history: &History) -> Vec<String> {
        let text = |it: &ExceptionView| {
            let others = it
                .concurrent
                .iter()
                .map(|other| other.cause.message.as_str());
            let others: Vec<_> = others.collect();
            format!("{}({})", it.cause.message, others.join(" "))
        };
        history.entries(true).iter().map(text).collect()
    }

    #[test]
    fn the_root_is_the_first_failure_that_is_not_a_consequence() {
        let (cause, guest) = (FailureKind::Consequence, FailureKind::Guest);
        for (failures, expected) in [
            (&[(guest, "a"), (guest, "b")][..], "a(b)"),
            (&[(cause, "a"), (cause, "b")], "a(b)"),
            (&[(cause, "a"), (cause, "b"), (guest, "c")], "c(b a)"),
            (&[(cause, "a"), (guest, "b"), (guest, "c")], "b(a c)"),
            (&[(guest, "a"), (cause, "b")], "a(b)"),
        ] {
            let mut history = History::default();
            let (first, others) = failures.split_first().unwrap();
            history.open(exception(first.0, first.1));
            others
                .iter()
                .for_each(|it| history.add(exception(it.0, it.1)));
            assert_eq!(text(&history), [expected]);
        }
    }

    #[test]
    fn only_the_newest_entries_are_kept() {
        let mut history = History::default();
        for number in 0..40 {
            history.open(exception(FailureKind::Guest, &number.to_string()));
        }
        let entries = text(&history);
        assert_eq!((entries.len(), entries[0].as_str()), (MAX_ENTRIES, "39()"));
        for _ in 0..2 * MAX_CONCURRENT {
            history.add(exception(FailureKind::Guest, "x"));
        }
        assert_eq!(history.entries(true)[0].concurrent.len(), MAX_CONCURRENT);
    }
}
