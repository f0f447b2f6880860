//! A subtask's operators as a component instance: the contract of `types::operator` over calls into the
//! sandbox.
//!
//! `task` gets one from `Bundle::instantiate` and knows it only by its trait. Invariant: every failure is
//! final; the sandbox does not let anybody call an instance again that has trapped.

use std::fmt;

use wasmill_types::batch::{BatchView, Blobs};
use wasmill_types::operator::{
    Operator, OperatorHost, OperatorState, PollStatus, TaskContext, TimeDomain, Timers,
};
use wasmill_types::{BlobsView, TaskFailure};
use wasmtime::component::{ComponentNamedList, Lower, TypedFunc};

use crate::abi::Failure;
use crate::engine::Engine;
use crate::exports::{Done, Functions, SourceFunctions};
use crate::imports::Host;
use crate::instance::{Instance, call, call_deadline};

/// The operators of one chain in one subtask, run by an instance of a bundle.
pub struct WasmOperator<H: 'static> {
    instance: Instance<H>,
    functions: Functions,
    /// Ticks as long as somebody holds it, and without ticks a call that spins has no end: the instance
    /// may outlive its bundle.
    _engine: Engine,
}

impl<H: OperatorHost + Send + 'static> WasmOperator<H> {
    pub(crate) fn new(instance: Instance<H>, functions: Functions, engine: Engine) -> Self {
        Self {
            instance,
            functions,
            _engine: engine,
        }
    }

    /// Calls a function that `function` picks, and turns what the guest returned into a failure.
    fn call<P, T>(
        &mut self,
        function: impl FnOnce(&Functions) -> Result<&TypedFunc<P, Done<T>>, TaskFailure>,
        parameters: P,
    ) -> Result<T, TaskFailure>
    where
        P: ComponentNamedList + Lower,
        Done<T>: ComponentNamedList + wasmtime::component::Lift,
    {
        let function = function(&self.functions)?;
        let store = &mut self.instance.store;
        let deadline = call_deadline(store.data().limits());
        let (result,) = call(store, function, parameters, deadline)?;
        let failed = |failure: Failure| failure.bounded(store.data().limits()).into();
        result.map_err(failed)
    }
}

impl<H: Host> Operator<H> for WasmOperator<H> {
    fn host(&mut self) -> &mut H {
        &mut self.instance.store.data_mut().side().host
    }

    fn open(&mut self, context: &TaskContext) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.open), (context.into(),))
    }

    fn process(&mut self, input: u32, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.process), (input, records.into()))
    }

    fn on_timers(&mut self, domain: TimeDomain, timers: &Timers) -> Result<(), TaskFailure> {
        let parameters = (
            domain.into(),
            timers.times.as_slice(),
            (&timers.keys).into(),
            (&timers.namespaces).into(),
        );
        self.call(|functions| Ok(&functions.on_timers), parameters)
    }

    fn on_watermark(&mut self, time: i64) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.on_watermark), (time,))
    }

    fn end_of_input(&mut self, input: u32) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.end_of_input), (input,))
    }

    fn snapshot(&mut self, checkpoint: u64) -> Result<Vec<OperatorState>, TaskFailure> {
        let states = self.call(|functions| Ok(&functions.snapshot), (checkpoint,))?;
        let states: Vec<OperatorState> = states.into_iter().map(Into::into).collect();
        for state in &states {
            let items = state.items.view();
            checked(items, "the operator state of `snapshot`")?;
        }
        Ok(states)
    }

    fn checkpoint_complete(&mut self, checkpoint: u64) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.complete), (checkpoint,))
    }

    fn checkpoint_aborted(&mut self, checkpoint: u64) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&functions.aborted), (checkpoint,))
    }

    fn snapshot_splits(&mut self) -> Result<Blobs, TaskFailure> {
        let splits = self.call(|functions| Ok(&source(functions)?.snapshot), ())?;
        let splits = Blobs::from(splits);
        checked(splits.view(), "the splits of `snapshot`")?;
        Ok(splits)
    }

    fn assign_splits(&mut self, splits: &Blobs) -> Result<(), TaskFailure> {
        self.call(|functions| Ok(&source(functions)?.assign), (splits.into(),))
    }

    fn poll(&mut self, max_records: u32) -> Result<PollStatus, TaskFailure> {
        let status = self.call(|functions| Ok(&source(functions)?.poll), (max_records,))?;
        Ok(status.into())
    }

    fn close(&mut self) -> Result<(), TaskFailure> {
        let store = &mut self.instance.store;
        let deadline = call_deadline(store.data().limits());
        call(store, &self.functions.close, (), deadline)?;
        store.data_mut().finish()
    }
}

/// Checks byte strings that a guest returned.
pub(crate) fn checked(blobs: BlobsView<'_>, what: &str) -> Result<(), TaskFailure> {
    let broken = |error| TaskFailure::Contract(format!("{what}: {error}"));
    blobs.checked().map(drop).map_err(broken)
}

/// The functions that only a bundle with a source has.
fn source(functions: &Functions) -> Result<&SourceFunctions, TaskFailure> {
    functions.source.as_ref().ok_or_else(no_source)
}

/// The graph names a guest source, and the bundle has none.
pub(crate) fn no_source() -> TaskFailure {
    let message = "the job has a source of its own, but the bundle does not export \
                   `wasmill:dataflow/source`";
    TaskFailure::Contract(message.to_owned())
}

impl<H> fmt::Debug for WasmOperator<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmOperator").finish_non_exhaustive()
    }
}
