//! What went wrong in a call, from the sandbox's error to a `TaskFailure`.
//!
//! `instance` asks after every call that failed. Invariant: three things stay apart: what the host
//! answered to an import comes out as it went in, a limit names itself, and only code that broke is a
//! trap.

use wasmill_types::TaskFailure;
use wasmtime::{FrameInfo, Trap, WasmBacktrace};

use crate::guest::Guest;
use crate::limits::{Limits, STACK};
use crate::text;

/// What the sandbox's error says when a call moves too many bytes; it has no type of its own.
const OVER_TRANSFER: &str = "fuel allocated for hostcalls has been exhausted";

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
            backtrace: backtrace(&error),
        },
        None => broken_contract(&error, guest.limits()),
    }
}

/// The sandbox's word for a trap, and the guest's own words if it has any.
fn reason(trap: Trap, said: Option<&str>) -> String {
    let trap = trap.to_string();
    let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
    match said {
        Some(said) => format!(
            "{trap}; the last error it logged: {}",
            text::escaped_lines(said)
        ),
        None => trap.to_owned(),
    }
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
