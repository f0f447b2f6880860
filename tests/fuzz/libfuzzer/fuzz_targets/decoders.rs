//! Runs one of `wasmill_fuzz::TARGETS` under libFuzzer: the one that `WASMILL_FUZZ_TARGET` names.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wasmill_fuzz::Target;

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("WASMILL_FUZZ_TARGET").expect("WASMILL_FUZZ_TARGET names a target");
    wasmill_fuzz::target(&name).expect("WASMILL_FUZZ_TARGET names a target of tests/fuzz")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
