//! A hostile guest: keeps allocating memory, and touches all of it.
//!
//! The host refuses to let its memory grow beyond the limit; what the guest does then is its end.

use std::hint::black_box;

use wasmill::prelude::*;

/// How much it takes at a time.
const PIECE_BYTES: usize = 1 << 20;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes them to `--output`, but takes memory for ever at the first one.
#[wasmill::job]
pub fn hoard(env: &Env) -> Result<()> {
    env.source(Datagen::new().rows(1000).sequence("n", 0))
        .map(|number: Number| number.n + pieces_for_ever())
        .name("hoard")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}

fn pieces_for_ever() -> u64 {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    while black_box(pieces.len()) < usize::MAX {
        pieces.push(black_box(vec![1; PIECE_BYTES]));
    }
    pieces.len() as u64
}
