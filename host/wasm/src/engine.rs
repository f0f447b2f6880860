//! The compiler and its configuration, shared by all bundles of a process, and the tick that lets calls
//! be interrupted.
//!
//! The program makes one and hands it to every load. Invariant: what design decision D1 turns off is
//! turned off here, and compiled code contains the checks that limits need, so that no bundle can be
//! loaded without them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmill_actor::threads::STACK_BYTES;
use wasmill_actor::{Clock, Signal, ThreadKind, Woken, Worker, threads};
use wasmill_types::HostError;
use wasmtime::{Config, EngineWeak, OptLevel, Strategy};

use crate::cache::Cache;
use crate::limits::{BACKTRACE_FRAMES, DEFAULT_STACK_BYTES, STACK};

/// The address space of one linear memory: all that a 32-bit address can reach, so that the machine's
/// page protection does the bounds checks. Reserved, not used.
const MEMORY_RESERVATION: u64 = 4 << 30;

/// The address space behind it that stays unmapped, for the constant offset of an instruction: those
/// below it need no check either.
const MEMORY_GUARD: u64 = 32 << 20;

/// The environment variable by which people choose [`EngineOptions::cache_dir`]; the program reads it,
/// messages about the cache name it.
pub const CACHE_VARIABLE: &str = "WASMILL_CACHE_DIR";

/// How bundles are compiled and run.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Whether calls can be interrupted: cancelled, or ended at their deadline. Off only for measuring
    /// what it costs, with code that is trusted.
    pub interruption: bool,
    /// How often a running call is checked for its deadline and for cancellation.
    pub epoch_tick: Duration,
    /// The directory of compiled code; none compiles every bundle again.
    pub cache_dir: Option<PathBuf>,
    /// The stack of a guest, in bytes. A thread that calls guests must have as much again for the host.
    pub stack_bytes: usize,
    /// The clock that calls are timed with.
    pub clock: Clock,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            interruption: true,
            epoch_tick: Duration::from_millis(10),
            cache_dir: None,
            stack_bytes: DEFAULT_STACK_BYTES,
            clock: Clock::system(),
        }
    }
}

/// What compiles bundles and times their calls; cheap to clone, and clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    cache: Option<Cache>,
    clock: Clock,
    /// Dropped with the last handle, which ends the ticks.
    _ticker: Option<EpochTicker>,
}

impl Engine {
    /// An engine with its epoch ticking.
    ///
    /// # Errors
    /// When the options contradict each other, or the machine lacks what the sandbox needs.
    pub fn new(options: EngineOptions) -> Result<Self, HostError> {
        if !(1..=STACK_BYTES / 2).contains(&options.stack_bytes) {
            return Err(HostError::new(format!(
                "`{STACK}` is {} bytes; it must be between 1 and {}, half of a thread's stack",
                options.stack_bytes,
                STACK_BYTES / 2
            )));
        }
        if options.epoch_tick.is_zero() {
            // The ticker would take a whole processor.
            let message = "the tick of the sandbox is 0; write a duration, for instance 10 ms";
            return Err(HostError::new(message));
        }
        let wasmtime = wasmtime::Engine::new(&config(&options))
            .map_err(|error| HostError::new(format!("start the sandbox: {error:#}")))?;
        let ticker = options
            .interruption
            .then(|| EpochTicker::start(wasmtime.weak(), options.epoch_tick))
            .transpose()?;
        let cache = options
            .cache_dir
            .and_then(|dir| Cache::open(dir, &wasmtime, &options.clock));
        let inner = Inner {
            wasmtime,
            cache,
            clock: options.clock,
            _ticker: ticker,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.inner.cache.as_ref()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("cache", &self.inner.cache)
            .finish_non_exhaustive()
    }
}

/// The configuration of D1 and D8.
fn config(options: &EngineOptions) -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    config.epoch_interruption(options.interruption);
    config.max_wasm_stack(options.stack_bytes);

    // Garbage collection, exceptions, threads and asynchronous calls are not even compiled in; 64-bit
    // memories would need bounds checks.
    config.concurrency_support(false);
    config.wasm_memory64(false);
    // Replays must compute the same on every machine.
    config.relaxed_simd_deterministic(true);

    // No bounds checks, and the base address in a register: memories are reserved whole and never move.
    config.memory_reservation(MEMORY_RESERVATION);
    config.memory_guard_size(MEMORY_GUARD);
    config.memory_may_move(false);
    // A new instance maps the initial memory and copies a page when it writes to it.
    config.memory_init_cow(true);

    // Backtraces name functions; addresses and native unwinding would only make the code slower to load.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(BACKTRACE_FRAMES));
    config.generate_address_map(false);
    config.native_unwind_info(false);
    config
}

/// A thread that moves the engine's epoch on until it is dropped.
struct EpochTicker {
    stop: Signal,
    worker: Option<Worker<()>>,
}

impl EpochTicker {
    fn start(engine: EngineWeak, tick: Duration) -> Result<Self, HostError> {
        let stop = Signal::new();
        let stopped = stop.clone();
        let worker = threads::spawn(ThreadKind::EpochTicker, "sandbox", move || {
            // The machine's time and not the engine's clock: guests spin in the machine's time.
            while stopped.wait(Some(tick)) == Woken::TimedOut {
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                engine.increment_epoch();
            }
        });
        let worker = worker.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            HostError::new(format!("{error}: {}", cause.unwrap_or_default()))
        })?;
        Ok(Self {
            stop,
            worker: Some(worker),
        })
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        self.stop.notify();
        if let Some(worker) = self.worker.take() {
            // A panic of the ticker has ended the process already.
            let _ = worker.join();
        }
    }
}
