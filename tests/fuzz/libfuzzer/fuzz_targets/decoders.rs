//! Runs one of `wasmill_fuzz::TARGETS` under libFuzzer: the one that `WASMILL_FUZZ_TARGET` names.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs};

use libfuzzer_sys::fuzz_target;
use wasmill_fuzz::Target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = env::var("WASMILL_FUZZ_TARGET").expect("WASMILL_FUZZ_TARGET names a target");
    wasmill_fuzz::target(&name).expect("WASMILL_FUZZ_TARGET names a target of tests/fuzz")
});

fuzz_target!(init: write_seeds(), |bytes: &[u8]| (TARGET.run)(bytes));

/// Puts the target's seeds where libFuzzer is going to read what it found before: by chance alone it does not
/// come past a magic number or a checksum.
fn write_seeds() {
    let Some(dir) = env::var_os("WASMILL_FUZZ_SEEDS") else {
        return;
    };
    for (number, seed) in (TARGET.seeds)().iter().enumerate() {
        let path = Path::new(&dir).join(format!("seed-{number}"));
        fs::write(path, seed).expect("the directory of the corpus can be written to");
    }
}
