//! The door to the host: what the imports of `wit/` are on Wasm, and [`crate::native::Host`] elsewhere.
//!
//! Called by the runtime with whole batches, and by user code for clock and randomness. Invariant: no
//! other file calls the host.

pub use crate::bindings::exports::wasmill::dataflow::operator::{
    BadRecordPolicy, OperatorState, OutputEdge, TaskContext,
};
pub use crate::bindings::exports::wasmill::dataflow::source::PollStatus;
pub use crate::bindings::wasmill::dataflow::context::Level;
pub use crate::bindings::wasmill::dataflow::state::{ChangeKind, Changes, Page};
pub use crate::bindings::wasmill::dataflow::types::{
    BadRecord, Batch, Blobs, Failure, OptionalBlobs, TimeDomain,
};

#[cfg(target_arch = "wasm32")]
use crate::bindings::wasmill::dataflow::{context, output, state, timers};

/// The host's clock, in milliseconds since the Unix epoch.
pub fn now() -> i64 {
    #[cfg(target_arch = "wasm32")]
    return context::now();
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.now())
}

/// Random bits, different in each subtask. Not for secrets.
pub fn random() -> u64 {
    #[cfg(target_arch = "wasm32")]
    return context::random();
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.random())
}

pub(crate) fn emit(output: u32, records: &Batch) {
    #[cfg(target_arch = "wasm32")]
    output::emit(output, records);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.emit(output, records));
}

pub(crate) fn emit_watermark(time: i64) {
    #[cfg(target_arch = "wasm32")]
    output::emit_watermark(time);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.emit_watermark(time));
}

pub(crate) fn mark_idle() {
    #[cfg(target_arch = "wasm32")]
    output::mark_idle();
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.mark_idle());
}

pub(crate) fn register_timers(domain: TimeDomain, times: &[i64], keys: &Blobs, namespaces: &Blobs) {
    #[cfg(target_arch = "wasm32")]
    timers::register(domain, times, keys, namespaces);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.register_timers(domain, times, keys, namespaces));
}

pub(crate) fn delete_timers(domain: TimeDomain, times: &[i64], keys: &Blobs, namespaces: &Blobs) {
    #[cfg(target_arch = "wasm32")]
    timers::delete(domain, times, keys, namespaces);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.delete_timers(domain, times, keys, namespaces));
}

pub(crate) fn state_get(state: u32, keys: &Blobs, sub_keys: &Blobs) -> OptionalBlobs {
    #[cfg(target_arch = "wasm32")]
    return state::get(state, keys, sub_keys);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.state_get(state, keys, sub_keys))
}

pub(crate) fn state_write(state: u32, changes: &Changes) {
    #[cfg(target_arch = "wasm32")]
    state::write(state, changes);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.state_write(state, changes));
}

pub(crate) fn state_scan(state: u32, key: &[u8], after: Option<&[u8]>, limit: u32) -> Page {
    #[cfg(target_arch = "wasm32")]
    return state::scan(state, key, after, limit);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.state_scan(state, key, after, limit))
}

pub(crate) fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    context::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.log(level, message));
}

pub(crate) fn counter_add(name: &str, delta: u64) {
    #[cfg(target_arch = "wasm32")]
    context::counter_add(name, delta);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.counter_add(name, delta));
}

pub(crate) fn gauge_set(name: &str, value: f64) {
    #[cfg(target_arch = "wasm32")]
    context::gauge_set(name, value);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.gauge_set(name, value));
}

pub(crate) fn histogram_record(name: &str, value: f64) {
    #[cfg(target_arch = "wasm32")]
    context::histogram_record(name, value);
    #[cfg(not(target_arch = "wasm32"))]
    crate::native::with_host(|host| host.histogram_record(name, value));
}

/// A batch without records.
pub(crate) fn empty_batch() -> Batch {
    Batch {
        timestamps: Vec::new(),
        hashes: Vec::new(),
        ends: Vec::new(),
        data: Vec::new(),
    }
}

/// A list without byte strings.
pub(crate) fn empty_blobs() -> Blobs {
    Blobs {
        ends: Vec::new(),
        data: Vec::new(),
    }
}

/// The strings of a list, in order.
#[inline]
pub(crate) fn blobs_iter(blobs: &Blobs) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    blobs.ends.iter().map(move |&end| {
        let bytes = &blobs.data[start..end as usize];
        start = end as usize;
        bytes
    })
}

/// Appends a string to a list by letting `fill` append to its bytes.
pub(crate) fn blobs_push<E>(
    blobs: &mut Blobs,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    fill(&mut blobs.data)?;
    blobs.ends.push(blobs.data.len() as u32);
    Ok(())
}
