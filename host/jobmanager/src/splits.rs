//! The splits of a job's sources: which are still to be read, and who has got which.
//!
//! The JobMaster gives them out to tasks that ask. Each answer to an attempt has a number, and a task's part
//! of a checkpoint says up to which number it accounts for. Invariants: a split is waiting or with exactly
//! one subtask; what a subtask had got and no completed checkpoint accounts for is given out again, in its
//! old order, when the subtask starts again.

use std::collections::{BTreeMap, VecDeque};

use wasmill_graph::Subtask;
use wasmill_rpc::protocol::{SourceSplits, SplitData};
use wasmill_types::id::VertexId;

/// How many splits each subtask accounts for; one that is not there has ended and accounts for all.
pub(crate) type Accounted = BTreeMap<Subtask, u64>;

/// The splits of all sources of a job.
#[derive(Debug, Default)]
pub(crate) struct Splits {
    sources: BTreeMap<VertexId, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<SplitData>,
    given: BTreeMap<u32, Given>,
}

/// What the current attempt of a subtask has got.
#[derive(Debug, Default)]
struct Given {
    /// How many in all.
    count: u64,
    /// Those that no completed checkpoint accounts for, with their numbers from 1.
    open: VecDeque<(u64, SplitData)>,
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

    /// All splits of these sources wait, whatever was known of them; others stay as they are.
    pub(crate) fn begin(&mut self, sources: Vec<SourceSplits>) {
        self.sources.extend(Self::new(sources).sources);
    }

    /// The next split for a subtask; none when all are given out.
    pub(crate) fn next(&mut self, subtask: Subtask) -> Option<SplitData> {
        let queue = self.sources.get_mut(&subtask.vertex)?;
        let split = queue.waiting.pop_front()?;
        let given = queue.given.entry(subtask.index).or_default();
        given.count += 1;
        given.open.push_back((given.count, split.clone()));
        Some(split)
    }

    /// Takes back what a subtask had got and no completed checkpoint accounts for; its next attempt counts
    /// anew.
    pub(crate) fn take_back(&mut self, subtask: Subtask) {
        let Some(queue) = self.sources.get_mut(&subtask.vertex) else {
            return;
        };
        let given = queue.given.remove(&subtask.index).unwrap_or_default();
        for (_, split) in given.open.into_iter().rev() {
            queue.waiting.push_front(split);
        }
    }

    /// Takes back what all subtasks had got and no completed checkpoint accounts for.
    pub(crate) fn take_back_all(&mut self) {
        let given = self.sources.iter().flat_map(|(vertex, queue)| {
            let indices = queue.given.keys();
            indices.map(|index| Subtask {
                vertex: *vertex,
                index: *index,
            })
        });
        let subtasks: Vec<Subtask> = given.collect();
        subtasks.into_iter().for_each(|it| self.take_back(it));
    }

    /// The splits of each source that no subtask accounts for.
    pub(crate) fn unread(
        &self,
        accounted: &Accounted,
    ) -> impl Iterator<Item = (VertexId, Vec<SplitData>)> {
        self.sources.iter().map(|(vertex, queue)| {
            let given = queue.given.iter().flat_map(|(index, given)| {
                let upto = accounted_for(accounted, *vertex, *index);
                let open = given.open.iter();
                open.filter_map(move |(number, split)| (*number > upto).then_some(split))
            });
            (*vertex, given.chain(&queue.waiting).cloned().collect())
        })
    }

    /// A checkpoint in which subtasks account for these splits is complete.
    pub(crate) fn completed(&mut self, accounted: &Accounted) {
        for (vertex, queue) in &mut self.sources {
            for (index, given) in &mut queue.given {
                let upto = accounted_for(accounted, *vertex, *index);
                given.open.retain(|(number, _)| *number > upto);
            }
        }
    }
}

fn accounted_for(accounted: &Accounted, vertex: VertexId, index: u32) -> u64 {
    let subtask = Subtask { vertex, index };
    accounted.get(&subtask).copied().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERTEX: VertexId = VertexId(1);

    fn splits(names: &[&str]) -> Splits {
        let split = |name: &&str| SplitData {
            name: (*name).to_owned(),
            state: Vec::new(),
        };
        Splits::new(vec![SourceSplits {
            vertex: VERTEX,
            splits: names.iter().map(split).collect(),
        }])
    }

    fn subtask(index: u32) -> Subtask {
        let vertex = VERTEX;
        Subtask { vertex, index }
    }

    fn next(splits: &mut Splits, index: u32) -> Option<String> {
        splits.next(subtask(index)).map(|split| split.name)
    }

    fn unread(splits: &Splits, accounted: &Accounted) -> Vec<String> {
        let (_, unread) = splits.unread(accounted).next().unwrap();
        unread.into_iter().map(|split| split.name).collect()
    }

    #[test]
    fn splits_of_a_subtask_that_starts_again_are_given_out_again() {
        let mut splits = splits(&["a", "b", "c"]);
        let other = Subtask {
            vertex: VertexId(0),
            index: 0,
        };
        assert_eq!(splits.next(other), None, "no source");
        assert_eq!(next(&mut splits, 0).as_deref(), Some("a"));
        assert_eq!(next(&mut splits, 1).as_deref(), Some("b"));
        assert_eq!(next(&mut splits, 0).as_deref(), Some("c"));
        assert_eq!(next(&mut splits, 0), None);
        splits.take_back(subtask(0));
        let rest = [(); 3].map(|()| next(&mut splits, 1));
        assert_eq!(rest, [Some("a".to_owned()), Some("c".to_owned()), None]);
    }

    #[test]
    fn a_source_begins_beside_others_that_go_on() {
        let mut splits = splits(&["a", "b"]);
        next(&mut splits, 0);
        let new = VertexId(2);
        let begin = |splits: &mut Splits| {
            splits.begin(vec![SourceSplits {
                vertex: new,
                splits: vec![SplitData {
                    name: "n".to_owned(),
                    state: Vec::new(),
                }],
            }]);
        };
        let read = |splits: &mut Splits| {
            splits.next(Subtask {
                vertex: new,
                index: 0,
            })
        };
        begin(&mut splits);
        assert!(read(&mut splits).is_some());
        begin(&mut splits);
        assert!(
            read(&mut splits).is_some(),
            "it was to be read from its beginning"
        );
        assert_eq!(next(&mut splits, 0).as_deref(), Some("b"));
    }

    #[test]
    fn what_a_checkpoint_accounts_for_is_not_given_again() {
        let mut splits = splits(&["a", "b", "c", "d"]);
        for index in [0, 1, 0] {
            next(&mut splits, index);
        }
        // Subtask 0 was given `c` after its barrier; subtask 1 had finished.
        let accounted = Accounted::from([(subtask(0), 1)]);
        assert_eq!(unread(&splits, &accounted), ["c", "d"]);
        splits.completed(&accounted);
        splits.take_back(subtask(0));
        splits.take_back(subtask(1));
        assert_eq!(unread(&splits, &Accounted::new()), ["c", "d"]);
        assert_eq!(next(&mut splits, 0).as_deref(), Some("c"));
        assert_eq!(
            unread(&splits, &Accounted::from([(subtask(0), 0)])),
            ["c", "d"]
        );
    }
}
