//! A hostile guest: writes to the log, long lines, for ever or `--lines` lines for each record.
//!
//! The host cuts long lines and drops those above its rate, so a flood fills no disk; one that never ends
//! meets the deadline of the call.

use wasmill::prelude::*;

/// How long a line is, in bytes.
const LINE_BYTES: usize = 100_000;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads ten made-up numbers, logs `--lines` lines for each (without an end when not given), and writes
/// them to `--output`.
#[wasmill::job]
pub fn log_flood(env: &Env) -> Result<()> {
    let lines = env.arg_or("lines", u64::MAX)?;
    env.source(Datagen::new().rows(10).sequence("n", 0))
        .map(move |number: Number| {
            let line = "flood ".repeat(LINE_BYTES / 6);
            for _ in 0..lines {
                wasmill::log::warn!("{line}");
            }
            number.n
        })
        .name("log flood")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}
