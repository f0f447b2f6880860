//! A hostile guest: a function that calls itself for ever.
//!
//! The host bounds the stack of a guest, so it runs out long before the host's own.

use std::hint::black_box;

use wasmill::prelude::*;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes them to `--output`, but never returns from the first one.
#[wasmill::job]
pub fn recurse(env: &Env) -> Result<()> {
    env.source(Datagen::new().rows(1000).sequence("n", 0))
        .map(|number: Number| descend(number.n))
        .name("recurse")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}

/// The sum makes the call one that is not the last thing, so it cannot become a loop.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    let next = black_box(depth + 1);
    if next == 0 {
        return 0;
    }
    black_box(descend(next)) + black_box(depth)
}
