//! From a bundle's path and the program's arguments to a graph that can run.
//!
//! `inspect` and `run` go this way: load, graph, check of the connectors. Invariant: what is wrong with
//! what was given has the exit code for that, and is found before anything runs.

use std::path::{Path, PathBuf};

use wasmill_actor::Clock;
use wasmill_connectors::{Access, ErrorKind};
use wasmill_graph::{JobGraph, LogicalGraph};
use wasmill_types::job::{JobSpec, OperatorKind};
use wasmill_wasm::{Bundle, BundleError, DescribeError, Engine};

use crate::failure::{Exit, Failure, story};
use crate::settings::Settings;

/// A bundle that was given, and how its job is to run.
#[derive(Debug)]
pub(crate) struct Submission {
    path: PathBuf,
    args: Vec<String>,
    settings: Settings,
    /// What the job's connectors may touch.
    pub(crate) access: Access,
}

impl Submission {
    /// A submission by this machine's user, whose job may touch what the user may.
    pub(crate) fn local(path: PathBuf, args: Vec<String>, settings: Settings) -> Self {
        Self {
            path,
            args,
            settings,
            access: Access::unrestricted(),
        }
    }

    /// Reads, checks and compiles the bundle.
    pub(crate) fn load(&self, clock: Clock) -> Result<Bundle, Failure> {
        let exists = |path: &Path| path.exists();
        if let Some(advice) = advice(&self.path, exists) {
            return Err(Failure::unusable(advice));
        }
        let engine = Engine::new(Settings::engine(clock));
        let engine = engine.map_err(|error| Failure::failed(error.message))?;
        Bundle::load(&engine, &self.path, &self.settings.limits())
            .map_err(|error| self.refuse(&error))
    }

    /// Asks the bundle for its graph, completes and checks it; also as the bundle described it.
    pub(crate) fn graph(&self, bundle: &Bundle) -> Result<(JobSpec, JobGraph), Failure> {
        let path = self.path.display();
        let described = bundle.describe(&self.args, &self.settings.limits());
        let spec = described.map_err(|error| {
            if let DescribeError::Host(error) = &error {
                // Not the bundle's fault.
                return Failure::failed(story(error));
            }
            let hint = match &error {
                // The SDK's own errors say it already.
                DescribeError::Program(text) if self.args.is_empty() && !text.contains("`--`") => {
                    "; the program's arguments go after `--`"
                }
                _ => "",
            };
            Failure::unusable(format!("`{path}`: {}{hint}", story(&error)))
        })?;
        let logical = LogicalGraph::check(spec.clone(), &self.settings.graph());
        let logical =
            logical.map_err(|error| Failure::unusable(format!("`{path}`: {}", story(&error))))?;
        Ok((spec, JobGraph::from_logical(&logical)))
    }

    /// Parses the options of all connectors, and checks the sinks against each other; which touches
    /// nothing yet.
    pub(crate) fn check_connectors(&self, graph: &JobGraph) -> Result<(), Failure> {
        let mut sinks = Vec::new();
        for operator in graph.logical().operators() {
            let parsed = match &operator.kind {
                OperatorKind::SourceConnector(spec) => {
                    wasmill_connectors::source(spec, &self.access).map(drop)
                }
                OperatorKind::SinkConnector(spec) => {
                    sinks.push((operator.name.as_str(), spec));
                    wasmill_connectors::sink(spec, &self.access).map(drop)
                }
                OperatorKind::Guest | OperatorKind::GuestSource => continue,
            };
            parsed.map_err(|error| {
                let exit = match error.kind() {
                    ErrorKind::Options => Exit::Unusable,
                    ErrorKind::Data | ErrorKind::Environment => Exit::Failed,
                };
                let message = format!("operator `{}`: {}", operator.name, story(&error));
                Failure { exit, message }
            })?;
        }
        wasmill_connectors::check_sinks(&sinks).map_err(|error| Failure::unusable(story(&error)))
    }

    fn refuse(&self, error: &BundleError) -> Failure {
        let path = self.path.display();
        match error {
            BundleError::NotFound { .. } | BundleError::Unreadable { .. } => {
                Failure::unusable(story(error))
            }
            BundleError::Host(_) => Failure::failed(story(error)),
            _ => Failure::unusable(format!("cannot use `{path}`: {}", story(error))),
        }
    }
}

/// What to say about a path that is no file, when there is something better to say than that.
fn advice(path: &Path, exists: impl Fn(&Path) -> bool) -> Option<String> {
    let shown = path.display();
    if exists(&path.join("Cargo.toml")) {
        return Some(format!(
            "`{shown}` is a crate and not a bundle; build it with `wasmill build {shown}`, which prints \
             where its bundle is"
        ));
    }
    if exists(path) {
        return None;
    }
    let missing = format!("there is no bundle `{shown}`");
    let stem = path.file_stem()?;
    let file = Path::new(stem).with_added_extension("wasm");
    let candidates = [
        path.with_added_extension("wasm"),
        Path::new("target/wasmill").join(&file),
    ];
    if let Some(found) = candidates.iter().find(|candidate| exists(candidate)) {
        return Some(format!("{missing}; did you mean `{}`?", found.display()));
    }
    let crates = [PathBuf::from(stem), Path::new("guest-examples").join(stem)];
    let source = crates.iter().find(|dir| exists(&dir.join("Cargo.toml")));
    source.map(|dir| format!("{missing}; build it with `wasmill build {}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_bundle_is_searched_where_builds_leave_it() {
        for (path, there, said) in [
            ("a.wasm", "a.wasm", None),
            ("a.wasm", "", None),
            ("..", "", None),
            (
                "a",
                "a.wasm",
                Some("there is no bundle `a`; did you mean `a.wasm`?"),
            ),
            (
                "a.wasm",
                "target/wasmill/a.wasm",
                Some("there is no bundle `a.wasm`; did you mean `target/wasmill/a.wasm`?"),
            ),
            (
                "target/wasmill/a.wasm",
                "guest-examples/a/Cargo.toml",
                Some(
                    "there is no bundle `target/wasmill/a.wasm`; build it with \
                     `wasmill build guest-examples/a`",
                ),
            ),
            (
                "jobs/a",
                "jobs/a/Cargo.toml",
                Some(
                    "`jobs/a` is a crate and not a bundle; build it with `wasmill build jobs/a`, which \
                     prints where its bundle is",
                ),
            ),
        ] {
            let exists = |path: &Path| path == Path::new(there);
            assert_eq!(advice(Path::new(path), exists).as_deref(), said, "{path}");
        }
    }
}
