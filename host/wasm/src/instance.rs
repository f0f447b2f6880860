//! An instance of a bundle in its store, and the one way to call it.
//!
//! `operator` and `describe` make one each. Invariant: every call has a deadline, can be cancelled, and
//! fails as a `TaskFailure`.

use wasmill_actor::{CancelToken, Clock};
use wasmill_types::TaskFailure;
use wasmill_types::operator::OperatorHost;
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, InstancePre, Lift, Lower, TypedFunc};

use crate::guest::{Deadline, Guest, on_tick};
use crate::imports::Host;
use crate::limits::Limits;
use crate::trap;

/// An instance and everything it may use.
pub(crate) struct Instance<H: 'static> {
    pub(crate) store: Store<Guest<H>>,
    pub(crate) component: wasmtime::component::Instance,
}

impl<H: Host> Instance<H> {
    /// A fresh instance. Its start functions run, as a call of their own.
    pub(crate) fn new(
        prepared: &InstancePre<Guest<H>>,
        host: H,
        limits: &Limits,
        (clock, cancel): (&Clock, CancelToken),
    ) -> Result<Self, TaskFailure> {
        let guest = Guest::new(host, limits, clock, cancel);
        let mut store = Store::new(prepared.engine(), guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(usize::try_from(limits.transfer_bytes).unwrap_or(usize::MAX));
        store.epoch_deadline_callback(on_tick);
        begin(&mut store, call_deadline(limits));
        let component = prepared.instantiate(&mut store);
        let component = component.map_err(|error| trap::failure(error, store.data()))?;
        Ok(Self { store, component })
    }
}

/// Calls a function of the instance in this store.
pub(crate) fn call<H, P, R>(
    store: &mut Store<Guest<H>>,
    function: &TypedFunc<P, R>,
    parameters: P,
    deadline: Deadline,
) -> Result<R, TaskFailure>
where
    H: OperatorHost,
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    begin(store, deadline);
    let result = function.call(&mut *store, parameters);
    let result = result.map_err(|error| trap::failure(error, store.data()));
    // The guest's failure says more than that of a report about its log.
    let ended = store.data_mut().end();
    let result = result?;
    ended.map(|()| result)
}

/// The deadline of a call that works on data.
pub(crate) fn call_deadline(limits: &Limits) -> Deadline {
    Deadline {
        limit: Limits::CALL_DEADLINE,
        after: limits.call_deadline,
    }
}

/// The deadline of a call that plans a job.
pub(crate) fn describe_deadline(limits: &Limits) -> Deadline {
    Deadline {
        limit: Limits::DESCRIBE_DEADLINE,
        after: limits.describe_deadline,
    }
}

fn begin<H>(store: &mut Store<Guest<H>>, deadline: Deadline) {
    store.data_mut().begin(deadline);
    // One tick, and then one more each time: the tick decides whether the call may go on.
    store.set_epoch_deadline(1);
}
