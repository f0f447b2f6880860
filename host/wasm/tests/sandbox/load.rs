//! Files that become bundles, and files that do not; code that is compiled once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use wasmill_types::batch::Batch;
use wasmill_types::operator::Operator as _;
use wasmill_wasm::{Bundle, BundleError, Engine, EngineOptions, Limits};

use crate::guest::Guest;
use crate::recorder::{Bench, Recorder};

#[test]
fn a_bundle_knows_itself() {
    let bench = Bench::new();
    let file = Guest::default().build();
    let bundle = Bundle::load(&bench.engine, &file, &bench.limits).unwrap();
    assert_eq!(bundle.bytes(), file.len() as u64);
    let names = |names: &[&str]| -> Vec<String> {
        let name = |name| format!("wasmill:dataflow/{name}@0.1.0");
        names.iter().map(name).collect()
    };
    let imports = names(&["output", "types", "state", "timers", "context"]);
    let mut found = bundle.imports().to_vec();
    found.sort();
    let mut expected = imports;
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(bundle.exports(), names(&["job", "operator"]));
    let again = Bundle::load(&bench.engine, &file, &bench.limits).unwrap();
    assert_eq!(again.digest(), bundle.digest());
    assert_eq!(bundle.digest().to_string().len(), 64);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.wasm");
    for (path, said) in [
        (missing.as_path(), "there is no bundle `"),
        (
            missing.as_path(),
            "none.wasm`; build one with `wasmill build`",
        ),
        (dir.path(), "read bundle `"),
        (
            Path::new("/dev/zero"),
            "exceeds the limit `wasm.bundle`: it has 1001 bytes, 1000 are",
        ),
    ] {
        let limits = Limits {
            bundle_bytes: 1000,
            ..Limits::default()
        };
        let error = Bundle::load(&bench.engine, path, &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_component_that_does_not_fit_the_contract_is_refused() {
    let bench = Bench::new();
    let interface = |name: &str, functions: &str| {
        format!(
            r#"(instance ${name} {functions}) (export "wasmill:dataflow/{name}@0.1.0" (instance ${name}))"#
        )
    };
    let lifted = r#"
      (core module $m (func (export "f")))
      (core instance $i (instantiate $m))
      (func $f (canon lift (core func $i "f")))"#;
    let close = interface("job", r#"(export "describe" (func $f))"#) + &interface("operator", "");
    let empty = interface("job", "") + &interface("operator", "");
    for (name, component, said) in [
        (
            "no functions",
            format!("(component {empty})"),
            "does not export the function `describe` of `wasmill:dataflow/job@0.1.0`",
        ),
        (
            "another type",
            format!("(component {lifted} {close})"),
            "the function `describe` of `wasmill:dataflow/job@0.1.0`: ",
        ),
        (
            "an unknown import",
            format!(
                r#"(component (import "wasmill:dataflow/output@0.1.0" (instance
                     (export "emit-twice" (func)))) {empty})"#
            ),
            "does not fit `wasmill:dataflow@0.1.0`: ",
        ),
        (
            "an import of another type",
            format!(
                r#"(component (import "wasmill:dataflow/output@0.1.0" (instance
                     (export "mark-idle" (func (param "now" bool))))) {empty})"#
            ),
            "does not fit `wasmill:dataflow@0.1.0`: ",
        ),
        (
            "broken code",
            format!(r#"(component (core module (func (result i32) (i64.const 0))) {empty})"#),
            "the bundle is not a valid component: ",
        ),
        (
            "threads",
            format!("(component (core module (memory 1 1 shared)) {empty})"),
            "the bundle is not a valid component: ",
        ),
        (
            "64-bit memories",
            format!("(component (core module (memory i64 1)) {empty})"),
            "the bundle is not a valid component: ",
        ),
    ] {
        let component = wat::parse_str(component).unwrap();
        let error = Bundle::load(&bench.engine, &component, &bench.limits).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
}

/// An engine that keeps its code in a directory.
fn engine(dir: &Path) -> Engine {
    let options = EngineOptions {
        cache_dir: Some(dir.to_path_buf()),
        ..EngineOptions::default()
    };
    Engine::new(options).unwrap()
}

