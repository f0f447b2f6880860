//! A crate in a temporary directory becomes a bundle, or an error that says why not.
//!
//! The guest here is written by hand against a contract of two functions, so that nothing has to be
//! downloaded; the SDK's guests are built by the tests of the whole project.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;
use wasmill_toolchain::{BuildError, BuildOptions, Built, build};
use wasmparser::{Parser, Payload};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The contract of the hand-made guest: names as in `wit/`, shapes that are easy to write by hand.
const WIT: &str = "
package wasmill:dataflow@0.1.0;
interface context { random: func() -> u64; }
interface job { describe: func() -> u64; }
interface operator { process: func(records: u32) -> u32; }
world bundle { import context; export job; export operator; }
";

const MANIFEST: &str = r#"
[package]
name = "hand-made"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib", "rlib"]

[features]
loud = []

[workspace]
"#;

const LIBRARY: &str = r#"
#[unsafe(link_section = "component-type:hand-made")]
pub static CONTRACT: [u8; LENGTH] = *include_bytes!("contract");

#[link(wasm_import_module = "wasmill:dataflow/context@0.1.0")]
unsafe extern "C" {
    fn random() -> u64;
}

#[unsafe(export_name = "wasmill:dataflow/job@0.1.0#describe")]
extern "C" fn describe() -> u64 {
    unsafe { random() }
}

#[unsafe(export_name = "wasmill:dataflow/operator@0.1.0#process")]
extern "C" fn process(records: u32) -> u32 {
    let texts: Vec<String> = (0..records).map(|record| record.to_string()).collect();
    texts.concat().len() as u32 + cfg!(feature = "loud") as u32
}
"#;

struct Guest {
    dir: TempDir,
}

impl Guest {
    fn new() -> Self {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("contract.wit", WIT).unwrap();
        let world = resolve.select_world(&[package], Some("bundle")).unwrap();
        let contract =
            wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None, false)
                .unwrap();
        let guest = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        guest.write("Cargo.toml", MANIFEST);
        fs::create_dir(guest.dir.path().join("src")).unwrap();
        guest.write(
            "src/lib.rs",
            &LIBRARY.replace("LENGTH", &contract.len().to_string()),
        );
        fs::write(guest.dir.path().join("src/contract"), contract).unwrap();
        guest
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
    }

    fn append_to_library(&self, text: &str) {
        let library = self.dir.path().join("src/lib.rs");
        let old = fs::read_to_string(&library).unwrap();
        fs::write(library, old + text).unwrap();
    }

    fn options(&self) -> BuildOptions {
        BuildOptions::new(self.dir.path())
            .quiet(true)
            .out_dir(self.dir.path().join("out"))
    }

    fn build(&self) -> Result<Built, BuildError> {
        build(&self.options(), &mut |_| {})
    }

    fn files_in_out_dir(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("out")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The names of all custom sections, those of the modules inside too.
fn custom_sections(bundle: &Path) -> Vec<String> {
    let bytes = fs::read(bundle).unwrap();
    let sections = Parser::new(0)
        .parse_all(&bytes)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        });
    sections.collect()
}

#[test]
fn a_guest_becomes_a_bundle_and_a_second_build_leaves_it_alone() {
    let guest = Guest::new();
    let first = guest.build().unwrap();
    assert_eq!((first.name.as_str(), first.changed), ("hand-made", true));
    assert_eq!(first.bundle, guest.dir.path().join("out/hand-made.wasm"));
    assert_eq!(first.imports, ["wasmill:dataflow/context@0.1.0"]);
    assert_eq!(
        first.exports,
        [
            "wasmill:dataflow/job@0.1.0",
            "wasmill:dataflow/operator@0.1.0"
        ]
    );
    assert_eq!(first.bytes, fs::metadata(&first.bundle).unwrap().len());
    assert_eq!(guest.files_in_out_dir(), [first.bundle.as_path()]);

    let sections = custom_sections(&first.bundle);
    assert!(
        sections.iter().any(|name| name == "name"),
        "no function names: {sections:?}"
    );
    assert!(
        !sections.iter().any(|name| name.starts_with(".debug")),
        "{sections:?}"
    );

    let written = fs::metadata(&first.bundle).unwrap().modified().unwrap();
    let second = guest.build().unwrap();
    assert_eq!(
        second,
        Built {
            changed: false,
            ..first
        }
    );
    assert_eq!(
        fs::metadata(&second.bundle).unwrap().modified().unwrap(),
        written
    );
}

#[test]
fn without_an_output_directory_the_bundle_is_beside_cargos_own_output() {
    let guest = Guest::new();
    let options = BuildOptions::new(guest.dir.path()).quiet(true);
    let built = build(&options, &mut |_| {}).unwrap();
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => guest.dir.path().canonicalize().unwrap().join("target"),
    };
    assert_eq!(built.bundle, target.join("wasmill/hand-made.wasm"));
}

#[test]
fn features_change_the_bundle_even_when_builds_run_at_once() {
    let guest = Guest::new();
    let build_with = |features: &[&str], out: &str| {
        let options = guest
            .options()
            .features(features.to_vec())
            .out_dir(guest.dir.path().join(out));
        build(&options, &mut |_| {}).map(|built| fs::read(built.bundle).unwrap())
    };
    let expected = [
        build_with(&[], "plain").unwrap(),
        build_with(&["loud"], "loud").unwrap(),
    ];
    assert!(expected[0] != expected[1], "the feature made no difference");
    thread::scope(|scope| {
        let builds = [("a", false), ("b", true), ("c", false), ("d", true)].map(|(out, loud)| {
            let features: &[&str] = if loud { &["loud"] } else { &[] };
            (loud, scope.spawn(move || build_with(features, out)))
        });
        for (loud, build) in builds {
            assert!(build.join().unwrap().unwrap() == expected[usize::from(loud)]);
        }
    });
    let error = build_with(&["quiet"], "none").unwrap_err().to_string();
    assert!(error.contains("quiet"), "{error}");
}

#[test]
fn a_guest_that_does_not_compile_keeps_its_old_bundle_and_tells_the_compilers_words() {
    let guest = Guest::new();
    let built = guest.build().unwrap();
    guest.append_to_library("fn broken() -> u32 { \"text\" }");
    let error = guest.build().unwrap_err();
    assert!(
        matches!(&error, BuildError::Compile { name, .. } if name == "hand-made"),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("`hand-made` does not compile for wasm32-unknown-unknown:\n"),
        "{text}"
    );
    assert!(text.contains("mismatched types"), "{text}");
    assert_eq!(guest.files_in_out_dir(), [built.bundle]);
}

#[test]
fn a_guest_that_wants_something_else_than_our_interfaces_is_refused() {
    let guest = Guest::new();
    guest.append_to_library(
        r#"
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" { fn sched_yield() -> i32; }
#[unsafe(no_mangle)]
extern "C" fn rest() -> i32 { unsafe { sched_yield() } }
"#,
    );
    let error = guest.build().unwrap_err().to_string();
    let beginning = "`hand-made` is not a bundle: it imports `wasi_snapshot_preview1::sched_yield`, \
                     but only `wasmill:dataflow` is there; a dependency expects WASI";
    assert!(error.starts_with(beginning), "{error}");
    assert!(guest.files_in_out_dir().is_empty());
}

#[test]
fn a_library_without_a_job_is_refused() {
    let guest = Guest::new();
    guest.write("src/lib.rs", "pub fn nothing() {}");
    let error = guest.build().unwrap_err().to_string();
    assert!(
        error.ends_with("mark the job's main function with `#[wasmill::job]`"),
        "{error}"
    );
}
