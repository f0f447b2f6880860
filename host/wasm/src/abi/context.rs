//! `operator.task-context` and `operator.operator-state`: what a guest is opened with, and what it
//! returns from a snapshot.

use wasmill_types::batch::Blobs;
use wasmill_types::id::OperatorId;
use wasmill_types::operator::{BadRecordPolicy, OperatorState, TaskContext};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{BlobsCopy, BlobsParam};

/// `operator.task-context`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct TaskContextParam<'a> {
    job: &'a str,
    args: &'a [String],
    operators: Vec<u32>,
    inputs: Vec<u32>,
    outputs: Vec<OutputEdge>,
    subtask: u32,
    parallelism: u32,
    #[component(name = "max-parallelism")]
    max_parallelism: u32,
    attempt: u32,
    restored: Vec<StateParam<'a>>,
    #[component(name = "has-keyed-state")]
    has_keyed_state: bool,
    #[component(name = "cache-bytes")]
    cache_bytes: u64,
    #[component(name = "batch-bytes")]
    batch_bytes: u32,
    #[component(name = "max-record-bytes")]
    max_record_bytes: u32,
    #[component(name = "on-bad-record")]
    on_bad_record: BadRecords,
}

/// `operator.output-edge`.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct OutputEdge {
    edge: u32,
    channels: u32,
}

/// `operator.bad-record-policy`.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
pub(crate) enum BadRecords {
    #[component(name = "fail")]
    Fail,
    #[component(name = "skip")]
    Skip,
}

/// `operator.operator-state`, for the guest.
#[derive(ComponentType, Lower, Clone, Copy)]
#[component(record)]
pub(crate) struct StateParam<'a> {
    operator: u32,
    state: u32,
    items: BlobsParam<'a>,
}

/// `operator.operator-state`, from the guest.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct StateCopy {
    operator: u32,
    state: u32,
    items: BlobsCopy,
}

impl<'a> From<&'a TaskContext> for TaskContextParam<'a> {
    fn from(context: &'a TaskContext) -> Self {
        let outputs = context.outputs.iter();
        let restored = context.restored.iter();
        Self {
            job: &context.job,
            args: &context.args,
            operators: context.operators.iter().map(|id| id.0).collect(),
            inputs: context.inputs.iter().map(|id| id.0).collect(),
            outputs: outputs
                .map(|(edge, channels)| OutputEdge {
                    edge: edge.0,
                    channels: *channels,
                })
                .collect(),
            subtask: context.subtask,
            parallelism: context.parallelism,
            max_parallelism: context.max_parallelism,
            attempt: context.attempt,
            restored: restored.map(StateParam::from).collect(),
            has_keyed_state: context.has_keyed_state,
            cache_bytes: context.cache_bytes,
            batch_bytes: context.batch_bytes,
            max_record_bytes: context.max_record_bytes,
            on_bad_record: match context.on_bad_record {
                BadRecordPolicy::Fail => BadRecords::Fail,
                BadRecordPolicy::Skip => BadRecords::Skip,
            },
        }
    }
}

impl<'a> From<&'a OperatorState> for StateParam<'a> {
    fn from(state: &'a OperatorState) -> Self {
        Self {
            operator: state.operator.0,
            state: state.state,
            items: (&state.items).into(),
        }
    }
}

impl From<StateCopy> for OperatorState {
    fn from(state: StateCopy) -> Self {
        Self {
            operator: OperatorId(state.operator),
            state: state.state,
            items: Blobs::from(state.items),
        }
    }
}
