//! Golden files: texts in the checkout that say what something should be.

use std::env;
use std::fs;

use super::root;

/// The environment variable that makes tests write golden files instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Compares a text with the file that holds what it should be, or writes it there.
pub(crate) fn check_golden(file: &str, text: &str) {
    let path = root().join(file);
    let old = fs::read_to_string(&path).unwrap_or_default();
    if old == text {
        return;
    }
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, text).unwrap_or_else(|error| panic!("write {file}: {error}"));
        return;
    }
    let mut lines = old.lines().zip(text.lines()).enumerate();
    let place = match lines.find(|(_, (old, new))| old != new) {
        Some((line, (old, new))) => {
            format!("line {}:\n  is        {old}\n  should be {new}", line + 1)
        }
        None => format!("it has {} bytes and should have {}", old.len(), text.len()),
    };
    panic!("{file} is out of date, {place}\nrun the test with {UPDATE}=1 and look at the change");
}
