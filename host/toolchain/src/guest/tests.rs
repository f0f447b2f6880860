//! What cargo says of a crate, read the right way.

use super::*;

fn package(name: &str, targets: &[(&str, &[&str])]) -> Package {
    let targets = targets.iter().map(|(kind, crate_types)| Target {
        kind: vec![(*kind).to_owned()],
        crate_types: crate_types.iter().map(|kind| (*kind).to_owned()).collect(),
    });
    Package {
        name: name.to_owned(),
        manifest_path: format!("/w/{name}/Cargo.toml").into(),
        targets: targets.collect(),
    }
}

fn choose(packages: Vec<Package>, dir: &str) -> Result<Guest, String> {
    let metadata = Metadata {
        packages,
        target_directory: "/w/target".into(),
        workspace_root: "/w".into(),
    };
    let manifest = Path::new(dir).join("Cargo.toml");
    Guest::choose(metadata, dir.into(), manifest).map_err(|error| error.to_string())
}

#[test]
fn the_package_of_the_directory_is_chosen_among_the_workspace() {
    let packages = vec![
        package("a", &[("lib", &["lib"])]),
        package("b", &[("cdylib", &["cdylib", "rlib"])]),
    ];
    let guest = choose(packages, "/w/b").unwrap();
    assert_eq!(
        (guest.name.as_str(), guest.target_dir),
        ("b", PathBuf::from("/w/target"))
    );
}

#[test]
fn what_cannot_be_built_is_told_with_the_fix() {
    let table: [(&str, Vec<Package>, &[&str]); 4] = [
        (
            "/w",
            vec![
                package("a", &[("cdylib", &["cdylib"])]),
                package("b", &[("lib", &["lib"])]),
            ],
            &["`/w` is a workspace", "\n    wasmill build /w/a\n"],
        ),
        (
            "/w",
            vec![package("b", &[("lib", &["lib"])])],
            &["`/w` is a workspace and not one crate"],
        ),
        (
            "/w/b",
            vec![package("b", &[("bin", &["bin"]), ("lib", &["lib"])])],
            &[
                "not a `cdylib`",
                "`/w/b/Cargo.toml`",
                "\n    [lib]\n    crate-type = [\"cdylib\", \"rlib\"]\n",
            ],
        ),
        (
            "/w/b",
            vec![package(
                "b",
                &[("bin", &["bin"]), ("custom-build", &["bin"])],
            )],
            &["`b` has no library", "src/lib.rs", "crate-type"],
        ),
    ];
    for (dir, packages, texts) in table {
        let error = choose(packages, dir).unwrap_err();
        for text in texts {
            assert!(error.contains(text), "{text:?} is not in: {error}");
        }
    }
}

#[test]
fn the_module_is_found_among_what_cargo_prints() {
    let messages = br#"{"reason":"compiler-artifact","manifest_path":"/r/serde/Cargo.toml","filenames":["/t/serde.wasm"]}
not json
{"reason":"build-script-executed"}
{"reason":"compiler-artifact","manifest_path":"/w/b/Cargo.toml","filenames":["/t/libb.rlib","/t/b.wasm"]}
{"reason":"build-finished","success":true}
"#;
    let table = [
        ("/w/b/Cargo.toml", Some("/t/b.wasm")),
        ("/w/a/Cargo.toml", None),
    ];
    for (manifest, module) in table {
        assert_eq!(
            module_of(messages, Path::new(manifest)),
            module.map(PathBuf::from)
        );
    }
}

#[test]
fn a_directory_without_a_manifest_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Guest::read(dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("there is no Cargo.toml in `"), "{error}");
    assert!(
        error.ends_with("or make one with `wasmill new NAME`"),
        "{error}"
    );
}

#[test]
fn a_manifest_that_cargo_does_not_read_brings_cargos_words() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("Cargo.toml"), "[package]\nnam = 1\n").unwrap();
    let error = Guest::read(dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("cargo cannot read `"), "{error}");
    assert!(error.contains("missing field `package.name`"), "{error}");
}

#[test]
fn workspaces_that_share_a_target_directory_do_not_share_what_is_built() {
    let guest = |workspace: &str, target_dir: &str| Guest {
        name: "b".to_owned(),
        dir: Path::new(workspace).join("b"),
        manifest: Path::new(workspace).join("b/Cargo.toml"),
        target_dir: target_dir.into(),
        workspace: workspace.into(),
    };
    assert_eq!(
        guest("/w", "/w/target").build_dir(),
        Path::new("/w/target/wasmill/build")
    );
    let (one, two) = (
        guest("/w", "/shared").build_dir(),
        guest("/v", "/shared").build_dir(),
    );
    assert!(one.starts_with("/shared/wasmill") && two.starts_with("/shared/wasmill"));
    assert_ne!(one, two);
}
