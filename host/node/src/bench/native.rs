//! Guest code compiled natively, behind the same contract as the sandbox.
//!
//! Columns are copied into the twin's memory as the sandbox copies them into the guest's, and handed out
//! borrowed, as the sandbox hands them out. Native code cannot be stopped in the middle, so a failure of
//! the host is kept and reported after the call.

use std::any::Any;
use std::sync::Arc;

use wasmill::bindings::exports::wasmill::dataflow::operator as wit;
use wasmill::bindings::exports::wasmill::dataflow::source::PollStatus as WitPollStatus;
use wasmill::bindings::wasmill::dataflow::context::Level;
use wasmill::bindings::wasmill::dataflow::state as wit_state;
use wasmill::bindings::wasmill::dataflow::types as wit_types;
use wasmill::env::Main;
use wasmill::native::{Host, Instance};
use wasmill_actor::CancelToken;
use wasmill_task::GuestCode;
use wasmill_task::host::TaskHost;
use wasmill_taskmanager::{GuestLimits, Program};
use wasmill_types::id::OperatorId;
use wasmill_types::operator::{
    BadRecordPolicy, ChangeKind, Changes, LogLevel, Operator, OperatorHost, OperatorState,
    PollStatus, TaskContext, TimeDomain, Timers,
};
use wasmill_types::{BatchView, Blobs, BlobsView, GuestFailure, HostError, TaskFailure};

/// A program that was compiled into this one.
#[derive(Clone, Copy)]
pub(crate) struct Twin {
    pub(crate) main: Main,
}

impl Program for Twin {
    fn code(&self, _: GuestLimits) -> Arc<dyn GuestCode> {
        Arc::new(*self)
    }
}

impl GuestCode for Twin {
    fn instantiate(
        &self,
        host: TaskHost,
        _: &CancelToken,
    ) -> Result<Box<dyn Operator<TaskHost>>, TaskFailure> {
        let batch = wit_batch();
        Ok(Box::new(Native {
            main: self.main,
            closed: Some(host),
            instance: None,
            batch,
        }))
    }

    fn splits(
        &self,
        args: &[String],
        operator: OperatorId,
        parallelism: u32,
    ) -> Result<Blobs, TaskFailure> {
        let splits =
            wasmill::native::splits(self.main, args, operator.0, parallelism).map_err(failure)?;
        Ok(Blobs {
            ends: splits.ends,
            data: splits.data,
        })
    }
}

struct Native {
    main: Main,
    /// The host until the instance is open.
    closed: Option<TaskHost>,
    instance: Option<Instance>,
    /// The memory that input is copied into.
    batch: wit_types::Batch,
}

/// The host with the first thing that went wrong in it.
struct NativeHost {
    host: TaskHost,
    failed: Option<TaskFailure>,
}

impl Native {
    fn call<R>(
        &mut self,
        call: impl FnOnce(&mut Instance) -> Result<R, wit_types::Failure>,
    ) -> Result<R, TaskFailure> {
        let instance = self
            .instance
            .as_mut()
            .ok_or_else(|| HostError::new("the twin is not open"))?;
        let outcome = call(instance).map_err(failure);
        match native_host(instance).failed.take() {
            Some(failed) => Err(failed),
            None => outcome,
        }
    }
}

fn native_host(instance: &mut Instance) -> &mut NativeHost {
    let host: &mut dyn Any = instance.host();
    host.downcast_mut()
        .expect("the twin was opened with this host")
}

impl Operator<TaskHost> for Native {
    fn host(&mut self) -> &mut TaskHost {
        match (&mut self.closed, &mut self.instance) {
            (Some(host), _) => host,
            (None, Some(instance)) => &mut native_host(instance).host,
            (None, None) => unreachable!("`open` puts the host into the instance"),
        }
    }

    fn open(&mut self, context: &TaskContext) -> Result<(), TaskFailure> {
        let host = self
            .closed
            .take()
            .ok_or_else(|| HostError::new("the twin is open already"))?;
        let host = Box::new(NativeHost { host, failed: None });
        self.instance =
            Some(Instance::open(self.main, wit_context(context), host).map_err(failure)?);
        Ok(())
    }

    fn process(&mut self, input: u32, records: &BatchView<'_>) -> Result<(), TaskFailure> {
        let mut batch = std::mem::replace(&mut self.batch, wit_batch());
        batch.timestamps.clear();
        batch.hashes.clear();
        batch.ends.clear();
        batch.data.clear();
        batch.timestamps.extend_from_slice(records.timestamps);
        batch.hashes.extend_from_slice(records.hashes);
        batch.ends.extend_from_slice(records.ends);
        batch.data.extend_from_slice(records.data);
        let outcome = self.call(|instance| instance.process(input, &batch));
        self.batch = batch;
        outcome
    }

