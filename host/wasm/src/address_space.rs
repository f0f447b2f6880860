//! The machine refuses memory: told as what it is, and not as the fault of the bundle.
//!
//! `trap` asks when an instance cannot be made or a call fails, `bundle` when code cannot be compiled or
//! loaded. Invariant: a message names the machine's limit and how to raise it.

use std::io;

use wasmill_types::HostError;

/// What the sandbox says when the machine maps no memory; it has no type of its own.
const MAP: &str = "mmap failed";

/// The machine's refusal behind an error of the sandbox, if that is what it is.
pub(crate) fn refused(error: &wasmtime::Error) -> Option<HostError> {
    let mut causes = error.chain();
    let is_refusal = causes.any(|cause| {
        let out_of_memory = cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory);
        out_of_memory || cause.to_string().starts_with(MAP)
    });
    is_refusal.then(|| {
        HostError::new(format!(
            "this machine's limit on address space leaves no room for the sandbox, which reserves 4 GiB of \
             it for each memory of an instance (reserved, not used): {error:#}; raise the limit, for \
             instance with `ulimit -v unlimited`, or run with a lower `--parallelism`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_memory_is_the_machines_fault() {
        let io = |kind: io::ErrorKind| wasmtime::Error::from(io::Error::from(kind));
        let mapped = io(io::ErrorKind::Other).context("mmap failed to reserve 0x104000000 bytes");
        for (error, is_refusal) in [
            (mapped, true),
            (
                io(io::ErrorKind::OutOfMemory).context("make an instance"),
                true,
            ),
            (io(io::ErrorKind::NotFound), false),
            (wasmtime::Error::msg("unknown import"), false),
        ] {
            let told = refused(&error).map(|error| error.message);
            assert_eq!(told.is_some(), is_refusal, "{error:#}");
            assert!(told.is_none_or(|told| told.contains("`ulimit -v unlimited`")));
        }
    }
}
