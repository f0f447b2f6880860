//! What a URL of checkpoint storage means.
//!
//! Invariant: the root and the path of a place make its URL again.

use std::sync::Arc;

use object_store::path::Path;

use super::StorageError;
use super::backend::Backend;

/// What a URL names, before anything is opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: Kind,
    /// What the URLs of everything there begin with, without a slash at the end; empty for local files.
    pub(super) root: String,
    pub(super) path: Path,
}

/// What kind of storage it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Local,
    S3,
    Google,
    Azure,
}

/// A place in storage that is open.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) backend: Arc<Backend>,
    pub(super) root: String,
    pub(super) path: Path,
}

impl Located {
    /// The URL of another path of the same storage.
    pub(super) fn url_of(&self, path: &Path) -> String {
        format!("{}/{path}", self.root)
    }

    /// Its own URL.
    pub(super) fn url(&self) -> String {
        self.url_of(&self.path)
    }
}

const SCHEMES: [(&str, Kind); 7] = [
    ("s3", Kind::S3),
    ("s3a", Kind::S3),
    ("gs", Kind::Google),
    ("az", Kind::Azure),
    ("azure", Kind::Azure),
    ("abfs", Kind::Azure),
    ("abfss", Kind::Azure),
];

/// Reads a URL, or the path of a local file.
pub(super) fn parse(url: &str) -> Result<Named, StorageError> {
    let bad = |what: &str| StorageError::Url {
        url: url.to_owned(),
        what: what.to_owned(),
    };
    if let Some(path) = local_path(url) {
        if !path.starts_with('/') {
            return Err(bad("a local directory must be an absolute path"));
        }
        if path.split('/').any(|part| part == "." || part == "..") {
            return Err(bad("a path must not contain `.` or `..`"));
        }
        let path = Path::from_absolute_path(&path).map_err(|error| bad(&error.to_string()))?;
        return Ok(Named {
            kind: Kind::Local,
            root: String::new(),
            path,
        });
    }
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| bad("it has no scheme"))?;
    let kind = SCHEMES.into_iter().find(|(name, _)| *name == scheme);
    let (_, kind) = kind.ok_or_else(|| {
        bad("its scheme is none of `file`, `s3`, `gs`, `az`; name a local directory by its path")
    })?;
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(bad("it names no bucket"));
    }
    let path = Path::parse(path).map_err(|error| bad(&error.to_string()))?;
    Ok(Named {
        kind,
        root: format!("{scheme}://{bucket}"),
        path,
    })
}

/// The path that a URL or a plain path names, if it is a local one.
fn local_path(url: &str) -> Option<String> {
    if let Some(rest) = url.strip_prefix("file:") {
        // Otherwise a relative path would be read as one below the root.
        let parsed = rest
            .starts_with('/')
            .then(|| url::Url::parse(url).ok())
            .flatten();
        let path = parsed.and_then(|url| url.to_file_path().ok());
        let path = path.and_then(|path| path.to_str().map(str::to_owned));
        return Some(path.unwrap_or_else(|| rest.to_owned()));
    }
    (!url.contains("://")).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_understood() {
        for (url, kind, root, path) in [
            ("/a/b", Kind::Local, "", "a/b"),
            ("/a/b/", Kind::Local, "", "a/b"),
            ("file:///a/b", Kind::Local, "", "a/b"),
            ("file:///a%20b/c", Kind::Local, "", "a b/c"),
            ("s3://bucket/a/b", Kind::S3, "s3://bucket", "a/b"),
            ("s3a://bucket", Kind::S3, "s3a://bucket", ""),
            ("gs://bucket/a", Kind::Google, "gs://bucket", "a"),
            ("az://container/a", Kind::Azure, "az://container", "a"),
        ] {
            let place = parse(url).unwrap();
            assert_eq!(
                (place.kind, place.root.as_str(), place.path.as_ref()),
                (kind, root, path),
                "{url}"
            );
        }
    }

    #[test]
    fn urls_that_mean_nothing_are_refused_with_the_reason() {
        for (url, reason) in [
            ("a/b", "a local directory must be an absolute path"),
            ("", "a local directory must be an absolute path"),
            ("file:a", "a local directory must be an absolute path"),
            ("/a/../b", "a path must not contain"),
            ("ftp://host/a", "its scheme is none of"),
            ("s3:///a", "it names no bucket"),
            ("s3://bucket/a//b", "Path"),
        ] {
            let error = parse(url).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{url}` ")) && error.contains(reason),
                "{error}"
            );
        }
    }
}
