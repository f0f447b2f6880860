//! What went wrong in a call, from the sandbox's error to a `TaskFailure`.
//!
//! `instance` asks after every call that failed. Invariant: three things stay apart: what the host
//! answered to an import comes out as it went in, a limit names itself, and only code that broke is a
//! trap.

use wasmill_types::TaskFailure;
use wasmtime::{FrameInfo, Trap, WasmBacktrace};

use crate::address_space;
use crate::guest::Guest;
use crate::limits::{Limits, STACK};
use crate::text;

/// What the sandbox's error says when a call moves too many bytes; it has no type of its own.
const OVER_TRANSFER: &str = "fuel allocated for hostcalls has been exhausted";

/// What the guest's standard library logs before a panic ends in a trap starts with this.
const PANICKED: &str = "panicked at ";

/// The machinery between a panic and its trap, which says nothing about the guest's own code.
const PANIC_MACHINERY: [&str; 11] = [
    "std::panicking::",
    "core::panicking::",
    "std::process::abort",
    "std::sys::backtrace::",
    "std::alloc::",
    "alloc::alloc::handle_alloc_error",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "__rustc::",
    "__rust_",
];

/// The names of the machinery that have no path.
const PANIC_SYMBOLS: [&str; 3] = ["rust_panic", "rust_begin_unwind", "abort"];

/// The failure behind an error of a call.
pub(crate) fn failure<H>(error: wasmtime::Error, guest: &Guest<H>) -> TaskFailure {
    let error = match error.downcast::<TaskFailure>() {
        Ok(failure) => return failure,
        Err(error) => error,
    };
    // The memory that it did not get explains everything that follows.
    if let Some(refused) = guest.memory.refused() {
        return refused;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => {
            let message = "the guest's calls nest too deeply".to_owned();
            let limit = STACK;
            TaskFailure::Limit { limit, message }
        }
        Some(trap) => TaskFailure::Trap {
            reason: reason(*trap, guest.last_error()),
            backtrace: without_panic_machinery(backtrace(&error)),
        },
        None => match address_space::refused(&error) {
            Some(refused) => refused.into(),
            None => broken_contract(&error, guest.limits()),
        },
    }
}

/// What happened, as a sentence: the guest's own words if it panicked; else the sandbox's word for the
/// trap, and what the guest said last if it said anything.
fn reason(trap: Trap, said: Option<&str>) -> String {
    if let Some(panic) = said.and_then(|said| panicked(trap, said)) {
        return text::escaped_lines(&panic);
    }
    let trap = trap.to_string();
    let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
    match said {
        Some(said) => format!(
            "the bundle's code trapped: {trap}; the last error it logged: {}",
            text::escaped_lines(said)
        ),
        None => format!("the bundle's code trapped: {trap}"),
    }
}

/// The panic that the guest logged: where it happened and its text, on one line as far as the text is.
fn panicked(trap: Trap, said: &str) -> Option<String> {
    // Whoever logs a caught panic and then divides by zero has not ended by the panic.
    if trap != Trap::UnreachableCodeReached {
        return None;
    }
    let panic = said.strip_prefix(PANICKED)?;
    Some(match panic.split_once(":\n") {
        Some((at, text)) => format!("the job's code panicked at {at}: {text}"),
        None => format!("the job's code panicked at {panic}"),
    })
}

/// The backtrace from the function on that panicked. What is nothing but machinery is kept: there is no
/// better place to name.
fn without_panic_machinery(mut backtrace: Vec<String>) -> Vec<String> {
    let own = backtrace
        .iter()
        .position(|frame| !is_panic_machinery(frame));
    backtrace.drain(..own.unwrap_or_default());
    backtrace
}

fn is_panic_machinery(frame: &str) -> bool {
    let inside = |path: &str| frame.starts_with(path);
    // Methods of the machinery's types are written `<std::panicking::… as …>::…`.
    let of_type = |path: &str| {
        frame
            .strip_prefix('<')
            .is_some_and(|rest| rest.starts_with(path))
    };
    PANIC_MACHINERY
        .iter()
        .any(|path| inside(path) || of_type(path))
        || PANIC_SYMBOLS.contains(&frame)
}

/// The guest's functions, innermost first.
fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map(WasmBacktrace::frames);
    frames.unwrap_or_default().iter().map(function).collect()
}

fn function(frame: &FrameInfo) -> String {
    let Some(name) = frame.func_name() else {
        return format!("function {}", frame.func_index());
    };
    // The alternate form leaves the compiler's hash out.
    let name = format!("{:#}", rustc_demangle::demangle(name));
    text::escaped(text::cut(&name, crate::limits::SHOWN_NAME_BYTES))
}

/// What the guest handed over is not what `wit/` says: a list outside its memory, no such enum case.
fn broken_contract(error: &wasmtime::Error, limits: &Limits) -> TaskFailure {
    let root = error.root_cause().to_string();
    if root.contains(OVER_TRANSFER) {
        let allowed = limits.transfer_bytes;
        let message = format!("more than {allowed} bytes were handed to the host at once");
        let limit = Limits::TRANSFER;
        return TaskFailure::Limit { limit, message };
    }
    TaskFailure::Contract(text::escaped(&root))
}
