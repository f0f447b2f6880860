//! The routes to a standard library are tried in their order.

use std::fs;

use super::*;

fn look() -> Step {
    Step::LookInPrefix("/home/a/wasmill/rust-wasm".into())
}

fn install() -> Step {
    Step::InstallFromDebian("/home/a/wasmill/rust-wasm".into())
}

#[test]
fn a_route_looks_before_it_installs() {
    let other = PathBuf::from("/opt/rust");
    let table = [
        (
            StdRoute::Any,
            vec![Step::LookInToolchain, look()],
            vec![Step::AddWithRustup, install()],
        ),
        (
            StdRoute::Rustup,
            vec![Step::LookInToolchain],
            vec![Step::AddWithRustup],
        ),
        (StdRoute::Debian, vec![look()], vec![install()]),
        (
            StdRoute::Prefix(other.clone()),
            vec![Step::LookInPrefix(other.clone())],
            vec![Step::InstallFromDebian(other)],
        ),
    ];
    for (route, looks, installs) in table {
        assert_eq!(
            steps(&route, Path::new("/home/a/wasmill")),
            (looks, installs),
            "{route:?}"
        );
    }
}

#[test]
fn the_variable_names_a_route() {
    let table = [
        ("", Some(StdRoute::Any)),
        ("rustup", Some(StdRoute::Rustup)),
        ("debian", Some(StdRoute::Debian)),
        ("/opt/rust", Some(StdRoute::Prefix("/opt/rust".into()))),
        ("Debian", None),
        ("rust-wasm", None),
    ];
    for (text, route) in table {
        assert_eq!(text.parse().ok(), route, "{text}");
    }
    let error = "apt".parse::<StdRoute>().unwrap_err().to_string();
    assert!(
        error.starts_with("WASMILL_WASM_STD is `apt`; set it to "),
        "{error}"
    );
}

#[test]
fn the_first_step_that_works_is_the_last_that_is_taken() {
    let steps = [Step::LookInToolchain, look(), install()];
    let found = WasmStd {
        origin: StdOrigin::Private {
            prefix: "/home/a".into(),
        },
        rustc: Some("/home/a/bin/rustc".into()),
    };
    let mut attempts = Vec::new();
    let mut taken = 0;
    let std = first(&steps, &mut attempts, |step| {
        taken += 1;
        if *step == look() {
            Ok(found.clone())
        } else {
            Err("no".to_owned())
        }
    });
    assert_eq!((std, taken), (Some(found), 2));
    let step = "the installed Rust".to_owned();
    assert_eq!(
        attempts,
        [Attempt {
            step,
            reason: "no".to_owned()
        }]
    );
}

#[test]
fn when_nothing_works_each_reason_and_the_commands_are_told() {
    let mut attempts = Vec::new();
    let steps = [Step::LookInToolchain, Step::AddWithRustup];
    let none = first(&steps, &mut attempts, |step| {
        Err(format!("reason\nof {step}\n"))
    });
    assert_eq!(none, None);
    let expected = "\
Rust's standard library for wasm32-unknown-unknown is missing. Tried:
  * the installed Rust: reason
      of the installed Rust
  * rustup target add wasm32-unknown-unknown: reason
      of rustup target add wasm32-unknown-unknown
To get it, run one of these, then the same command again:
    rustup target add wasm32-unknown-unknown   (needs rustup and static.rust-lang.org)
    sudo apt-get update                        (Debian 12; wasmill then installs it by itself)
";
    assert_eq!(NoWasmStd { attempts }.to_string(), expected);
}

#[test]
fn a_library_directory_counts_only_with_the_library_in_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!rustup::has_std(&dir.path().join("absent")));
    for (name, has) in [
        ("libcore-1.rlib", false),
        ("libstd-1.rmeta", false),
        ("libstd-1.rlib", true),
    ] {
        fs::write(dir.path().join(name), "").unwrap();
        assert_eq!(rustup::has_std(dir.path()), has, "{name}");
    }
}

#[test]
fn a_prefix_counts_only_when_it_is_complete_and_its_compiler_runs() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(debian::look(dir.path()), Err("not installed".to_owned()));
    fs::write(dir.path().join("complete"), "rustc 1.96.0").unwrap();
    let reason = debian::look(dir.path()).unwrap_err();
    assert!(
        reason.ends_with("bin/rustc` is not on the PATH"),
        "{reason}"
    );
    fs::create_dir(dir.path().join("bin")).unwrap();
    let rustc = dir.path().join("bin/rustc");
    for (program, works) in [("/bin/false", false), ("/bin/true", true)] {
        drop(fs::remove_file(&rustc));
        std::os::unix::fs::symlink(program, &rustc).unwrap();
        assert_eq!(debian::look(dir.path()).is_ok(), works, "{program}");
    }
}
