//! The splits of a job's sources: which are still to be read, and who has got which.
//!
//! The JobMaster gives them out to tasks that ask. Invariant: a split is waiting or with exactly one
//! subtask; what a subtask had got is given out again, in its old order, when the subtask starts again.

use std::collections::{BTreeMap, VecDeque};

use wasmill_graph::Subtask;
use wasmill_rpc::protocol::{SourceSplits, SplitData};
use wasmill_types::id::VertexId;

/// The splits of all sources of a job.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    sources: BTreeMap<VertexId, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<SplitData>,
    given: BTreeMap<u32, Vec<SplitData>>,
}

impl Splits {
    /// All splits wait.
    pub(crate) fn new(sources: Vec<SourceSplits>) -> Self {
        let queue = |source: SourceSplits| {
            let waiting = source.splits.into();
            let given = BTreeMap::new();
            (source.vertex, Queue { waiting, given })
        };
        Self {
            sources: sources.into_iter().map(queue).collect(),
        }
    }

    /// The next split for a subtask; none when all are given out.
    pub(crate) fn next(&mut self, subtask: Subtask) -> Option<SplitData> {
        let queue = self.sources.get_mut(&subtask.vertex)?;
        let split = queue.waiting.pop_front()?;
        queue
            .given
            .entry(subtask.index)
            .or_default()
            .push(split.clone());
        Some(split)
    }

    /// Takes back what a subtask had got.
    pub(crate) fn take_back(&mut self, subtask: Subtask) {
        let Some(queue) = self.sources.get_mut(&subtask.vertex) else {
            return;
        };
        for split in queue
            .given
            .remove(&subtask.index)
            .into_iter()
            .flatten()
            .rev()
        {
            queue.waiting.push_front(split);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_of_a_subtask_that_starts_again_are_given_out_again() {
        let split = |name: &str| SplitData {
            name: name.to_owned(),
            state: Vec::new(),
        };
        let vertex = VertexId(1);
        let mut splits = Splits::new(vec![SourceSplits {
            vertex,
            splits: ["a", "b", "c"].map(split).into(),
        }]);
        let mut next = |index, vertex| splits.next(Subtask { vertex, index }).map(|it| it.name);
        assert_eq!(next(0, VertexId(0)), None, "no source");
        assert_eq!(next(0, vertex).as_deref(), Some("a"));
        assert_eq!(next(1, vertex).as_deref(), Some("b"));
        assert_eq!(next(0, vertex).as_deref(), Some("c"));
        assert_eq!(next(0, vertex), None);
        splits.take_back(Subtask { vertex, index: 0 });
        let rest = [(); 3].map(|()| splits.next(Subtask { vertex, index: 1 }).map(|it| it.name));
        assert_eq!(rest, [Some("a".to_owned()), Some("c".to_owned()), None]);
    }
}
