//! Files that are no bundles.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use crate::harness::{Wasmill, bundle, root};

/// Checks that a file is refused by every command that takes a bundle.
fn check(path: &Path, told: &[&str]) {
    for command in [&["run", "--local"] as &[&str], &["inspect"]] {
        let args = command.iter().map(Path::new).chain([path]);
        let ended = Wasmill::new(args).end().with_code(2);
        ended.error_with(told);
        ended.error_with(&[path.to_str().unwrap()]);
        assert_eq!(ended.stdout, "");
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A component that does nothing, for a world of these items beside our package.
fn component(world: &str, more: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).unwrap();
    let text = format!("package a:b;\n{more}\nworld w {{ {world} }}");
    let package = resolve.push_str("w.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder
        .module(&module)
        .unwrap()
        .validate(true)
        .encode()
        .unwrap()
}

#[test]
fn what_is_not_there_is_named() {
    let files = Files::new();
    check(&files.path("none.wasm"), &["there is no bundle"]);
    check(files.0.path(), &[]);
}

#[test]
fn what_is_not_webassembly_is_refused() {
    let files = Files::new();
    check(
        &files.with("text.wasm", b"(component)"),
        &["is not WebAssembly", "`wasmill build`"],
    );
    check(
        &files.with("empty.wasm", b""),
        &["is not WebAssembly", "empty"],
    );
    check(
        &files.with("zip.wasm", b"PK\x03\x04"),
        &["is not WebAssembly"],
    );
}

#[test]
fn a_core_module_is_refused() {
    let files = Files::new();
    let module = wat::parse_str("(module (func (export \"run\")))").unwrap();
    check(
        &files.with("module.wasm", &module),
        &["core WebAssembly module", "`wasmill build`"],
    );
}

#[test]
fn a_component_that_is_cut_off_or_changed_is_refused() {
    let files = Files::new();
    let whole = fs::read(bundle("word-count")).unwrap();
    check(
        &files.with("half.wasm", &whole[..whole.len() / 2]),
        &["not a valid component"],
    );
    let mut changed = whole;
    changed[8..1000].fill(0xee);
    check(
        &files.with("changed.wasm", &changed),
        &["not a valid component"],
    );
}

#[test]
fn a_component_without_a_job_is_refused() {
    let files = Files::new();
    let empty = wat::parse_str("(component)").unwrap();
    check(
        &files.with("empty.wasm", &empty),
        &["does not export", "job", "#[wasmill::job]"],
    );
    let imports = component("include wasmill:dataflow/imports@0.1.0;", "");
    check(
        &files.with("imports.wasm", &imports),
        &["does not export", "job"],
    );
    let job = component("export wasmill:dataflow/job@0.1.0;", "");
    check(
        &files.with("job.wasm", &job),
        &["does not export", "operator"],
    );
}

#[test]
fn imports_outside_the_allow_list_are_refused() {
    let files = Files::new();
    let world = "include wasmill:dataflow/bundle@0.1.0; import sockets;";
    let foreign = component(world, "interface sockets { open: func(port: u16); }");
    check(
        &files.with("foreign.wasm", &foreign),
        &["imports", "a:b/sockets"],
    );
    let wasi = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
    let wasi = wat::parse_str(wasi).unwrap();
    check(
        &files.with("wasi.wasm", &wasi),
        &["wasi:cli/environment@0.2.0", "wasmill:dataflow"],
    );
}

#[test]
fn a_bundle_over_the_size_limit_is_refused() {
    let files = Files::new();
    let path = files.path("huge.wasm");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"\0asm\x0d\0\x01\0").unwrap();
    // The rest of the file is a hole, so it takes no space.
    file.set_len(128 << 20).unwrap();
    check(
        &path,
        &[
            "wasm.bundle",
            "134217728 bytes",
            "67108864 are allowed",
            "`wasmill build`",
        ],
    );
}
