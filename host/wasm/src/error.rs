//! Why a bundle cannot be used, for the person who submits it.
//!
//! Invariant: each message names the thing and, where there is one, the fix. What goes wrong while a
//! task runs is a `TaskFailure` of the crate `types`, never one of these.

use wasmill_types::failure::{HostError, TaskFailure};

use crate::limits::Limits;

/// Why a file cannot be used as a bundle.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// There is no such file.
    #[error("there is no bundle `{path}`; build one with `wasmill build`")]
    NotFound {
        /// The path as given.
        path: String,
    },
    /// The file cannot be read.
    #[error("read bundle `{path}`: {reason}")]
    Unreadable {
        /// The path as given.
        path: String,
        /// The machine's word for it.
        reason: String,
    },
    /// The file is not WebAssembly.
    #[error(
        "the bundle is not WebAssembly: it begins with {start}; build one with `wasmill build`"
    )]
    NotWasm {
        /// What is there in place of the magic number.
        start: String,
    },
    /// The file is the output of a compiler that nobody made a component of.
    #[error(
        "the bundle is a core WebAssembly module, not a component; build it with `wasmill build`, \
         which makes a component of it"
    )]
    CoreModule,
    /// The bytes do not follow the format.
    #[error("the bundle is not a valid component: {reason}")]
    Invalid {
        /// What is wrong, with the offset where it is known.
        reason: String,
    },
    /// The bundle costs more than the host allows.
    #[error(
        "the bundle exceeds the limit `{limit}`: {message}; {}",
        fix_for_size(limit)
    )]
    TooLarge {
        /// The limit's name in the configuration.
        limit: &'static str,
        /// What was exceeded and by what.
        message: String,
    },
    /// The bundle does not export what every bundle must.
    #[error(
        "the bundle does not export {name}; a bundle is built from a crate with a function under \
         `#[wasmill::job]`, by `wasmill build`"
    )]
    MissingExport {
        /// The interface or function.
        name: String,
    },
    /// The bundle wants something that is not ours to give.
    #[error(
        "the bundle imports {names}, but the host offers nothing but `wasmill:dataflow`; {}",
        fix_for_imports(names)
    )]
    ForeignImports {
        /// The imports.
        names: String,
    },
    /// The bundle imports an interface of our package that there is not.
    #[error(
        "the bundle imports {names}, which this host does not have; upgrade the host or build the \
         bundle with an older SDK"
    )]
    UnknownImports {
        /// The imports.
        names: String,
    },
    /// The bundle was built for another version of the contract.
    #[error(
        "the bundle was built for another version of the contract: it has {name}, and this host \
         speaks `wasmill:dataflow@{ours}`; build it with the SDK of this host's version"
    )]
    WrongVersion {
        /// The interface of the wrong version.
        name: String,
        /// Our version.
        ours: &'static str,
    },
    /// An interface has the right name and the wrong content.
    #[error(
        "the bundle does not fit `wasmill:dataflow@{ours}`: {reason}; build it with the SDK of this \
         host's version"
    )]
    Mismatch {
        /// Our version.
        ours: &'static str,
        /// What differs.
        reason: String,
    },
    /// The host could not do its part.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Why a bundle did not say what its job is.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum DescribeError {
    /// The program ended with an error, which is for the person who submits the job.
    #[error("the program could not describe its job: {0}")]
    Program(String),
    /// The program's code broke.
    #[error("the program broke while it described its job: {}", trap_text(.reason, .backtrace))]
    Trap {
        /// What happened, as a sentence.
        reason: String,
        /// The guest's functions, innermost first; empty when unknown.
        backtrace: Vec<String>,
    },
    /// The program took too much, or its graph is too large.
    #[error("the program exceeded the limit `{limit}` while it described its job: {message}")]
    Limit {
        /// The limit's name in the configuration.
        limit: &'static str,
        /// What was exceeded and by what.
        message: String,
    },
    /// The bundle broke the contract of `wit/`.
    #[error("the bundle broke the contract while it described its job: {0}")]
    Contract(String),
    /// The host could not do its part.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<TaskFailure> for DescribeError {
    fn from(failure: TaskFailure) -> Self {
        match failure {
            TaskFailure::Guest(failure) => Self::Program(failure.to_string()),
            TaskFailure::Trap { reason, backtrace } => Self::Trap { reason, backtrace },
            TaskFailure::Limit { limit, message } => Self::Limit { limit, message },
            TaskFailure::Contract(message) => Self::Contract(message),
            TaskFailure::Host(error) => Self::Host(error),
            // Nobody holds the token of a description.
            TaskFailure::Cancelled => Self::Host(HostError::new("the description was cancelled")),
        }
    }
}

fn trap_text(reason: &str, backtrace: &[String]) -> String {
    let mut text = reason.to_owned();
    for frame in backtrace {
        text.push_str("\n  in ");
        text.push_str(frame);
    }
    text
}

fn fix_for_size(limit: &str) -> &'static str {
    if limit == Limits::BUNDLE {
        "make it smaller: `wasmill build` leaves debug information out, and data belongs in the job's input"
    } else {
        "use fewer dependencies, or split it into several jobs"
    }
}

fn fix_for_imports(names: &str) -> &'static str {
    if names.contains("`wasi:") || names.contains("`wasi_") {
        "code that needs no WASI comes from the target `wasm32-unknown-unknown`: build it with \
         `wasmill build`"
    } else {
        "remove what needs them, or build the bundle with `wasmill build`"
    }
}
