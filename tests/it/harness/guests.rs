//! The guests of `guest-examples/`, as bundles.

use std::path::{Path, PathBuf};

use wasmill_toolchain::{BuildOptions, build};

use super::once::{PLACE, once};
use super::root;

/// The bundle of a guest, for instance `word-count` or `evil/spin`.
pub(crate) fn bundle(guest: &str) -> PathBuf {
    let dir = Path::new(PLACE).join("bundles");
    once(&format!("bundle-{guest}"), || {
        let crate_dir = root().join("guest-examples").join(guest);
        let options = BuildOptions::new(crate_dir).out_dir(&dir).quiet(true);
        build(&options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    });
    let name = Path::new(guest).file_name().unwrap();
    dir.join(name).with_added_extension("wasm")
}
