//! A hostile guest: a record that is larger than any may be.
//!
//! The SDK refuses to emit it and says which record caused it. With `--past-the-sdk` the guest hands it to
//! the host itself; the host checks too, because a guest need not be built with the SDK.

use wasmill::prelude::*;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes a record of `--bytes` bytes (2 MiB when not given) for each to
/// `--output`.
#[wasmill::job]
pub fn giant_record(env: &Env) -> Result<()> {
    let bytes = env.arg_or("bytes", 2 << 20)?;
    let past_the_sdk = env.flag("past-the-sdk");
    env.source(Datagen::new().rows(10).sequence("n", 0))
        .map(move |number: Number| {
            if past_the_sdk {
                emit_raw(bytes);
                return number.n.to_string();
            }
            "x".repeat(bytes)
        })
        .name("giant record")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}

/// Emits a record as the SDK would, without asking it.
#[cfg(target_arch = "wasm32")]
fn emit_raw(bytes: usize) {
    use wasmill::bindings::wasmill::dataflow::{output, types::Batch};
    let record = Batch {
        timestamps: Vec::new(),
        hashes: Vec::new(),
        ends: vec![bytes as u32],
        data: vec![b'x'; bytes],
    };
    output::emit(0, &record);
}

/// Natively there is no host to speak to.
#[cfg(not(target_arch = "wasm32"))]
fn emit_raw(_: usize) {}
