//! Questions to a bundle outside a task: what its job is, and how the input of a source divides.
//!
//! `bundle` asks them, each on a fresh instance that is dropped afterwards. Invariant: the answers are
//! bounded, and depend on the arguments alone.

use wasmill_actor::{CancelToken, Clock};
use wasmill_types::TaskFailure;
use wasmill_types::batch::Blobs;
use wasmill_types::id::OperatorId;
use wasmill_types::job::JobSpec;
use wasmtime::component::InstancePre;

use crate::error::DescribeError;
use crate::exports::Exports;
use crate::guest::Guest;
use crate::instance::{Instance, call, describe_deadline};
use crate::limits::Limits;
use crate::no_task::NoTask;
use crate::operator::{checked, no_source};
use crate::text;

/// A bundle that can be asked.
pub(crate) struct Asked<'a> {
    pub(crate) prepared: &'a InstancePre<Guest<NoTask>>,
    pub(crate) exports: &'a Exports,
    pub(crate) clock: &'a Clock,
    pub(crate) limits: &'a Limits,
}

impl Asked<'_> {
    /// What the job of a program with these arguments is.
    pub(crate) fn describe(&self, args: &[String]) -> Result<JobSpec, DescribeError> {
        let mut instance = self.instance("describe")?;
        let function = self.exports.describe.of(&mut instance)?;
        let deadline = describe_deadline(self.limits);
        let (described,) = call(&mut instance.store, &function, (args,), deadline)?;
        let graph = described.map_err(|error| {
            DescribeError::Program(text::message(&error, self.limits.failure_bytes))
        })?;
        let size = graph.size();
        for (limit, found, allowed, what) in [
            (
                Limits::GRAPH_ITEMS,
                size.items,
                u64::from(self.limits.graph_items),
                "operators, edges, states and options",
            ),
            (
                Limits::GRAPH_TEXT,
                size.text_bytes,
                self.limits.graph_text_bytes,
                "bytes of text",
            ),
        ] {
            if found > allowed {
                let message = format!("the graph has {found} {what}, {allowed} are allowed");
                return Err(DescribeError::Limit { limit, message });
            }
        }
        Ok(graph.into())
    }

    /// How the input of a source divides among about `parallelism` readers.
    pub(crate) fn splits(
        &self,
        args: &[String],
        operator: OperatorId,
        parallelism: u32,
    ) -> Result<Blobs, TaskFailure> {
        let source = self.exports.source.as_ref().ok_or_else(no_source)?;
        let mut instance = self.instance("splits")?;
        let function = source.splits.of(&mut instance)?;
        let deadline = describe_deadline(self.limits);
        let parameters = (args, operator.0, parallelism);
        let (divided,) = call(&mut instance.store, &function, parameters, deadline)?;
        let splits = Blobs::from(divided.map_err(|failure| failure.bounded(self.limits))?);
        checked(splits.view(), "the splits of a source")?;
        let (found, allowed) = (splits.ends.len(), self.limits.splits);
        if found > allowed as usize {
            let message = format!("the source made {found} splits, {allowed} are allowed");
            let limit = Limits::SPLITS;
            return Err(TaskFailure::Limit { limit, message });
        }
        Ok(splits)
    }

    fn instance(&self, during: &'static str) -> Result<Instance<NoTask>, TaskFailure> {
        let host = NoTask::new(during);
        // Nobody can cancel it; its deadline is short.
        let watch = (self.clock, CancelToken::new());
        Instance::new(self.prepared, host, self.limits, watch)
    }
}
