//! Which crate may use which: the layout of the workspace as a table.
//!
//! Invariant: the table is exact, so an edge that is gone must go from the table too.

use std::collections::BTreeSet;
use std::process::Command;

use serde::Deserialize;

use super::report;
use super::sources::{Source, sources};
use crate::harness::root;

/// The crates and which of the others each may import: `types` at the bottom, `node` on top.
const EDGES: &[(&str, &[&str])] = &[
    ("wasmill-types", &[]),
    ("wasmill-graph", &["wasmill-types"]),
    ("wasmill-actor", &["wasmill-types"]),
    (
        "wasmill-checkpoint",
        &["wasmill-types", "wasmill-graph", "wasmill-actor"],
    ),
    ("wasmill-state", &["wasmill-types", "wasmill-actor"]),
    ("wasmill-network", &["wasmill-types", "wasmill-actor"]),
    ("wasmill-wasm", &["wasmill-types", "wasmill-actor"]),
    ("wasmill-connectors", &["wasmill-types", "wasmill-actor"]),
    (
        "wasmill-task",
        &[
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-state",
            "wasmill-network",
            "wasmill-wasm",
            "wasmill-connectors",
        ],
    ),
    (
        "wasmill-rpc",
        &[
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-checkpoint",
            "wasmill-network",
        ],
    ),
    (
        "wasmill-taskmanager",
        &[
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-checkpoint",
            "wasmill-state",
            "wasmill-network",
            "wasmill-rpc",
            "wasmill-wasm",
            "wasmill-connectors",
            "wasmill-task",
        ],
    ),
    (
        "wasmill-jobmanager",
        &[
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-checkpoint",
            "wasmill-network",
            "wasmill-rpc",
        ],
    ),
    (
        "wasmill-rest",
        &[
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-checkpoint",
            "wasmill-rpc",
            "wasmill-jobmanager",
        ],
    ),
    ("wasmill-toolchain", &[]),
    (
        "wasmill-node",
        &[
            "wasmill-checkpoint",
            "wasmill-rpc",
            "wasmill-taskmanager",
            "wasmill-jobmanager",
            "wasmill-rest",
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-state",
            "wasmill-network",
            "wasmill-wasm",
            "wasmill-connectors",
            "wasmill-task",
            "wasmill-toolchain",
            // The benchmarks compare guests with the same code compiled natively.
            "wasmill",
            "bench",
            "nexmark",
        ],
    ),
    ("wasmill-macros", &[]),
    ("wasmill", &["wasmill-macros"]),
    (
        "wasmill-tests",
        &[
            "wasmill-actor",
            "wasmill-toolchain",
            // A node of another version is a test that speaks the handshake.
            "wasmill-network",
            "wasmill-rpc",
        ],
    ),
    (
        "wasmill-fuzz",
        &[
            "wasmill",
            "wasmill-types",
            "wasmill-graph",
            "wasmill-actor",
            "wasmill-checkpoint",
            "wasmill-network",
            "wasmill-rpc",
            "wasmill-rest",
            "wasmill-wasm",
            "wasmill-connectors",
        ],
    ),
    (GUEST, &["wasmill"]),
];

/// Any crate of `guest-examples`.
const GUEST: &str = "guest-examples/*";

/// Dependencies from outside that live in one crate only, because they are large or must be contained.
const CONTAINED: &[(&str, &[&str])] = &[
    ("wasmtime", &["wasmill-wasm"]),
    ("rocksdb", &["wasmill-state"]),
    ("wit-component", &["wasmill-toolchain"]),
    ("wit-bindgen", &["wasmill"]),
    ("clap", &["wasmill-node"]),
    ("quinn", &["wasmill-network"]),
    // Checkpoint storage only names the provider of cryptography for its HTTP client.
    ("rustls", &["wasmill-network", "wasmill-checkpoint"]),
    ("tokio-rustls", &["wasmill-network"]),
    ("rcgen", &["wasmill-network"]),
    ("axum", &["wasmill-rest"]),
    ("object_store", &["wasmill-checkpoint"]),
    ("reqwest", &["wasmill-checkpoint"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for ordinary dependencies.
    kind: Option<String>,
}

impl Package {
    /// The package's row in the table.
    fn row(&self) -> &str {
        if self.manifest_path.contains("/guest-examples/") {
            GUEST
        } else {
            &self.name
        }
    }
}

fn packages() -> Vec<Package> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice::<Metadata>(&output.stdout)
        .unwrap()
        .packages
}

#[test]
fn crates_import_only_what_the_layout_allows() {
    let packages = packages();
    let ours: BTreeSet<_> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for package in &packages {
        let Some((_, allowed)) = EDGES.iter().find(|(row, _)| *row == package.row()) else {
            findings.push(format!("`{}` has no row in the table", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            // Tests of a crate may reach for others, for instance for the guests that they run.
            let is_test = dependency.kind.is_some();
            if ours.contains(name) && !is_test && !allowed.contains(&name) {
                findings.push(format!("`{}` may not import `{name}`", package.name));
            }
        }
    }
    report("the layout of the crates (ARCHITECTURE.md)", &findings);
}

#[test]
fn contained_dependencies_stay_where_they_are() {
    let packages = packages();
    let mut findings = Vec::new();
    for package in packages
        .iter()
        .filter(|package| package.name != "wasmill-tests")
    {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind.is_none())
        {
            let contained = CONTAINED.iter().find(|(name, _)| *name == dependency.name);
            if let Some((name, homes)) = contained
                && !homes.contains(&package.name.as_str())
            {
                findings.push(format!(
                    "`{}` uses `{name}`, which belongs to {homes:?}",
                    package.name
                ));
            }
        }
    }
    report("dependencies in the wrong crate", &findings);
}

#[test]
fn every_guest_is_run_by_a_test() {
    /// Guests that other commands run.
    const ELSEWHERE: [&str; 1] = ["bench"];
    let tests = sources_of_tests();
    let mut findings = Vec::new();
    for package in packages().iter().filter(|package| package.row() == GUEST) {
        let place = package
            .manifest_path
            .rsplit_once("/guest-examples/")
            .unwrap()
            .1;
        let guest = place.trim_end_matches("/Cargo.toml");
        if !ELSEWHERE.contains(&guest) && !tests.contains(&format!("\"{guest}\"")) {
            findings.push(format!("no test in tests/it runs `{guest}`"));
        }
    }
    report("guests without a test", &findings);
}

/// The text of all tests of this crate.
fn sources_of_tests() -> String {
    let is_test = |source: &Source| source.path.starts_with("tests/it/");
    sources()
        .into_iter()
        .filter(is_test)
        .map(|source| source.text)
        .collect()
}
