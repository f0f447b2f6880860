//! What `wasmill new` writes builds into a bundle and passes its own tests, as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use wasmill_toolchain::{BuildOptions, SdkSource, build, new_project};

/// A place that is the same in each run, so that the SDK is compiled only when it has changed.
const PLACE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/new");

#[test]
fn a_new_project_builds_and_passes_its_tests() {
    let place = Path::new(PLACE);
    drop(fs::remove_dir_all(place.join("my-words")));
    fs::create_dir_all(place.join(".cargo")).unwrap();
    fs::write(
        place.join(".cargo/config.toml"),
        "[build]\ntarget-dir = \"target\"\n",
    )
    .unwrap();

    let project = new_project(place, "my-words", &SdkSource::of_this_build()).unwrap();
    // The versions that the rest of the tests use, so that no new release can break this one.
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    fs::copy(lock, project.join("Cargo.lock")).unwrap();

    let built = build(&BuildOptions::new(&project).quiet(true), &mut |_| {});
    let built = built.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(built.bundle.file_name().unwrap(), "my-words.wasm");
    assert!(
        built
            .exports
            .contains(&"wasmill:dataflow/job@0.1.0".to_owned()),
        "{built:?}"
    );

    let tests = Command::new("cargo")
        .args(["test", "--quiet"])
        .current_dir(&project)
        .output();
    let tests = tests.unwrap();
    let (stdout, stderr) = (
        String::from_utf8_lossy(&tests.stdout),
        String::from_utf8_lossy(&tests.stderr),
    );
    assert!(tests.status.success(), "{stdout}{stderr}");
    // Warnings of the SDK itself are for `make lint`.
    assert!(!stderr.contains("--> src/"), "the template warns: {stderr}");
}
