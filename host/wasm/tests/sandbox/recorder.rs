//! The host's side in tests: it keeps what it was told, as text.

use std::time::Duration;

use wasmill_actor::{CancelToken, Clock};
use wasmill_types::batch::{BatchView, Blobs, BlobsView};
use wasmill_types::operator::{
    Changes, LogLevel, OperatorHost, OptionalBlobs, Page, TimeDomain, Timers,
};
use wasmill_types::{HostError, TaskFailure};
use wasmill_wasm::{Bundle, Engine, EngineOptions, Limits, WasmOperator};

use crate::guest::Guest;

/// What happens when a guest emits.
type OnEmit = Box<dyn FnMut() -> Result<(), TaskFailure> + Send>;

/// Keeps what it was told.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) told: Vec<String>,
    pub(crate) on_emit: Option<OnEmit>,
    pub(crate) max_record: Option<u32>,
}

impl Recorder {
    fn tell(&mut self, what: String) -> Result<(), TaskFailure> {
        self.told.push(what);
        Ok(())
    }
}

impl OperatorHost for Recorder {
    fn emit(&mut self, output: u32, records: BatchView<'_>) -> Result<(), TaskFailure> {
        let checked = records.checked(self.max_record.unwrap_or(u32::MAX));
        let records = checked.map_err(|error| TaskFailure::Contract(error.to_string()))?;
        if let Some(on_emit) = &mut self.on_emit {
            return on_emit();
        }
        let texts: Vec<_> = records
            .records()
            .map(|record| record.escape_ascii().to_string())
            .collect();
        let (times, hashes) = (records.timestamps, records.hashes);
        self.tell(format!(
            "emit {output} {texts:?} times {times:?} hashes {hashes:?}"
        ))
    }

    fn emit_watermark(&mut self, time: i64) -> Result<(), TaskFailure> {
        self.tell(format!("watermark {time}"))
    }

    fn mark_idle(&mut self) -> Result<(), TaskFailure> {
        self.tell("idle".to_owned())
    }

    fn state_get(
        &mut self,
        state: u32,
        keys: BlobsView<'_>,
        sub_keys: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        self.tell(format!("get {state} {} {}", texts(keys), texts(sub_keys)))?;
        // Every second key is there, with its own name as its value.
        let mut values = Blobs::default();
        let mut present = Vec::new();
        for (index, key) in keys.iter().enumerate() {
            present.push(index % 2 == 0);
            values.push(if index % 2 == 0 { key } else { b"" });
        }
        Ok(OptionalBlobs { present, values })
    }

    fn state_write(&mut self, state: u32, changes: Changes<'_>) -> Result<(), TaskFailure> {
        let Changes {
            kinds,
            keys,
            sub_keys,
            values,
        } = changes;
        let (keys, sub_keys, values) = (texts(keys), texts(sub_keys), texts(values));
        self.tell(format!(
            "write {state} {kinds:?} {keys} {sub_keys} {values}"
        ))
    }

    fn state_scan(
        &mut self,
        state: u32,
        key: &[u8],
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, TaskFailure> {
        let (key, after) = (
            key.escape_ascii(),
            after.map(|after| after.escape_ascii().to_string()),
        );
        self.tell(format!("scan {state} {key} {after:?} {limit}"))?;
        Ok(Page {
            sub_keys: [b"s".as_slice()].into_iter().collect(),
            values: [b"v".as_slice()].into_iter().collect(),
            more: true,
        })
    }

    fn register_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure> {
        let Timers {
            times,
            keys,
            namespaces,
        } = timers;
        let (keys, namespaces) = (texts(keys.view()), texts(namespaces.view()));
        self.tell(format!("register {domain:?} {times:?} {keys} {namespaces}"))
    }

    fn delete_timers(&mut self, domain: TimeDomain, timers: Timers) -> Result<(), TaskFailure> {
        self.tell(format!("delete {domain:?} {:?}", timers.times))
    }

    fn now(&mut self) -> i64 {
        1234
    }

    fn random(&mut self) -> u64 {
        5678
    }

    fn log(&mut self, level: LogLevel, message: &str) -> Result<(), TaskFailure> {
        self.tell(format!("log {level:?} {message}"))
    }

    fn counter_add(&mut self, name: &str, delta: u64) {
        self.told.push(format!("counter {name} {delta}"));
    }

    fn gauge_set(&mut self, name: &str, value: f64) {
        self.told.push(format!("gauge {name} {value}"));
    }

    fn histogram_record(&mut self, name: &str, value: f64) {
        self.told.push(format!("histogram {name} {value}"));
    }
}

fn texts(blobs: BlobsView<'_>) -> String {
    let texts: Vec<_> = blobs
        .iter()
        .map(|blob| blob.escape_ascii().to_string())
        .collect();
    format!("{texts:?}")
}

/// An engine, limits and a token for one test.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) cancel: CancelToken,
}

impl Bench {
    /// The usual.
    pub(crate) fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// With a clock that the test moves.
    pub(crate) fn with_clock(clock: Clock) -> Self {
        let options = EngineOptions {
            epoch_tick: Duration::from_millis(1),
            clock,
            ..EngineOptions::default()
        };
        Self {
            engine: Engine::new(options).unwrap(),
            limits: Limits::default(),
            cancel: CancelToken::new(),
        }
    }

    pub(crate) fn load(&self, guest: &Guest) -> Bundle {
        let bundle = Bundle::load(&self.engine, &guest.build(), &self.limits);
        bundle.unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn start(&self, guest: &Guest) -> WasmOperator<Recorder> {
        self.start_with(guest, Recorder::default())
    }

    pub(crate) fn start_with(&self, guest: &Guest, host: Recorder) -> WasmOperator<Recorder> {
        let bundle = self.load(guest);
        let instance = bundle.instantiate(host, &self.limits, self.cancel.clone());
        instance.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A failure of the host that no guest can make up.
pub(crate) fn host_failure() -> TaskFailure {
    HostError::new("the consumers are gone").into()
}
