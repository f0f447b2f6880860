//! What the host calls in a guest: the exports of `wit/`, found and type-checked once per bundle.
//!
//! `bundle` finds them, `operator` and `describe` make them callable in an instance of theirs.
//! Invariant: a function is called with the types of `wit/` or not at all.

use std::marker::PhantomData;

use wasmill_types::{HostError, TaskFailure};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, TypedFunc,
};

use crate::abi::context::{StateCopy, TaskContextParam};
use crate::abi::graph::JobGraph;
use crate::abi::{BatchParam, BlobsCopy, BlobsParam, Domain, Failure, Poll};
use crate::contents::{Contents, VERSION};
use crate::error::BundleError;
use crate::imports::Host;
use crate::instance::Instance;
use crate::text;

/// What most functions return.
pub(crate) type Done<T = ()> = (Result<T, Failure>,);

type Describe = Function<(&'static [String],), (Result<JobGraph, String>,)>;
type Open = (TaskContextParam<'static>,);
type Process = (u32, BatchParam<'static>);
type OnTimers = (
    Domain,
    &'static [i64],
    BlobsParam<'static>,
    BlobsParam<'static>,
);
type Splits = (&'static [String], u32, u32);

/// The functions of a bundle.
#[derive(Debug)]
pub(crate) struct Exports {
    pub(crate) describe: Describe,
    operator: OperatorExports,
    pub(crate) source: Option<SourceExports>,
}

#[derive(Debug)]
struct OperatorExports {
    open: Function<Open, Done>,
    process: Function<Process, Done>,
    on_timers: Function<OnTimers, Done>,
    on_watermark: Function<(i64,), Done>,
    snapshot: Function<(u64,), Done<Vec<StateCopy>>>,
    complete: Function<(u64,), Done>,
    aborted: Function<(u64,), Done>,
    end_of_input: Function<(u32,), Done>,
    close: Function<(), ()>,
}

/// The functions of a bundle that makes records itself.
#[derive(Debug)]
pub(crate) struct SourceExports {
    pub(crate) splits: Function<Splits, Done<BlobsCopy>>,
    assign: Function<(BlobsParam<'static>,), Done>,
    poll: Function<(u32,), Done<Poll>>,
    snapshot: Function<(), Done<BlobsCopy>>,
}

/// The functions of a subtask, ready to be called.
pub(crate) struct Functions {
    pub(crate) open: TypedFunc<Open, Done>,
    pub(crate) process: TypedFunc<Process, Done>,
    pub(crate) on_timers: TypedFunc<OnTimers, Done>,
    pub(crate) on_watermark: TypedFunc<(i64,), Done>,
    pub(crate) snapshot: TypedFunc<(u64,), Done<Vec<StateCopy>>>,
    pub(crate) complete: TypedFunc<(u64,), Done>,
    pub(crate) aborted: TypedFunc<(u64,), Done>,
    pub(crate) end_of_input: TypedFunc<(u32,), Done>,
    pub(crate) close: TypedFunc<(), ()>,
    pub(crate) source: Option<SourceFunctions>,
}

/// The functions of a subtask that makes records.
pub(crate) struct SourceFunctions {
    pub(crate) assign: TypedFunc<(BlobsParam<'static>,), Done>,
    pub(crate) poll: TypedFunc<(u32,), Done<Poll>>,
    pub(crate) snapshot: TypedFunc<(), Done<BlobsCopy>>,
}

impl Exports {
    /// Finds the functions of a bundle and checks their types.
    pub(crate) fn find<T: 'static>(
        bundle: &InstancePre<T>,
        contents: &Contents,
    ) -> Result<Self, BundleError> {
        let job = Interface::find(bundle, &contents.job)?;
        let operator = Interface::find(bundle, &contents.operator)?;
        let source = match &contents.source {
            Some(name) => Some(SourceExports::find(&Interface::find(bundle, name)?)?),
            None => None,
        };
        let describe = job.function("describe")?;
        let operator = OperatorExports::find(&operator)?;
        Ok(Self {
            describe,
            operator,
            source,
        })
    }

    /// The functions of an instance that is a subtask.
    pub(crate) fn functions<H: Host>(
        &self,
        instance: &mut Instance<H>,
    ) -> Result<Functions, TaskFailure> {
        let operator = &self.operator;
        let source = match &self.source {
            Some(source) => Some(SourceFunctions {
                assign: source.assign.of(instance)?,
                poll: source.poll.of(instance)?,
                snapshot: source.snapshot.of(instance)?,
            }),
            None => None,
        };
        Ok(Functions {
            open: operator.open.of(instance)?,
            process: operator.process.of(instance)?,
            on_timers: operator.on_timers.of(instance)?,
            on_watermark: operator.on_watermark.of(instance)?,
            snapshot: operator.snapshot.of(instance)?,
            complete: operator.complete.of(instance)?,
            aborted: operator.aborted.of(instance)?,
            end_of_input: operator.end_of_input.of(instance)?,
            close: operator.close.of(instance)?,
            source,
        })
    }
}

impl OperatorExports {
    fn find<T: 'static>(operator: &Interface<'_, T>) -> Result<Self, BundleError> {
        Ok(Self {
            open: operator.function("open")?,
            process: operator.function("process")?,
            on_timers: operator.function("on-timers")?,
            on_watermark: operator.function("on-watermark")?,
            snapshot: operator.function("snapshot")?,
            complete: operator.function("checkpoint-complete")?,
            aborted: operator.function("checkpoint-aborted")?,
            end_of_input: operator.function("end-of-input")?,
            close: operator.function("close")?,
        })
    }
}

impl SourceExports {
    fn find<T: 'static>(source: &Interface<'_, T>) -> Result<Self, BundleError> {
        Ok(Self {
            splits: source.function("splits")?,
            assign: source.function("assign")?,
            poll: source.function("poll")?,
            snapshot: source.function("snapshot")?,
        })
    }
}

/// A function of a bundle whose types are known to fit.
pub(crate) struct Function<P, R> {
    index: ComponentExportIndex,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Function<P, R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    /// The function in one instance.
    pub(crate) fn of<H: Host>(
        &self,
        instance: &mut Instance<H>,
    ) -> Result<TypedFunc<P, R>, TaskFailure> {
        let Instance { store, component } = instance;
        let function = component.get_typed_func(store, self.index);
        // The bundle has been checked: this would be our own mistake.
        let failed = |error| HostError::new(format!("look up a function of the bundle: {error:#}"));
        function.map_err(|error| failed(error).into())
    }
}

impl<P, R> std::fmt::Debug for Function<P, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.index.fmt(f)
    }
}

/// An exported interface.
struct Interface<'a, T: 'static> {
    bundle: &'a InstancePre<T>,
    name: &'a str,
    index: ComponentExportIndex,
}

impl<'a, T: 'static> Interface<'a, T> {
    fn find(bundle: &'a InstancePre<T>, name: &'a str) -> Result<Self, BundleError> {
        let index = bundle.component().get_export_index(None, name);
        let index = index.ok_or_else(|| BundleError::MissingExport {
            name: format!("the interface {}", text::name(name)),
        })?;
        Ok(Self {
            bundle,
            name,
            index,
        })
    }

    fn function<P, R>(&self, function: &str) -> Result<Function<P, R>, BundleError>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let component = self.bundle.component();
        let interface = text::name(self.name);
        let missing = || BundleError::MissingExport {
            name: format!("the function `{function}` of {interface}"),
        };
        let export = component.get_export(Some(&self.index), function);
        let (item, index) = export.ok_or_else(missing)?;
        let ComponentItem::ComponentFunc(found) = item else {
            return Err(missing());
        };
        let fits = found.typecheck::<P, R>(&self.bundle.instance_type());
        fits.map_err(|error| BundleError::Mismatch {
            ours: VERSION,
            reason: format!("the function `{function}` of {interface}: {error:#}"),
        })?;
        let types = PhantomData;
        Ok(Function { index, types })
    }
}
