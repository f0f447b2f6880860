//! Modules become components, and what is no bundle is refused with its reason.

use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::*;

/// A module that fits a world and does nothing.
fn module(resolve: &Resolve, package: wit_parser::PackageId, world: &str) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

fn module_of_our_world(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    module(&resolve, package, world)
}

fn module_of_wit(wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("foreign.wit", wit).unwrap();
    module(&resolve, package, world)
}

fn module_that_imports(module: &str, name: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (import \"{module}\" \"{name}\" (func)))")).unwrap()
}

/// Does what a build does with a module.
fn bundle(module: &[u8]) -> Result<Interfaces, ComponentError> {
    let interfaces = interfaces(&componentize(module)?)?;
    check(&interfaces).map(|()| interfaces)
}

#[test]
fn a_module_of_our_worlds_becomes_a_bundle() {
    let imports = ["context", "output", "state", "timers"];
    let table: [(&str, &[&str]); 2] = [
        ("bundle", &["job", "operator"]),
        ("bundle-with-sources", &["job", "operator", "source"]),
    ];
    for (world, exports) in table {
        let found = bundle(&module_of_our_world(world)).unwrap();
        let named = |interfaces: &[&str]| -> Vec<String> {
            interfaces
                .iter()
                .map(|interface| format!("wasmill:dataflow/{interface}@0.1.0"))
                .collect()
        };
        for import in named(&imports) {
            assert!(
                found.imports.contains(&import),
                "{import} is not in {:?}",
                found.imports
            );
        }
        let mut sorted = found.exports.clone();
        sorted.sort();
        assert_eq!(sorted, named(exports));
    }
}

#[test]
fn foreign_imports_of_a_module_are_named_with_their_cause() {
    let table = [
        (
            "wasi_snapshot_preview1",
            "fd_write",
            "a dependency expects WASI",
        ),
        (
            "__wbindgen_placeholder__",
            "__wbindgen_throw",
            "a dependency expects a browser",
        ),
        ("env", "ZSTD_compress", "a dependency calls C code"),
        ("mystery", "f", "leave the dependency that wants it out"),
    ];
    for (module, name, cause) in table {
        let error = bundle(&module_that_imports(module, name)).unwrap_err();
        let imports = vec![format!("{module}::{name}")];
        assert_eq!(error, ComponentError::ForeignImports { imports });
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("it imports `{module}::{name}`, but only ")),
            "{text}"
        );
        assert!(text.contains(cause), "{text}");
    }
}

#[test]
fn foreign_imports_of_a_component_are_named() {
    let wit = "package wasi:clocks@0.2.0; interface now { f: func(); } world w { import now; }";
    let error = bundle(&module_of_wit(wit, "w")).unwrap_err();
    let imports = vec!["wasi:clocks/now@0.2.0".to_owned()];
    assert_eq!(error, ComponentError::ForeignImports { imports });
}

#[test]
fn a_package_whose_name_begins_like_ours_is_foreign() {
    for name in [
        "wasmill:dataflow2/job@0.1.0",
        "wasmill:dataflow",
        "wasmill:data/flow",
    ] {
        assert!(!is_ours(name), "{name}");
    }
}

#[test]
fn a_long_list_of_imports_is_cut() {
    let imports: Vec<String> = (0..7).map(|i| format!("m::{i}")).collect();
    assert_eq!(
        list(&imports),
        "`m::0`, `m::1`, `m::2`, `m::3`, `m::4` and 2 more"
    );
}

#[test]
fn a_module_without_a_job_is_told_how_to_get_one() {
    let empty = wat::parse_str("(module)").unwrap();
    for module in [empty, module_of_our_world("imports")] {
        let error = bundle(&module).unwrap_err();
        assert_eq!(error, ComponentError::NotAJob { interface: "job" });
        assert!(error.to_string().ends_with("with `#[wasmill::job]`"));
    }
}

#[test]
fn what_is_not_a_module_is_refused() {
    let component = componentize(&module_of_our_world("bundle")).unwrap();
    for bytes in [b"hello".as_slice(), b"", b"\0asm\x01\0\0\0\xff", &component] {
        let error = bundle(bytes).unwrap_err();
        let refused = matches!(
            error,
            ComponentError::Unreadable(_) | ComponentError::Unfit(_)
        );
        assert!(refused, "{error:?}");
    }
}
