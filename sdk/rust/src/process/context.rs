//! What process functions can ask, and ask for, while they process a record.

use anyhow::anyhow;

use super::SideOutput;
use crate::codec::{Record, to_postcard};
use crate::keyed::Key;
use crate::runtime::{NO_TIMESTAMP, Shared};
use crate::timers::{TimeDomain, Timer};

/// What a process function can ask about the record it processes.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    shared: &'a Shared,
    operator: u32,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("timestamp", &self.timestamp())
            .finish()
    }
}

impl<'a> Context<'a> {
    #[inline]
    pub(crate) fn new(shared: &'a Shared, operator: u32) -> Self {
        Self { shared, operator }
    }

    /// The record's event time in milliseconds since the epoch, if it has one.
    #[inline]
    pub fn timestamp(&self) -> Option<i64> {
        Some(self.shared.timestamp()).filter(|timestamp| *timestamp != NO_TIMESTAMP)
    }

    /// How far event time has come at the inputs of the operator's chain, in milliseconds since the epoch;
    /// `i64::MIN` at the start, `i64::MAX` at the end.
    #[inline]
    pub fn watermark(&self) -> i64 {
        self.shared.watermark()
    }

    /// The host's clock, in milliseconds since the epoch.
    #[expect(
        clippy::unused_self,
        reason = "what a function can ask lies on its context"
    )]
    pub fn now(&self) -> i64 {
        crate::host::now()
    }

    /// Emits a record to a side output, with the timestamp of the current record.
    ///
    /// The output must belong to this operator: another one's fails the job.
    pub fn side<S: Record + Clone>(&self, output: &SideOutput<S>, record: S) {
        match output.owner.get() {
            Some(owner) if owner.operator == self.operator => output.outlet.push(record),
            Some(owner) => self.shared.fail_user(&anyhow!(
                "a record was emitted to a side output that is read from `{}`, which is another operator; \
                 use one `SideOutput` per operator",
                owner.name
            )),
            None => {}
        }
    }
}

/// What a process function on a keyed stream can ask about the record it processes.
#[derive(Clone, Copy)]
pub struct KeyedContext<'a, K> {
    context: Context<'a>,
    key: &'a K,
}

impl<K> std::fmt::Debug for KeyedContext<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.context.fmt(f)
    }
}

impl<'a, K> KeyedContext<'a, K> {
    #[inline]
    pub(crate) fn new(shared: &'a Shared, operator: u32, key: &'a K) -> Self {
        Self {
            context: Context::new(shared, operator),
            key,
        }
    }

    /// The key of the record.
    #[inline]
    pub fn key(&self) -> &'a K {
        self.key
    }
}

impl<K: Key> KeyedContext<'_, K> {
    /// Has the operator called when event time, or the clock, reaches `time`, in milliseconds since the
    /// epoch, for the current key.
    ///
    /// Registering a timer twice fires it once. One whose time has passed fires at the next opportunity: of
    /// event time with the next watermark (semantics §2.2).
    pub fn register_timer(&self, domain: TimeDomain, time: i64) {
        self.timer(Timer { domain, time }, false);
    }

    /// Deletes a timer of the current key, if there is one.
    pub fn delete_timer(&self, domain: TimeDomain, time: i64) {
        self.timer(Timer { domain, time }, true);
    }

    fn timer(&self, timer: Timer, deletes: bool) {
        let key = |out: &mut Vec<u8>| to_postcard(self.key, out);
        self.context.shared.timer(timer, deletes, key, &[]);
    }
}

impl<'a, K> std::ops::Deref for KeyedContext<'a, K> {
    type Target = Context<'a>;

    fn deref(&self) -> &Context<'a> {
        &self.context
    }
}
