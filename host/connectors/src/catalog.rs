//! What connectors there are and what options they take, for error messages, help texts and the
//! parsing of options.
//!
//! Each connector's file declares its own [`ConnectorDoc`]; this one collects them. Invariant: an
//! option's default stands in its doc only, and parsing reads it from there.

use std::fmt;

use crate::error::ConnectorError;
use crate::{blackhole, datagen, file, print, socket};

/// A connector, for people.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorDoc {
    /// Its name in a job's graph.
    pub name: &'static str,
    /// Source or sink; the same name may be both.
    pub kind: ConnectorKind,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// All options that it takes.
    pub options: &'static [OptionDoc],
}

/// One option of a connector.
#[derive(Debug, Clone, Copy)]
pub struct OptionDoc {
    /// Its name.
    pub name: &'static str,
    /// What counts when it is not given.
    pub default: OptionDefault,
    /// What it does, and what values it takes.
    pub meaning: &'static str,
}

/// What counts when an option is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionDefault {
    /// It must be given.
    Required,
    /// Its absence has a meaning of its own, which the option's text says.
    Absent,
    /// This value.
    Value(&'static str),
}

/// Which side of a job a connector is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectorKind {
    /// Makes records.
    Source,
    /// Takes records.
    Sink,
}

/// All connectors for jobs, sources first. The source and the sink `bench`, which can be had by their name like
/// the others, are there for the benchmarks only and so not among them.
pub fn catalog() -> &'static [ConnectorDoc] {
    static CATALOG: [ConnectorDoc; 6] = [
        file::SOURCE,
        socket::SOURCE,
        datagen::SOURCE,
        file::SINK,
        print::SINK,
        blackhole::SINK,
    ];
    &CATALOG
}

/// The error for a name that no connector of this kind has.
pub(crate) fn unknown(kind: ConnectorKind, name: &str) -> ConnectorError {
    let of_kind = |kind| {
        let matching = catalog().iter().filter(move |doc| doc.kind == kind);
        matching.map(|doc| doc.name).collect::<Vec<_>>()
    };
    let known = of_kind(kind);
    let hint = if of_kind(kind.other()).contains(&name) {
        format!(" (`{name}` is a {})", kind.other())
    } else {
        did_you_mean(name, &known)
    };
    ConnectorError::UnknownConnector {
        kind,
        name: cut(name),
        hint,
        known: quoted(&known),
    }
}

impl OptionDoc {
    pub(crate) const fn new(
        name: &'static str,
        default: OptionDefault,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            default,
            meaning,
        }
    }
}

impl ConnectorDoc {
    /// The connector as error messages name it.
    pub(crate) fn title(&self) -> String {
        format!("the {} connector `{}`", self.kind, self.name)
    }
}

impl ConnectorKind {
    fn other(self) -> Self {
        match self {
            Self::Source => Self::Sink,
            Self::Sink => Self::Source,
        }
    }
}

impl fmt::Display for ConnectorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Sink => "sink",
        })
    }
}

/// Names for a message: `` `a`, `b`, `c` ``, or `none`.
pub(crate) fn quoted(names: &[impl AsRef<str>]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}

/// A text from outside, short enough for a message.
pub(crate) fn cut(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A suggestion for a mistyped name, or nothing when no known name is close.
pub(crate) fn did_you_mean(name: &str, known: &[&'static str]) -> String {
    /// A longer name is not a typing error, and comparing it would take quadratic time.
    const LONGEST_COMPARED: usize = 64;
    if name.len() > LONGEST_COMPARED {
        return String::new();
    }
    let close = |candidate: &&str| {
        let distance = edits(&name.to_lowercase(), candidate);
        (distance <= candidate.len().div_ceil(2).min(3)).then_some(distance)
    };
    known
        .iter()
        .filter_map(|candidate| Some((close(candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| format!(", did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// The number of single-character edits between two texts (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
