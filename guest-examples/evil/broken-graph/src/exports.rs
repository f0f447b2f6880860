//! The exports of the bundle: `describe` answers with the graph, everything else refuses.

use wasmill::bindings::exports::wasmill::dataflow::{job, operator, source};

struct Bundle;

fn refuse<T>() -> Result<T, operator::Failure> {
    Err(operator::Failure::Other(
        "this bundle only describes".to_owned(),
    ))
}

impl job::Guest for Bundle {
    fn describe(args: Vec<String>) -> Result<job::JobGraph, String> {
        crate::graph(&args)
    }
}

impl operator::Guest for Bundle {
    fn open(_: operator::TaskContext) -> Result<(), operator::Failure> {
        refuse()
    }
    fn process(_: u32, _: operator::Batch) -> Result<(), operator::Failure> {
        refuse()
    }
    fn on_timers(
        _: operator::TimeDomain,
        _: Vec<i64>,
        _: operator::Blobs,
        _: operator::Blobs,
    ) -> Result<(), operator::Failure> {
        refuse()
    }
    fn on_watermark(_: i64) -> Result<(), operator::Failure> {
        refuse()
    }
    fn snapshot(_: u64) -> Result<Vec<operator::OperatorState>, operator::Failure> {
        refuse()
    }
    fn checkpoint_complete(_: u64) -> Result<(), operator::Failure> {
        refuse()
    }
    fn checkpoint_aborted(_: u64) -> Result<(), operator::Failure> {
        refuse()
    }
    fn end_of_input(_: u32) -> Result<(), operator::Failure> {
        refuse()
    }
    fn close() {}
}

impl source::Guest for Bundle {
    fn splits(_: Vec<String>, _: u32, _: u32) -> Result<source::Blobs, source::Failure> {
        refuse()
    }
    fn assign(_: source::Blobs) -> Result<(), source::Failure> {
        refuse()
    }
    fn poll(_: u32) -> Result<source::PollStatus, source::Failure> {
        refuse()
    }
    fn snapshot() -> Result<source::Blobs, source::Failure> {
        refuse()
    }
}

wasmill::bindings::export!(Bundle with_types_in wasmill::bindings);
