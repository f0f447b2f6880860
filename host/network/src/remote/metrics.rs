//! What the data plane of a TaskManager has moved, as counters.
//!
//! Every actor of the data plane adds to them; whoever shows metrics reads them. Invariant: the names are
//! those of [`wasmill_types::metric`].

use std::sync::atomic::{AtomicU64, Ordering};

use wasmill_types::metric;

/// The counters of one data plane; all of them only grow.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    frames_in: AtomicU64,
    frames_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    credits_in: AtomicU64,
    credits_out: AtomicU64,
}

impl Metrics {
    /// Each counter with its name.
    pub(crate) fn snapshot(&self) -> [(&'static str, u64); 6] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (metric::NETWORK_FRAMES_IN, read(&self.frames_in)),
            (metric::NETWORK_FRAMES_OUT, read(&self.frames_out)),
            (metric::NETWORK_BYTES_IN, read(&self.bytes_in)),
            (metric::NETWORK_BYTES_OUT, read(&self.bytes_out)),
            (metric::NETWORK_CREDITS_IN, read(&self.credits_in)),
            (metric::NETWORK_CREDITS_OUT, read(&self.credits_out)),
        ]
    }

    /// A batch came that has so many bytes.
    pub(crate) fn received(&self, bytes: usize) {
        self.frames_in.fetch_add(1, Ordering::Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A batch went that has so many bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        self.frames_out.fetch_add(1, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A consumer granted credit to us.
    pub(crate) fn earned(&self, credit: u32) {
        self.credits_in.fetch_add(credit.into(), Ordering::Relaxed);
    }

    /// We granted credit to a producer.
    pub(crate) fn granted(&self, credit: u32) {
        self.credits_out.fetch_add(credit.into(), Ordering::Relaxed);
    }
}
