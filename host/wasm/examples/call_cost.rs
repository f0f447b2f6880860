//! What crossing the sandbox's border costs: `cargo run --release -p wasmill-wasm --example call_cost`.
//!
//! Prints nanoseconds per call and per record. The guest does nothing but hand on what it got, so
//! everything that is measured is the border's.

#![expect(clippy::print_stdout, reason = "a program for people")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails may as well panic"
)]

use std::hint::black_box;

use wasmill_actor::{CancelToken, Clock};
use wasmill_types::TaskFailure;
use wasmill_types::batch::{Batch, BatchView, Blobs, BlobsView};
use wasmill_types::operator::{
    Changes, LogLevel, Operator, OperatorHost, OptionalBlobs, Page, TimeDomain, Timers,
};
use wasmill_wasm::{Bundle, Engine, EngineOptions, Limits, WasmOperator};

#[path = "../tests/sandbox/guest.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod guest;

const RECORDS: usize = 300;
const RECORD_BYTES: usize = 100;

/// A host that looks at nothing it need not look at.
#[derive(Default)]
struct Sink {
    bytes: usize,
    found: OptionalBlobs,
}

impl OperatorHost for Sink {
    fn emit(&mut self, _: u32, records: BatchView<'_>) -> Result<(), TaskFailure> {
        self.bytes += records.data.len();
        black_box(records);
        Ok(())
    }

    fn emit_watermark(&mut self, _: i64) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn mark_idle(&mut self) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn state_get(
        &mut self,
        _: u32,
        keys: BlobsView<'_>,
        _: BlobsView<'_>,
    ) -> Result<OptionalBlobs, TaskFailure> {
        black_box(keys);
        Ok(self.found.clone())
    }

    fn state_write(&mut self, _: u32, changes: Changes<'_>) -> Result<(), TaskFailure> {
        black_box(changes);
        Ok(())
    }

    fn state_scan(
        &mut self,
        _: u32,
        _: &[u8],
        _: Option<&[u8]>,
        _: u32,
    ) -> Result<Page, TaskFailure> {
        Ok(Page::default())
    }

    fn register_timers(&mut self, _: TimeDomain, _: Timers) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn delete_timers(&mut self, _: TimeDomain, _: Timers) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn now(&mut self) -> i64 {
        0
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn log(&mut self, _: LogLevel, _: &str) -> Result<(), TaskFailure> {
        Ok(())
    }

    fn counter_add(&mut self, _: &str, _: u64) {}

    fn gauge_set(&mut self, _: &str, _: f64) {}

    fn histogram_record(&mut self, _: &str, _: f64) {}
}

/// Nothing, emit what came, read a row per record, write a row per record.
const GUESTS: [(&str, &str); 4] = [
    ("process", ""),
    (
        "process + emit",
        "(call $emit (i32.const 0) (local.get $times) (local.get $times_len) (local.get $hashes)
           (local.get $hashes_len) (local.get $ends) (local.get $ends_len) (local.get $data)
           (local.get $data_len))",
    ),
    (
        "process + state.get",
        "(call $get (i32.const 0) (local.get $ends) (local.get $ends_len) (local.get $data)
           (local.get $data_len) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 512))",
    ),
    (
        "process + state.write",
        "(call $write (i32.const 0) (i32.const 8192) (local.get $ends_len)
           (local.get $ends) (local.get $ends_len) (local.get $data) (local.get $data_len)
           (local.get $ends) (local.get $ends_len) (local.get $data) (local.get $data_len)
           (local.get $ends) (local.get $ends_len) (local.get $data) (local.get $data_len))",
    ),
];

fn main() {
    let dir = tempfile::tempdir().unwrap();
    for interruption in [true, false] {
        let engine = Engine::new(EngineOptions {
            interruption,
            cache_dir: Some(dir.path().to_path_buf()),
            ..EngineOptions::default()
        });
        println!("interruption {}", if interruption { "on" } else { "off" });
        measure_calls(&engine.unwrap());
    }
    measure_loads(dir.path());
}

fn measure_calls(engine: &Engine) {
    let mut full = Batch::default();
    (0..RECORDS).for_each(|_| full.push(&[7; RECORD_BYTES]));
    for (name, body) in GUESTS {
        let guest = guest::Guest::default()
            .process(format!("{body} (call $ok)"))
            .build();
        let bundle = Bundle::load(engine, &guest, &Limits::default()).unwrap();
        let found = OptionalBlobs {
            present: vec![true; RECORDS],
            values: (0..RECORDS).map(|_| [1; 8].as_slice()).collect::<Blobs>(),
        };
        let host = Sink { bytes: 0, found };
        let cancel = CancelToken::new();
        let mut operator = bundle
            .instantiate(host, &Limits::default(), cancel)
            .unwrap();
        let empty = time(&mut operator, &Batch::default());
        let call = time(&mut operator, &full);
        let record = call / RECORDS as f64;
        println!(
            "  {name:22} empty batch {empty:7.0} ns; {RECORDS} records of {RECORD_BYTES} bytes \
             {call:7.0} ns, {record:5.2} ns per record"
        );
    }
}

/// The nanoseconds of a call: the best of some rounds, for neighbours only ever add.
fn time(operator: &mut WasmOperator<Sink>, batch: &Batch) -> f64 {
    const CALLS: u32 = 20_000;
    let clock = Clock::system();
    let round = || {
        let start = clock.monotonic();
        for _ in 0..CALLS {
            operator.process(0, &batch.view()).unwrap();
        }
        (clock.monotonic() - start).as_nanos() as f64 / f64::from(CALLS)
    };
    std::iter::repeat_with(round)
        .take(10)
        .fold(f64::MAX, f64::min)
}

/// How long a bundle of about 100 KB takes to load, compiled and cached.
fn measure_loads(dir: &std::path::Path) {
    let function = "(func (param i32) (result i32) (local i32)
        (loop $l (local.set 1 (i32.add (i32.load (local.get 0)) (i32.mul (local.get 1) (i32.const 31))))
          (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 1))";
    let file = guest::Guest::default()
        .extra(&function.repeat(3_000))
        .build();
    let engine = Engine::new(EngineOptions {
        cache_dir: Some(dir.to_path_buf()),
        ..EngineOptions::default()
    });
    let engine = engine.unwrap();
    let clock = Clock::system();
    for what in ["compiled", "cached", "cached"] {
        let start = clock.monotonic();
        let bundle = Bundle::load(&engine, &file, &Limits::default()).unwrap();
        let loaded = clock.monotonic() - start;
        let cancel = CancelToken::new();
        let operator = bundle
            .instantiate(Sink::default(), &Limits::default(), cancel)
            .unwrap();
        let started = clock.monotonic() - start - loaded;
        drop(operator);
        println!(
            "  {} bytes, {what}: loaded in {loaded:.1?}, instance in {started:.1?}",
            file.len()
        );
    }
}
