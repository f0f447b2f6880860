//! What this process has used, as the kernel counts it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time of all threads so far.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Forgets the peak of the resident memory, where the kernel lets us.
pub(crate) fn reset_peak() {
    // Without it the peak is that of the whole process, which is only larger.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The peak of the resident memory in bytes; 0 where the kernel does not say.
pub(crate) fn peak_rss() -> u64 {
    status("VmHWM:")
}

/// The resident memory in bytes; 0 where the kernel does not say.
pub(crate) fn rss() -> u64 {
    status("VmRSS:")
}

/// A size in the kernel's account of this process, in bytes.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