    fn on_timers(&mut self, domain: TimeDomain, timers: &Timers) -> Result<(), TaskFailure> {
        let domain = match domain {
            TimeDomain::Event => wit_types::TimeDomain::Event,
            TimeDomain::Processing => wit_types::TimeDomain::Processing,
        };
        let keys = wit_blobs(timers.keys.view());
        let namespaces = wit_blobs(timers.namespaces.view());
        let times = &timers.times;
        self.call(|instance| instance.on_timers(domain, times, &keys, &namespaces))
    }

    fn on_watermark(&mut self, time: i64) -> Result<(), TaskFailure> {
        self.call(|instance| instance.on_watermark(time))
    }

    fn end_of_input(&mut self, input: u32) -> Result<(), TaskFailure> {
        self.call(|instance| instance.end_of_input(input))
    }

    fn snapshot_splits(&mut self) -> Result<Blobs, TaskFailure> {
        self.call(Instance::snapshot_splits).map(|splits| Blobs {
            ends: splits.ends,
            data: splits.data,
        })
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<OperatorState>, TaskFailure> {
        self.call(Instance::snapshot).map(|states| {
            let state = |state: wit::OperatorState| OperatorState {
                operator: OperatorId(state.operator),
                state: state.state,
                items: Blobs {
                    ends: state.items.ends,
                    data: state.items.data,
                },
            };
            states.into_iter().map(state).collect()
        })
    }

    fn assign_splits(&mut self, splits: &Blobs) -> Result<(), TaskFailure> {
        let splits = wit_blobs(splits.view());
        self.call(|instance| instance.assign(&splits))
    }

    fn poll(&mut self, max_records: u32) -> Result<PollStatus, TaskFailure> {
        Ok(match self.call(|instance| instance.poll(max_records))? {
            WitPollStatus::Ready => PollStatus::Ready,
            WitPollStatus::IdleUntil(time) => PollStatus::IdleUntil(time),
            WitPollStatus::Finished => PollStatus::Finished,
        })
    }

    fn close(&mut self) -> Result<(), TaskFailure> {
        Ok(())
    }
}

impl NativeHost {
    fn keep<R>(&mut self, outcome: Result<R, TaskFailure>) -> Option<R> {
        match outcome {
            Ok(value) => Some(value),
            Err(failure) => {
                self.failed.get_or_insert(failure);
                None
            }
        }
    }
}

impl Host for NativeHost {
    fn emit(&mut self, output: u32, records: &wit_types::Batch) {
        let records = BatchView {
            timestamps: &records.timestamps,
            hashes: &records.hashes,
            ends: &records.ends,
            data: &records.data,
        };
        let outcome = self.host.emit(output, records);
        self.keep(outcome);
    }

    fn emit_watermark(&mut self, time: i64) {
        let outcome = self.host.emit_watermark(time);
        self.keep(outcome);
    }

    fn mark_idle(&mut self) {
        let outcome = self.host.mark_idle();
        self.keep(outcome);
    }

    fn register_timers(
        &mut self,
        domain: wit_types::TimeDomain,
        times: &[i64],
        keys: &wit_types::Blobs,
        namespaces: &wit_types::Blobs,
    ) {
        let (domain, timers) = timers(domain, times, keys, namespaces);
        let outcome = self.host.register_timers(domain, timers);
        self.keep(outcome);
    }

    fn delete_timers(
        &mut self,
        domain: wit_types::TimeDomain,
        times: &[i64],
        keys: &wit_types::Blobs,
        namespaces: &wit_types::Blobs,
    ) {
        let (domain, timers) = timers(domain, times, keys, namespaces);
        let outcome = self.host.delete_timers(domain, timers);
        self.keep(outcome);
    }

    fn state_get(
        &mut self,
        state: u32,
        keys: &wit_types::Blobs,
        sub_keys: &wit_types::Blobs,
    ) -> wit_types::OptionalBlobs {
        let outcome = self.host.state_get(state, view(keys), view(sub_keys));
        let found = self.keep(outcome).unwrap_or_default();
        wit_types::OptionalBlobs {
            present: found.present,
            values: wit_blobs(found.values.view()),
        }
    }

