//! How the records of an edge are encoded. Named by the bundle, parsed once by the check of the graph.

use std::fmt;

use serde::{Serialize, Serializer};

/// How the records of an edge are encoded (`wit/job.wit`, `edge.format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Serde's postcard, between Rust operators.
    Postcard,
    /// One JSON value per record.
    Json,
    /// UTF-8 text.
    Text,
    /// A row of text fields.
    Fields,
    /// Bytes that mean something to the reader only.
    Bytes,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::Postcard,
        Self::Json,
        Self::Text,
        Self::Fields,
        Self::Bytes,
    ];

    /// The format of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The format's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postcard => "postcard",
            Self::Json => "json",
            Self::Text => "text",
            Self::Fields => "fields",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
