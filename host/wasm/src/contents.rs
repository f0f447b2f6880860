//! What a bundle's file contains, read from its outer structure before anything is compiled.
//!
//! `bundle` calls it on every load. It decides whether the file may be compiled at all: a component, of
//! bounded size, that exports and imports what `wit/` says and nothing else. Invariant: pure, linear in
//! the file's size, and it believes no number in the file.

use wasmparser::{ComponentInstance, Instance, Parser, Payload};

use crate::error::BundleError;
use crate::limits::{COMPONENT_DEPTH, Limits};
use crate::text;

/// The package of `wit/`.
const PACKAGE: &str = "wasmill:dataflow/";

/// The version of the package of `wit/` that this host speaks.
pub(crate) const VERSION: &str = "0.1.0";

/// Versions that begin so are compatible with ours (semantic versioning below 1.0).
const COMPATIBLE: &str = "0.1.";

/// The interfaces that a bundle may import.
const IMPORTABLE: [&str; 5] = ["output", "state", "timers", "context", "types"];

/// The bytes of the file that an error shows when they are not what they should be.
const SHOWN_START: usize = 8;

/// The outside of a bundle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The names of the imported interfaces, in the file's order.
    pub(crate) imports: Vec<String>,
    /// The names of the exported interfaces, in the file's order.
    pub(crate) exports: Vec<String>,
    /// The exact name, version included, of the exported interface `job`.
    pub(crate) job: String,
    /// The exact name of the exported interface `operator`.
    pub(crate) operator: String,
    /// The exact name of the exported interface `source`, if there is one.
    pub(crate) source: Option<String>,
}

impl Contents {
    /// Whether a bundle of this many bytes may be looked at.
    pub(crate) fn check_size(bytes: u64, limits: &Limits) -> Result<(), BundleError> {
        at_most(Limits::BUNDLE, "bytes", bytes, limits.bundle_bytes)
    }

    /// Reads the outside of a bundle and checks it.
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        Self::check_size(bytes.len() as u64, limits)?;
        check_kind(bytes)?;
        let mut survey = Survey::default();
        for payload in Parser::new(0).parse_all(bytes) {
            survey.note(payload.map_err(invalid)?)?;
            survey.check(limits)?;
        }
        check_imports(&survey.imports)?;
        let job = required(&survey.exports, "job")?;
        let operator = required(&survey.exports, "operator")?;
        let source = exported(&survey.exports, "source")?;
        Ok(Self {
            imports: survey.imports,
            exports: survey.exports,
            job,
            operator,
            source,
        })
    }
}

/// What a walk through the file has found so far.
#[derive(Default)]
struct Survey {
    imports: Vec<String>,
    exports: Vec<String>,
    functions: u64,
    instances: u64,
    components: u64,
    /// The modules and components around the current position; the bundle itself is the first.
    depth: usize,
}

impl Survey {
    fn note(&mut self, payload: Payload<'_>) -> Result<(), BundleError> {
        let outermost = self.depth == 1;
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth -= 1,
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::ComponentSection { .. } => self.components += 1,
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.instances += 1;
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { .. } = instance.map_err(invalid)? {
                        self.components += 1;
                    }
                }
            }
            Payload::ComponentImportSection(section) if outermost => {
                for import in section {
                    let name = import.map_err(invalid)?.name;
                    self.imports.push(name.full_name().into_owned());
                }
            }
            Payload::ComponentExportSection(section) if outermost => {
                for export in section {
                    let name = export.map_err(invalid)?.name;
                    self.exports.push(name.full_name().into_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self, limits: &Limits) -> Result<(), BundleError> {
        if self.depth > COMPONENT_DEPTH {
            let message = format!("components nest deeper than {COMPONENT_DEPTH}");
            let limit = Limits::COMPONENTS;
            return Err(BundleError::TooLarge { limit, message });
        }
        for (name, what, found, limit) in [
            (
                Limits::FUNCTIONS,
                "functions",
                self.functions,
                limits.functions,
            ),
            (
                Limits::INSTANCES,
                "instances",
                self.instances,
                limits.instances,
            ),
            (
                Limits::COMPONENTS,
                "inner components",
                self.components,
                limits.components,
            ),
        ] {
            at_most(name, what, found, u64::from(limit))?;
        }
        Ok(())
    }
}

fn at_most(limit: &'static str, what: &str, found: u64, allowed: u64) -> Result<(), BundleError> {
    if found <= allowed {
        return Ok(());
    }
    let message = format!("it has {found} {what}, {allowed} are allowed");
    Err(BundleError::TooLarge { limit, message })
}

/// Tells a component from everything else by its first bytes.
fn check_kind(bytes: &[u8]) -> Result<(), BundleError> {
    if Parser::is_component(bytes) {
        Ok(())
    } else if Parser::is_core_wasm(bytes) {
        Err(BundleError::CoreModule)
    } else if bytes.is_empty() {
        let start = "nothing, for it is empty".to_owned();
        Err(BundleError::NotWasm { start })
    } else if bytes.starts_with(b"\0asm") {
        let reason = "it is cut short, or of a version that is not known".to_owned();
        Err(BundleError::Invalid { reason })
    } else {
        let start = &bytes[..bytes.len().min(SHOWN_START)];
        let start = format!("`{}`", start.escape_ascii());
        Err(BundleError::NotWasm { start })
    }
}

fn check_imports(imports: &[String]) -> Result<(), BundleError> {
    let foreign = select(imports, |name| interface(name).is_none());
    if !foreign.is_empty() {
        let names = text::names(foreign.into_iter());
        return Err(BundleError::ForeignImports { names });
    }
    for import in imports {
        check_version(import)?;
    }
    let unknown = select(imports, |name| {
        interface(name).is_none_or(|(interface, _)| !IMPORTABLE.contains(&interface))
    });
    if !unknown.is_empty() {
        let names = text::names(unknown.into_iter());
        return Err(BundleError::UnknownImports { names });
    }
    Ok(())
}

fn select(names: &[String], wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|name| wanted(name))
        .collect()
}

fn required(exports: &[String], wanted: &str) -> Result<String, BundleError> {
    exported(exports, wanted)?.ok_or_else(|| BundleError::MissingExport {
        name: format!("the interface `{PACKAGE}{wanted}@{VERSION}`"),
    })
}

/// The exact name under which an interface of ours is exported.
fn exported(exports: &[String], wanted: &str) -> Result<Option<String>, BundleError> {
    let is_wanted = |name: &&String| interface(name).is_some_and(|(found, _)| found == wanted);
    let Some(found) = exports.iter().find(is_wanted) else {
        return Ok(None);
    };
    check_version(found)?;
    Ok(Some(found.clone()))
}

fn check_version(name: &str) -> Result<(), BundleError> {
    match interface(name) {
        Some((_, version)) if !version.starts_with(COMPATIBLE) => Err(BundleError::WrongVersion {
            name: text::name(name),
            ours: VERSION,
        }),
        _ => Ok(()),
    }
}

/// Interface and version of a name of our package; the version is empty when there is none.
fn interface(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

fn invalid(error: wasmparser::BinaryReaderError) -> BundleError {
    let reason = text::escaped(&error.to_string());
    BundleError::Invalid { reason }
}

#[cfg(test)]
mod tests;
