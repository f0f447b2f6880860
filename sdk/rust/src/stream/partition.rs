//! How the records of a stream are spread over the subtasks that read them.
//!
//! What a program says last counts: a stream that is keyed or spread again forgets what was said before.

use std::marker::PhantomData;
use std::rc::Rc;

use super::Stream;
use crate::bindings::exports::wasmill::dataflow::job::Partitioning;
use crate::emit::{ByChoice, Plain, Spread};
use crate::pipe::{Spreading, Upstream};

/// Spreading records over the subtasks of the next operator.
impl<T: 'static, U: Upstream<T>> Stream<T, U> {
    /// Spreads records over all subtasks of the next operator in turn.
    pub fn rebalance(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Rebalance))
    }

    /// Spreads records over a fixed share of the next operator's subtasks in turn.
    pub fn rescale(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Rescale))
    }

    /// Sends each record to a random subtask of the next operator.
    pub fn shuffle(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Shuffle))
    }

    /// Sends each record to every subtask of the next operator: for rules that all of them need, kept in a
    /// [`BroadcastState`](crate::state::BroadcastState).
    pub fn broadcast(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Broadcast))
    }

    /// Sends all records to subtask 0 of the next operator.
    pub fn global(self) -> Stream<T, Spreading<U, Plain>> {
        self.spread(Plain(Partitioning::Global))
    }

    /// Sends each record to the subtask that the function chooses; its second argument is how many there
    /// are. A choice beyond them fails the job.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let ranges = numbers.partition_custom(|n: &u64, subtasks| (*n / 1000) as u32 % subtasks);
    /// let out = ranges.map(|n| n + 1);
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [1, 2, 3, 4]);
    /// ```
    pub fn partition_custom<F: Fn(&T, u32) -> u32 + 'static>(
        self,
        f: F,
    ) -> Stream<T, Spreading<U, ByChoice<F>>> {
        self.spread(ByChoice(Rc::new(f)))
    }

    fn spread<S: Spread<T>>(self, spread: S) -> Stream<T, Spreading<U, S>> {
        let env = self.env.clone();
        Stream {
            env,
            upstream: Spreading {
                upstream: self.upstream,
                spread,
            },
            records: PhantomData,
        }
    }
}