/// Loads a guest and runs it, and says what it emitted.
fn run(engine: &Engine, file: &[u8]) -> Vec<String> {
    let limits = Limits::default();
    let bundle = Bundle::load(engine, file, &limits).unwrap();
    let host = Recorder::default();
    let mut operator = bundle
        .instantiate(host, &limits, wasmill_actor::CancelToken::new())
        .unwrap();
    operator.process(0, &Batch::default().view()).unwrap();
    std::mem::take(&mut operator.host().told)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

#[test]
fn code_is_compiled_once_and_compiled_again_when_the_entry_is_not_sound() {
    let dir = tempfile::tempdir().unwrap();
    let cache = dir.path().join("a/b");
    let file = Guest::default()
        .process("(call $mark_idle) (call $ok)")
        .build();
    assert_eq!(run(&engine(&cache), &file), ["idle"]);
    assert_eq!(
        fs::metadata(&cache).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let [entry] = entries(&cache).try_into().unwrap();
    let sound = fs::read(&entry).unwrap();

    // A hit leaves the file alone: the same inode, the same bytes.
    assert_eq!(run(&engine(&cache), &file), ["idle"]);
    assert_eq!(fs::read(&entry).unwrap(), sound);

    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    for (name, broken) in [
        ("empty", vec![]),
        ("cut short", sound[..sound.len() / 2].to_vec()),
        ("the first byte", flipped(0)),
        ("a byte of the code", flipped(sound.len() / 2)),
        ("the checksum", flipped(sound.len() - 1)),
    ] {
        fs::write(&entry, &broken).unwrap();
        assert_eq!(run(&engine(&cache), &file), ["idle"], "{name}");
        assert_eq!(fs::read(&entry).unwrap(), sound, "{name}");
    }
}

#[test]
fn an_entry_cannot_stand_in_for_another_and_bundles_do_not_share_entries() {
    let dir = tempfile::tempdir().unwrap();
    let first = Guest::default()
        .process("(call $mark_idle) (call $ok)")
        .build();
    let second = Guest::default()
        .process("(call $emit_watermark (i64.const 2)) (call $ok)")
        .build();
    assert_eq!(run(&engine(dir.path()), &first), ["idle"]);
    let [first_entry] = entries(dir.path()).try_into().unwrap();
    assert_eq!(run(&engine(dir.path()), &second), ["watermark 2"]);
    let both = entries(dir.path());
    assert_eq!(both.len(), 2);
    let second_entry = both.iter().find(|entry| **entry != first_entry).unwrap();
    fs::copy(&first_entry, second_entry).unwrap();
    assert_eq!(run(&engine(dir.path()), &second), ["watermark 2"]);
}

#[test]
fn what_others_may_write_is_not_loaded() {
    let file = Guest::default()
        .process("(call $mark_idle) (call $ok)")
        .build();
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let opened = engine(dir.path());
    assert_eq!(run(&opened, &file), ["idle"]);
    let [entry] = entries(dir.path()).try_into().unwrap();

    // An entry that others may write to is replaced by one that they may not.
    mode(&entry, 0o666);
    assert_eq!(run(&opened, &file), ["idle"]);
    assert_eq!(
        fs::metadata(&entry).unwrap().permissions().mode() & 0o022,
        0
    );

    // A directory that others may write to is not used at all.
    mode(dir.path(), 0o777);
    let marked = b"not compiled code".to_vec();
    fs::write(&entry, &marked).unwrap();
    assert_eq!(run(&engine(dir.path()), &file), ["idle"]);
    assert_eq!(fs::read(&entry).unwrap(), marked);
}

#[test]
fn engines_of_different_configurations_do_not_share_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = Guest::default()
        .process("(call $mark_idle) (call $ok)")
        .build();
    assert_eq!(run(&engine(dir.path()), &file), ["idle"]);
    let options = EngineOptions {
        interruption: false,
        cache_dir: Some(dir.path().to_path_buf()),
        ..EngineOptions::default()
    };
    assert_eq!(run(&Engine::new(options).unwrap(), &file), ["idle"]);
    assert_eq!(entries(dir.path()).len(), 2);
}

#[test]
fn a_process_that_must_not_compile_loads_what_another_has_compiled() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, path) = (dir.path().join("cache"), dir.path().join("guest.wasm"));
    fs::write(&path, Guest::default().build()).unwrap();
    let limits = Limits::default();
    let load = || Bundle::load_compiled(&engine(&cache), &path, &limits).unwrap();
    assert!(load().is_none());
    let compiled = Bundle::load(&engine(&cache), &path, &limits).unwrap();
    assert_eq!(load().unwrap().digest(), compiled.digest());
    fs::write(&path, "no bundle").unwrap();
    let refused = Bundle::load_compiled(&engine(&cache), &path, &limits);
    assert!(refused.is_err());
}

#[test]
fn a_cache_that_cannot_be_made_costs_no_more_than_compilation() {
    let file = Guest::default()
        .process("(call $mark_idle) (call $ok)")
        .build();
    assert_eq!(run(&engine(Path::new("/dev/null/cache")), &file), ["idle"]);
}

#[test]
fn options_that_cannot_work_are_refused() {
    let stack = |stack_bytes| EngineOptions {
        stack_bytes,
        ..EngineOptions::default()
    };
    let tick = EngineOptions {
        epoch_tick: std::time::Duration::ZERO,
        ..EngineOptions::default()
    };
    for (options, said) in [
        (
            stack(0),
            "`wasm.stack` is 0 bytes; it must be between 1 and 2097152",
        ),
        (stack(1 << 30), "`wasm.stack` is 1073741824 bytes"),
        (tick, "the tick of the sandbox is 0"),
    ] {
        let error = Engine::new(options).map(drop).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_bundle_over_the_limit_is_not_compiled() {
    let bench = Bench::new();
    let limits = Limits {
        functions: 3,
        ..Limits::default()
    };
    let error = Bundle::load(&bench.engine, &Guest::default().build(), &limits).unwrap_err();
    assert!(
        matches!(
            error,
            BundleError::TooLarge {
                limit: Limits::FUNCTIONS,
                ..
            }
        ),
        "{error:?}"
    );
}
