//! Which names and sources a new crate may have.

use super::*;

fn version() -> SdkSource {
    SdkSource::Version("0.1.0".to_owned())
}

#[test]
fn a_name_is_one_that_cargo_takes() {
    let long = "a".repeat(65);
    let table = [
        ("word-count", true),
        ("w", true),
        ("Word_Count2", true),
        ("tests", true),
        ("", false),
        ("2words", false),
        ("-words", false),
        ("_words", false),
        ("word count", false),
        ("../words", false),
        ("wörter", false),
        ("fn", false),
        ("std", false),
        ("proc-macro", false),
        ("wasmill", false),
        (&long, false),
    ];
    for (name, good) in table {
        assert_eq!(check_name(name).is_ok(), good, "{name:?}");
        let dir = tempfile::tempdir().unwrap();
        let made = new_project(dir.path(), name, &version());
        assert_eq!(made.is_ok(), good, "{name:?}");
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, usize::from(good), "{name:?}");
    }
}

#[test]
fn a_project_holds_all_files_with_every_name_filled_in() {
    let dir = tempfile::tempdir().unwrap();
    let made = new_project(dir.path(), "my-job", &version()).unwrap();
    assert_eq!(made, dir.path().join("my-job"));
    for (place, _) in TEMPLATE {
        let text = fs::read_to_string(made.join(place)).unwrap();
        assert!(!text.contains("{{"), "{place}: {text}");
    }
    let manifest = fs::read_to_string(made.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(manifest["package"]["name"].as_str(), Some("my-job"));
    assert_eq!(manifest["lib"]["crate-type"][0].as_str(), Some("cdylib"));
    assert_eq!(manifest["dependencies"]["wasmill"].as_str(), Some("0.1.0"));
    assert!(manifest.contains_key("workspace"));
}

#[test]
fn the_sdk_of_a_checkout_is_taken_by_its_path() {
    let odd = "/home/an \"odd\" \\ name/sdk";
    let manifest = format!("wasmill = {}", SdkSource::Path(odd.into()).dependency());
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(manifest["wasmill"]["path"].as_str(), Some(odd));
    let SdkSource::Path(path) = SdkSource::of_this_build() else {
        panic!("this is a checkout")
    };
    assert!(path.ends_with("sdk/rust"), "{}", path.display());
}

#[test]
fn what_is_there_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("taken")).unwrap();
    fs::write(dir.path().join("file"), "mine").unwrap();
    for name in ["taken", "file"] {
        let error = new_project(dir.path(), name, &version()).unwrap_err();
        assert!(matches!(error, NewProjectError::Exists { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path().join("taken")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "mine");
    let error = new_project(&dir.path().join("absent"), "job", &version()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write `"), "{error}");
}
