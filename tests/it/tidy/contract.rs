//! The contract with guests, `wit/`: every item is documented and says since when it is there.
//!
//! The golden text of the whole package shows each change of the contract in review.

use std::collections::BTreeSet;
use std::fs;

use wit_component::WitPrinter;
use wit_parser::{
    Docs, Function, InterfaceId, PackageId, Resolve, Stability, TypeDef, TypeDefKind, World,
    WorldItem, WorldKey,
};

use super::report;
use crate::harness::{check_golden, root};

/// What is wrong with the contract.
struct Findings(Vec<String>);

impl Findings {
    /// An item must say what it is, in sentences.
    fn documented(&mut self, item: &str, docs: &Docs) {
        match docs.contents.as_deref().map(str::trim) {
            None | Some("") => self.0.push(format!("{item} is not documented")),
            Some(text) if !text.ends_with(['.', ':', '`', '|']) => {
                self.0.push(format!(
                    "{item}: its documentation ends without a full stop"
                ));
            }
            Some(_) => {}
        }
    }

    /// An item must say since when it is there, or that it is not yet stable.
    fn gated(&mut self, item: &str, stability: &Stability) {
        if stability.is_unknown() {
            self.0
                .push(format!("{item} has neither `@since` nor `@unstable`"));
        }
    }

    fn world(&mut self, resolve: &Resolve, world: &World) {
        let name = format!("world `{}`", world.name);
        self.documented(&name, &world.docs);
        self.gated(&name, &world.stability);
        for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
            for (key, item) in items {
                self.world_item(
                    &format!("{direction} {} of {name}", key_name(resolve, key)),
                    item,
                );
            }
        }
    }

    fn world_item(&mut self, name: &str, item: &WorldItem) {
        match item {
            WorldItem::Interface { stability, .. } => self.gated(name, stability),
            WorldItem::Function(function) => self.function(name, function),
            WorldItem::Type { .. } => {}
        }
    }

    fn interface(&mut self, resolve: &Resolve, id: InterfaceId) {
        let interface = &resolve.interfaces[id];
        let name = interface.name.as_deref().unwrap_or("without a name");
        self.documented(&format!("interface `{name}`"), &interface.docs);
        self.gated(&format!("interface `{name}`"), &interface.stability);
        for function in interface.functions.values() {
            self.function(&format!("function `{name}.{}`", function.name), function);
        }
        for (type_name, id) in &interface.types {
            self.type_def(&format!("type `{name}.{type_name}`"), &resolve.types[*id]);
        }
    }

    fn function(&mut self, name: &str, function: &Function) {
        self.documented(name, &function.docs);
        self.gated(name, &function.stability);
    }

    fn type_def(&mut self, name: &str, ty: &TypeDef) {
        // `use` makes an alias; what it stands for is documented where it is declared.
        if matches!(ty.kind, TypeDefKind::Type(_)) {
            return;
        }
        self.documented(name, &ty.docs);
        self.gated(name, &ty.stability);
        let parts: Vec<(&str, &Docs)> = match &ty.kind {
            TypeDefKind::Record(record) => record
                .fields
                .iter()
                .map(|field| (field.name.as_str(), &field.docs))
                .collect(),
            TypeDefKind::Variant(variant) => variant
                .cases
                .iter()
                .map(|case| (case.name.as_str(), &case.docs))
                .collect(),
            TypeDefKind::Enum(cases) => cases
                .cases
                .iter()
                .map(|case| (case.name.as_str(), &case.docs))
                .collect(),
            TypeDefKind::Flags(flags) => flags
                .flags
                .iter()
                .map(|flag| (flag.name.as_str(), &flag.docs))
                .collect(),
            _ => Vec::new(),
        };
        for (part, docs) in parts {
            self.documented(&format!("`{part}` of {name}"), docs);
        }
    }
}

fn key_name(resolve: &Resolve, key: &WorldKey) -> String {
    format!("`{}`", resolve.name_world_key(key))
}

fn contract() -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit")).unwrap();
    (resolve, package)
}

#[test]
fn every_item_of_the_contract_is_documented_and_gated() {
    let (resolve, package) = contract();
    let mut findings = Findings(Vec::new());
    let package = &resolve.packages[package];
    for id in package.interfaces.values() {
        findings.interface(&resolve, *id);
    }
    for id in package.worlds.values() {
        findings.world(&resolve, &resolve.worlds[*id]);
    }
    report("wit/", &findings.0);
}

#[test]
fn an_interface_has_a_file_of_its_name() {
    let (resolve, package) = contract();
    let interfaces = resolve.packages[package].interfaces.keys().cloned();
    let expected: BTreeSet<String> = interfaces.chain(["world".to_owned()]).collect();
    let files = fs::read_dir(root().join("wit"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "wit"));
    let found: BTreeSet<String> = files
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        found, expected,
        "one interface per file, the worlds in world.wit"
    );
}

#[test]
fn a_change_of_the_contract_is_seen() {
    let (resolve, package) = contract();
    let mut printer = WitPrinter::default();
    printer.print(&resolve, package, &[]).unwrap();
    check_golden("tests/it/golden/wit.txt", &printer.output.to_string());
}

#[test]
fn the_findings_name_what_is_missing() {
    let mut resolve = Resolve::default();
    let text = "package a:b@0.1.0;
        interface i {
            /// Good.
            @since(version = 0.1.0)
            f: func();
            g: func();
            /// No full stop
            @since(version = 0.1.0)
            enum e { x }
        }
        world w { import i; }";
    let package = resolve.push_str("a.wit", text).unwrap();
    let mut findings = Findings(Vec::new());
    findings.interface(&resolve, resolve.packages[package].interfaces["i"]);
    findings.world(
        &resolve,
        &resolve.worlds[resolve.packages[package].worlds["w"]],
    );
    assert_eq!(
        findings.0,
        [
            "interface `i` is not documented",
            "interface `i` has neither `@since` nor `@unstable`",
            "function `i.g` is not documented",
            "function `i.g` has neither `@since` nor `@unstable`",
            "type `i.e`: its documentation ends without a full stop",
            "`x` of type `i.e` is not documented",
            "world `w` is not documented",
            "world `w` has neither `@since` nor `@unstable`",
            "import `a:b/i@0.1.0` of world `w` has neither `@since` nor `@unstable`",
        ]
    );
}
