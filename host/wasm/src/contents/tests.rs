//! What is in a file decides whether it may be a bundle.

use super::*;

/// An empty interface that a component exports or imports.
fn export(name: &str) -> String {
    format!(r#"(instance $i{name} ) (export "{name}" (instance $i{name}))"#)
        .replace(&format!("$i{name}"), &format!("$i{}", name.len()))
}

fn import(name: &str) -> String {
    format!(r#"(import "{name}" (instance))"#)
}

fn read(text: &str, limits: &Limits) -> Result<Contents, BundleError> {
    Contents::read(&wat::parse_str(text).unwrap(), limits)
}

fn ours(name: &str, version: &str) -> String {
    format!("wasmill:dataflow/{name}@{version}")
}

#[test]
fn the_outside_of_a_bundle_is_listed() {
    let imports = ["output", "types"]
        .map(|name| import(&ours(name, "0.1.3")))
        .concat();
    let exports = ["job", "operator", "source"]
        .map(|name| export(&ours(name, "0.1.0")))
        .concat();
    let contents = read(
        &format!("(component {imports} {exports})"),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        contents,
        Contents {
            imports: vec![ours("output", "0.1.3"), ours("types", "0.1.3")],
            exports: vec![
                ours("job", "0.1.0"),
                ours("operator", "0.1.0"),
                ours("source", "0.1.0")
            ],
            job: ours("job", "0.1.0"),
            operator: ours("operator", "0.1.0"),
            source: Some(ours("source", "0.1.0")),
        }
    );
}

#[test]
fn each_thing_that_is_no_bundle_gets_its_own_message() {
    let component = wat::parse_str("(component)").unwrap();
    let mut future = component.clone();
    future[4] = 99;
    for (name, bytes, said) in [
        (
            "nothing",
            vec![],
            "begins with nothing, for it is empty; build one with `wasmill build`",
        ),
        (
            "a text",
            b"#!/bin/sh\n".to_vec(),
            "the bundle is not WebAssembly: it begins with `#!/bin/s`",
        ),
        (
            "an archive",
            b"\x28\xb5\x2f\xfdxx".to_vec(),
            r"it begins with `(\xb5/\xfdxx`",
        ),
        (
            "a module",
            wat::parse_str("(module)").unwrap(),
            "is a core WebAssembly module, not a component",
        ),
        (
            "a version to come",
            future,
            "it is cut short, or of a version that is not known",
        ),
        (
            "half a file",
            component[..component.len() - 1].to_vec(),
            "it is cut short, or of a version that is not known",
        ),
        (
            "bytes behind",
            [component, vec![77, 1]].concat(),
            "the bundle is not a valid component: ",
        ),
    ] {
        let error = Contents::read(&bytes, &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
}

#[test]
fn exports_and_imports_are_those_of_the_contract() {
    let job = export(&ours("job", "0.1.0"));
    let both = job.clone() + &export(&ours("operator", "0.1.0"));
    let many: String = (0..12)
        .map(|i| import(&format!("foreign:package/i{i}")))
        .collect();
    for (name, body, said) in [
        (
            "nothing",
            String::new(),
            "does not export the interface `wasmill:dataflow/job@0.1.0`; a bundle is built from a crate",
        ),
        (
            "no operator",
            job,
            "does not export the interface `wasmill:dataflow/operator@0.1.0`",
        ),
        (
            "an export of another version",
            export(&ours("job", "0.2.0")) + &export(&ours("operator", "0.2.0")),
            "it has `wasmill:dataflow/job@0.2.0`, and this host speaks `wasmill:dataflow@0.1.0`",
        ),
        (
            "an import of another version",
            import(&ours("output", "1.0.0")) + &both,
            "it has `wasmill:dataflow/output@1.0.0`, and this host speaks",
        ),
        (
            "WASI",
            import("wasi:io/poll@0.2.0") + &import("wasi:cli/exit@0.2.0") + &both,
            "imports `wasi:io/poll@0.2.0`, `wasi:cli/exit@0.2.0`, but the host offers nothing but \
             `wasmill:dataflow`; code that needs no WASI comes from the target \
             `wasm32-unknown-unknown`: build it with `wasmill build`",
        ),
        (
            "something else",
            r#"(import "mine" (func))"#.to_owned() + &both,
            "imports `mine`, but the host offers nothing but `wasmill:dataflow`; remove what needs",
        ),
        (
            "much else",
            many + &both,
            "`foreign:package/i7` and 4 more, but",
        ),
        (
            "a new interface of ours",
            import(&ours("teleport", "0.1.0")) + &both,
            "imports `wasmill:dataflow/teleport@0.1.0`, which this host does not have; upgrade",
        ),
        (
            "an export as an import",
            import(&ours("job", "0.1.0")) + &both,
            "imports `wasmill:dataflow/job@0.1.0`, which this host does not have",
        ),
    ] {
        let error = read(&format!("(component {body})"), &Limits::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
}

#[test]
fn what_would_take_too_long_to_compile_is_refused_by_its_numbers() {
    let limits = Limits {
        bundle_bytes: 2000,
        functions: 4,
        instances: 3,
        components: 2,
        ..Limits::default()
    };
    let module = "(core module $m (func) (func))";
    for (name, body, said) in [
        (
            "bytes",
            format!("(core module (data \"{}\"))", "x".repeat(2000)),
            "`wasm.bundle`: it has 20",
        ),
        (
            "functions",
            module.replace("$m", "").repeat(3),
            "`wasm.functions`: it has 6 functions, 4",
        ),
        (
            "functions of inner components",
            format!(
                "(component (component {} {}))",
                module.replace("$m", "$a"),
                module.repeat(2).replace("$m", "")
            ),
            "`wasm.functions`: it has 6 functions, 4 are allowed",
        ),
        (
            "instances",
            format!("{module} {}", "(core instance (instantiate $m))".repeat(4)),
            "`wasm.instances`: it has 4 instances, 3 are allowed",
        ),
        (
            "components",
            "(component)".repeat(3),
            "`wasm.components`: it has 3 inner components, 2",
        ),
        (
            "instances of components",
            "(component $c) (instance (instantiate $c)) (instance (instantiate $c))".to_owned(),
            "`wasm.components`: it has 3 inner components, 2 are allowed",
        ),
        (
            "depth",
            "(component (component (component (component))))".to_owned(),
            "`wasm.components`: ",
        ),
    ] {
        let error = read(&format!("(component {body})"), &limits)
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{name}: {error}");
    }
    let deep = "(component (component (component (component (component)))))";
    let error = read(deep, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("components nest deeper than 4"), "{error}");
}
