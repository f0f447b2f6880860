//! From a core module to a component, and what the component asks of the world.
//!
//! Called by `bundle`; [`componentize`] also by tests that write modules by hand. Invariant: what passes
//! [`check`] imports nothing but the package `wasmill:dataflow` and exports a job.

use thiserror::Error;
use wasmparser::{Encoding, Parser, Payload};
use wit_component::ComponentEncoder;

/// The package that bundles import and export, without its version.
pub const PACKAGE: &str = "wasmill:dataflow";

/// The interfaces that every bundle exports.
const EXPORTS: [&str; 2] = ["job", "operator"];

/// How many imports an error lists.
const MAX_LISTED: usize = 5;

/// Why a module is not a bundle.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComponentError {
    /// The bytes are not WebAssembly that we can read.
    #[error("its module cannot be read: {0}")]
    Unreadable(String),
    /// The module does not fit the interfaces that it names.
    #[error("its module cannot be made a component: {0}")]
    Unfit(String),
    /// It wants something from the host that is not there.
    #[error(
        "it imports {}, but only `{PACKAGE}` is there; {}",
        list(.imports), cause(.imports)
    )]
    ForeignImports {
        /// What it imports that is not ours, as `module` or `module::name`.
        imports: Vec<String>,
    },
    /// It lacks what the host calls.
    #[error(
        "it does not export `{PACKAGE}/{interface}`; mark the job's main function with `#[wasmill::job]`"
    )]
    NotAJob {
        /// The first interface that is missing.
        interface: &'static str,
    },
}

fn list(imports: &[String]) -> String {
    let listed: Vec<_> = imports
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = imports.len().saturating_sub(MAX_LISTED);
    let end = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    listed.join(", ") + &end
}

/// The likely cause of foreign imports, and what to do.
fn cause(imports: &[String]) -> &'static str {
    let any = |part: &str| imports.iter().any(|import| import.contains(part));
    if any("wbindgen") {
        "a dependency expects a browser (wasm-bindgen): turn its `js`, `web` or `wasm-bindgen` feature off"
    } else if any("wasi") {
        "a dependency expects WASI (files, clocks, randomness, sockets): leave it or its feature out; time \
         and randomness are `wasmill::now` and `wasmill::random`"
    } else if any("env::") {
        "a dependency calls C code that was not linked in: use one that is Rust alone, or leave the feature out"
    } else {
        "leave the dependency that wants it out"
    }
}

/// Makes a component of a core module that was built against `wit/`.
///
/// # Errors
/// When the module is malformed, wants imports that are not ours, or does not fit its own interfaces.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder
        .validate(true)
        .module(module)
        .and_then(ComponentEncoder::encode);
    encoded.map_err(|error| match foreign_imports(module) {
        Err(unreadable) => unreadable,
        Ok(imports) if imports.is_empty() => ComponentError::Unfit(format!("{error:#}")),
        Ok(imports) => ComponentError::ForeignImports { imports },
    })
}

/// The imports of a core module that are neither ours nor the component encoding's.
fn foreign_imports(module: &[u8]) -> Result<Vec<String>, ComponentError> {
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(unreadable)? {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => {
                return Err(ComponentError::Unreadable(
                    "it is a component already".to_owned(),
                ));
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(unreadable)?;
                    if !is_known_module(import.module) {
                        foreign.push(format!("{}::{}", import.module, import.name));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(foreign)
}

/// Whether a core import module is ours or stands for something of the component model.
fn is_known_module(module: &str) -> bool {
    // Names of the component model's standard form carry its version in front.
    let module = module.strip_prefix("cm32p2|").unwrap_or(module);
    is_ours(module) || module.starts_with("[export]") || matches!(module, "" | "$root")
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PACKAGE)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// What a component imports and exports, by name and in its own order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Interfaces {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

/// Lists the imports and exports of a component.
pub(crate) fn interfaces(component: &[u8]) -> Result<Interfaces, ComponentError> {
    let mut found = Interfaces::default();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(unreadable)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    found
                        .imports
                        .push(import.map_err(unreadable)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    found
                        .exports
                        .push(export.map_err(unreadable)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a component with these interfaces is a bundle.
pub(crate) fn check(interfaces: &Interfaces) -> Result<(), ComponentError> {
    let foreign = interfaces.imports.iter().filter(|name| !is_ours(name));
    let imports: Vec<String> = foreign.cloned().collect();
    if !imports.is_empty() {
        return Err(ComponentError::ForeignImports { imports });
    }
    for interface in EXPORTS {
        let prefix = format!("{PACKAGE}/{interface}@");
        if !interfaces
            .exports
            .iter()
            .any(|name| name.starts_with(&prefix))
        {
            return Err(ComponentError::NotAJob { interface });
        }
    }
    Ok(())
}

fn unreadable(error: wasmparser::BinaryReaderError) -> ComponentError {
    ComponentError::Unreadable(error.to_string())
}

#[cfg(test)]
mod tests;
