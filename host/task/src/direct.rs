//! A task without guest code: what a connector made goes on as it is.

use wasmill_types::operator::{
    Operator, OperatorHost, OperatorState, PollStatus, TaskContext, TimeDomain, Timers,
};
use wasmill_types::{BatchView, Blobs, HostError, TaskFailure};

/// Hands what comes in at an input to outputs.
#[derive(Debug)]
pub struct Direct<H> {
    host: H,
    /// The outputs of each input.
    routes: Vec<Vec<u32>>,
}

impl<H> Direct<H> {
    /// Hands input `i` to the outputs `routes[i]`.
    pub fn new(host: H, routes: Vec<Vec<u32>>) -> Self {
        Self { host, routes }
    }
}

impl<H: OperatorHost> Operator<H> for Direct<H> {
    fn host(&mut self) -> &mut H {
        &mut self.host
    }

    fn open(&mut self, _: &TaskContext) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn process(&mut self, input: u32, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        for &output in &self.routes[input as usize] {
            self.host.emit(output, *records)?;
        }
        Ok(())
    }

    fn on_timers(&mut self, _: TimeDomain, _: &Timers) -> Result<(), TaskFailure> {
        Err(HostError::new("a task without guest code has no timers").into())
    }

    fn on_watermark(&mut self, _: i64) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn end_of_input(&mut self, _: u32) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<OperatorState>, TaskFailure> {
        Ok(Vec::new())
    }

    fn assign_splits(&mut self, _: &Blobs) -> Result<(), TaskFailure> {
        Err(HostError::new("a task without guest code has no source of its own").into())
    }

    fn poll(&mut self, _: u32) -> Result<PollStatus, TaskFailure> {
        Err(HostError::new("a task without guest code has no source of its own").into())
    }

    fn close(&mut self) -> Result<(), TaskFailure> {
        Ok(())
    }
}
