//! What a program can set about an operator, once it has added it to the graph.

use super::Stream;
use crate::bindings::exports::wasmill::dataflow::job::{Chaining, OperatorSpec};
use crate::codec::Record;
use crate::env::Env;
use crate::pipe::{Node, SharedPort};
use crate::process::SideOutput;

/// Settings of the operator that made the stream.
impl<T: 'static, U: Node> Stream<T, U> {
    /// Names the operator, for people: in the graph, in messages and in metrics.
    ///
    /// ```
    /// # use wasmill::prelude::*;
    /// # fn job(env: &Env) -> Result<()> {
    /// # let numbers = env.guest_source(generate(4, |i| i));
    /// let out = numbers.map(|n| n + 1).name("one more").uid("one-more").parallelism(1);
    /// # out.sink(Blackhole);
    /// # Ok(())
    /// # }
    /// # let outcome = wasmill::testing::Job::new(job).run().unwrap();
    /// # assert_eq!(outcome.output::<u64>("Sink: blackhole"), [1, 2, 3, 4]);
    /// ```
    pub fn name(self, name: impl Into<String>) -> Self {
        self.edit(|operator| operator.name = name.into())
    }

    /// Ties the operator to its state across versions of the program.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.edit(|operator| operator.uid = Some(uid.into()))
    }

    /// Sets the number of subtasks.
    pub fn parallelism(self, parallelism: u32) -> Self {
        self.edit(|operator| operator.parallelism = Some(parallelism))
    }

    /// Sets the number of key groups: the upper bound of the parallelism for ever.
    pub fn max_parallelism(self, max_parallelism: u32) -> Self {
        self.edit(|operator| operator.max_parallelism = Some(max_parallelism))
    }

    /// Puts the operator into a slot sharing group: operators of different groups share no slot.
    pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
        self.edit(|operator| operator.slot_sharing_group = Some(group.into()))
    }

    /// Runs subtasks of equal index of all operators with the same constraint in one slot.
    pub fn co_location(self, constraint: impl Into<String>) -> Self {
        self.edit(|operator| operator.co_location = Some(constraint.into()))
    }

    /// Starts a new chain at the operator.
    pub fn start_new_chain(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Head)
    }

    /// Keeps the operator out of every chain.
    pub fn disable_chaining(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Never)
    }

    /// The records that the operator emitted to a side output; see [`SideOutput`].
    pub fn side_output<S: Record + Clone>(&self, side: &SideOutput<S>) -> Stream<S> {
        let operator = self.upstream.operator();
        let (output, outlet) = side.attach(&self.env, operator);
        Stream::new(&self.env, SharedPort::new(operator, output, outlet))
    }

    fn edit(self, change: impl FnOnce(&mut OperatorSpec)) -> Self {
        self.env.edit(self.upstream.operator(), change);
        self
    }
}

/// A sink that has been added to the graph, for naming and setting it.
#[derive(Debug)]
pub struct SinkHandle {
    pub(super) env: Env,
    pub(super) operator: u32,
}

impl SinkHandle {
    /// Names the sink.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.edit(|operator| operator.name = name.into())
    }

    /// Ties the sink to its state across versions of the program.
    pub fn uid(self, uid: impl Into<String>) -> Self {
        self.edit(|operator| operator.uid = Some(uid.into()))
    }

    /// Sets the number of subtasks.
    pub fn parallelism(self, parallelism: u32) -> Self {
        self.edit(|operator| operator.parallelism = Some(parallelism))
    }

    /// Puts the sink into a slot sharing group.
    pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
        self.edit(|operator| operator.slot_sharing_group = Some(group.into()))
    }

    /// Keeps the sink out of every chain.
    pub fn disable_chaining(self) -> Self {
        self.edit(|operator| operator.chaining = Chaining::Never)
    }

    fn edit(self, change: impl FnOnce(&mut OperatorSpec)) -> Self {
        self.env.edit(self.operator, change);
        self
    }
}
