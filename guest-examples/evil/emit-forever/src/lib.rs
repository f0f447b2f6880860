//! A hostile guest: answers one record with an endless stream of records.
//!
//! Each of them is harmless; the host bounds what one call may emit.

use wasmill::prelude::*;

/// A made-up record.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Number {
    n: u64,
}

/// Reads made-up numbers and writes to `--output`, but never gets beyond the first one.
#[wasmill::job]
pub fn emit_forever(env: &Env) -> Result<()> {
    env.source(Datagen::new().rows(1000).sequence("n", 0))
        .flat_map(|number: Number, out| {
            let record = format!("{:1000}", number.n);
            loop {
                out.emit(record.clone());
            }
        })
        .name("emit for ever")
        .sink(File::lines(env.arg("output")?));
    Ok(())
}
