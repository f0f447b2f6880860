//! Where things are, and golden files.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The environment variable that makes tests write golden files instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are a directory of the checkout")
}

/// Compares a text with the file that holds what it should be, or writes it there.
pub(crate) fn check_golden(file: &str, text: &str) {
    let path: PathBuf = root().join(file);
    let old = fs::read_to_string(&path).unwrap_or_default();
    if old == text {
        return;
    }
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, text).unwrap_or_else(|error| panic!("write {file}: {error}"));
        return;
    }
    let difference = old
        .lines()
        .zip(text.lines())
        .enumerate()
        .find(|(_, (old, new))| old != new);
    let place = match difference {
        Some((line, (old, new))) => {
            format!("line {}:\n  is        {old}\n  should be {new}", line + 1)
        }
        None => format!("it has {} bytes and should have {}", old.len(), text.len()),
    };
    panic!("{file} is out of date, {place}\nrun the test with {UPDATE}=1 and look at the change");
}
