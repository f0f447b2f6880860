//! The SDK's bindings are those of `wit/` as it is now.
//!
//! They are checked in, so that building a guest needs no generator. Invariant: with `UPDATE_GOLDEN=1`
//! this test writes what it would otherwise compare.

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::Opts;

use crate::harness::{check_golden, root};

/// The world that has everything; a bundle exports what it uses of it.
const WORLD: &str = "bundle-with-sources";

const HEADER: &str = "//! Generated from `wit/` by `tests/it/bindings.rs`; do not edit.\n";

#[test]
fn the_bindings_are_those_of_the_contract() {
    check_golden("sdk/rust/src/bindings.rs", &bindings());
}

fn bindings() -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some(WORLD)).unwrap();
    let options = Opts {
        format: true,
        pub_export_macro: true,
        generate_all: true,
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        ..Opts::default()
    };
    let mut files = Files::default();
    let mut generator = options.build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    let (_, source) = files.iter().next().unwrap();
    let source = str::from_utf8(source).unwrap();
    // The generator's own remarks, of which one names its options.
    let lines = source.lines().filter(|line| !line.starts_with("// "));
    lines.fold(HEADER.to_owned(), |text, line| text + line + "\n")
}