    fn state_write(&mut self, state: u32, changes: &wit_state::Changes) {
        let kind = |kind: &wit_state::ChangeKind| match kind {
            wit_state::ChangeKind::Put => ChangeKind::Put,
            wit_state::ChangeKind::Delete => ChangeKind::Delete,
            wit_state::ChangeKind::Clear => ChangeKind::Clear,
        };
        let changes = Changes {
            kinds: changes.kinds.iter().map(kind).collect(),
            keys: view(&changes.keys),
            sub_keys: view(&changes.sub_keys),
            values: view(&changes.values),
        };
        let outcome = self.host.state_write(state, changes);
        self.keep(outcome);
    }

    fn state_scan(
        &mut self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> wit_state::Page {
        let outcome = self.host.state_scan(state, key, after, limit);
        let page = self.keep(outcome).unwrap_or_default();
        let (sub_keys, values) = (
            wit_blobs(page.sub_keys.view()),
            wit_blobs(page.values.view()),
        );
        wit_state::Page {
            sub_keys,
            values,
            more: page.more,
        }
    }

    fn now(&mut self) -> i64 {
        self.host.now()
    }

    fn random(&mut self) -> u64 {
        self.host.random()
    }

    fn log(&mut self, level: Level, message: &str) {
        let level = match level {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
            Level::Debug => LogLevel::Debug,
            Level::Trace => LogLevel::Trace,
        };
        let outcome = self.host.log(level, message);
        self.keep(outcome);
    }

    fn counter_add(&mut self, name: &str, delta: u64) {
        self.host.counter_add(name, delta);
    }

    fn gauge_set(&mut self, name: &str, value: f64) {
        self.host.gauge_set(name, value);
    }

    fn histogram_record(&mut self, name: &str, value: f64) {
        self.host.histogram_record(name, value);
    }
}

fn timers(
    domain: wit_types::TimeDomain,
    times: &[i64],
    keys: &wit_types::Blobs,
    namespaces: &wit_types::Blobs,
) -> (TimeDomain, Timers) {
    let domain = match domain {
        wit_types::TimeDomain::Event => TimeDomain::Event,
        wit_types::TimeDomain::Processing => TimeDomain::Processing,
    };
    let timers = Timers {
        times: times.to_vec(),
        keys: view(keys).to_blobs(),
        namespaces: view(namespaces).to_blobs(),
    };
    (domain, timers)
}

fn failure(failure: wit_types::Failure) -> TaskFailure {
    let failure = match failure {
        wit_types::Failure::User(message) => GuestFailure::User(message),
        wit_types::Failure::BadRecord(bad) => GuestFailure::BadRecord {
            index: bad.index,
            message: bad.message,
            location: None,
        },
        wit_types::Failure::Other(message) => GuestFailure::Other(message),
    };
    failure.into()
}

fn wit_batch() -> wit_types::Batch {
    wit_types::Batch {
        timestamps: Vec::new(),
        hashes: Vec::new(),
        ends: Vec::new(),
        data: Vec::new(),
    }
}

fn wit_blobs(blobs: BlobsView<'_>) -> wit_types::Blobs {
    wit_types::Blobs {
        ends: blobs.ends.to_vec(),
        data: blobs.data.to_vec(),
    }
}

fn view(blobs: &wit_types::Blobs) -> BlobsView<'_> {
    BlobsView {
        ends: &blobs.ends,
        data: &blobs.data,
    }
}

fn wit_context(context: &TaskContext) -> wit::TaskContext {
    let state = |state: &OperatorState| wit::OperatorState {
        operator: state.operator.0,
        state: state.state,
        items: wit_blobs(state.items.view()),
    };
    let output = |(edge, channels): &(wasmill_types::id::EdgeId, u32)| wit::OutputEdge {
        edge: edge.0,
        channels: *channels,
    };
    wit::TaskContext {
        job: context.job.clone(),
        args: context.args.clone(),
        operators: context.operators.iter().map(|id| id.0).collect(),
        inputs: context.inputs.iter().map(|id| id.0).collect(),
        outputs: context.outputs.iter().map(output).collect(),
        subtask: context.subtask,
        parallelism: context.parallelism,
        max_parallelism: context.max_parallelism,
        attempt: context.attempt,
        restored: context.restored.iter().map(state).collect(),
        has_keyed_state: context.has_keyed_state,
        cache_bytes: context.cache_bytes,
        batch_bytes: context.batch_bytes,
        max_record_bytes: context.max_record_bytes,
        on_bad_record: match context.on_bad_record {
            BadRecordPolicy::Fail => wit::BadRecordPolicy::Fail,
            BadRecordPolicy::Skip => wit::BadRecordPolicy::Skip,
        },
    }
}
