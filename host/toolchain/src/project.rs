//! A new job's crate: what `wasmill new NAME` writes.
//!
//! The files are those of `template/`, with the names filled in. Invariant: the directory is either
//! whole or not there at all, and one that was there before is never touched.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The longest name, in characters: crates.io's own limit.
const MAX_NAME: usize = 64;

/// The files of a new crate, each with its place in it.
const TEMPLATE: [(&str, &str); 4] = [
    (
        "Cargo.toml",
        include_str!("../template/Cargo.toml.template"),
    ),
    ("README.md", include_str!("../template/README.md")),
    (".gitignore", include_str!("../template/gitignore")),
    ("src/lib.rs", include_str!("../template/src/lib.rs")),
];

/// Words that cannot name a crate: Rust's keywords, its own crates, and ours.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "wasmill",
    "wasmill_macros",
    "where",
    "while",
    "yield",
];

/// Where a new crate takes the SDK from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SdkSource {
    /// The directory of the SDK's crate.
    Path(PathBuf),
    /// A published version.
    Version(String),
}

impl SdkSource {
    /// The SDK that fits this program: the one in the checkout that it was built from, while that is
    /// there, else the published one of the same version.
    pub fn of_this_build() -> Self {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
        match checkout.canonicalize() {
            Ok(path) if path.join("Cargo.toml").is_file() => Self::Path(path),
            _ => Self::Version(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    /// The value of the dependency in `Cargo.toml`.
    fn dependency(&self) -> String {
        match self {
            Self::Path(path) => format!("{{ path = {} }}", quoted(&path.to_string_lossy())),
            Self::Version(version) => quoted(version),
        }
    }
}

/// Why no crate was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NewProjectError {
    /// The name cannot be a crate's.
    #[error("`{name}` cannot be the name of a crate: {reason}; take one like `word-count`")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something of that name is there.
    #[error("`{}` exists already; take another name, or remove it", .path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("cannot write `{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word for it.
        source: io::Error,
    },
}

/// Makes the crate `name` in the directory `parent` and returns its path.
///
/// # Errors
/// When the name cannot be a crate's, when something of that name is there, or when a file cannot be
/// written; nothing is left behind then.
pub fn new_project(parent: &Path, name: &str, sdk: &SdkSource) -> Result<PathBuf, NewProjectError> {
    check_name(name).map_err(|reason| NewProjectError::Name {
        name: name.to_owned(),
        reason,
    })?;
    let dir = parent.join(name);
    fs::create_dir(&dir).map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => NewProjectError::Exists { path: dir.clone() },
        _ => NewProjectError::Io {
            path: dir.clone(),
            source,
        },
    })?;
    // The directory is ours from here on, so it may be removed.
    let written = write_files(&dir, name, sdk);
    if written.is_err() {
        drop(fs::remove_dir_all(&dir));
    }
    written.map(|()| dir)
}

fn write_files(dir: &Path, name: &str, sdk: &SdkSource) -> Result<(), NewProjectError> {
    for (place, template) in TEMPLATE {
        let path = dir.join(place);
        let text = template
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &sdk.dependency());
        let parent = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|source| NewProjectError::Io {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Whether cargo takes a crate of this name.
fn check_name(name: &str) -> Result<(), &'static str> {
    let mut characters = name.chars();
    if !characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
    {
        return Err("it must begin with a letter of a to z");
    }
    if !characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err("it may hold only letters of a to z, digits, `-` and `_`");
    }
    if name.len() > MAX_NAME {
        return Err("it is longer than 64 characters");
    }
    if RESERVED.contains(&name.replace('-', "_").to_lowercase().as_str()) {
        return Err("the word is taken by Rust or by Wasmill");
    }
    Ok(())
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
