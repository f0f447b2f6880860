//! Values in postcard from and to JSON, by their type; for keys that people ask for, and what they get.
//!
//! JSON has the shapes that `serde_json` gives derived types, but maps whose keys are no texts or numbers are
//! lists of pairs, and whole numbers beyond 64 bits are texts. Invariant: bytes from storage and values from
//! people end in a value or an error after a bounded number of steps.

mod read;
mod write;

use serde_json::Value;
use thiserror::Error;

use super::{Scalar, Type};
use read::Reader;
use write::Writer;

/// The most values inside one, for types whose values take no bytes.
const MAX_VALUES: usize = 1 << 20;
/// How deeply a value may be nested: `serde_json` reads no more either.
const MAX_DEPTH: usize = 128;

/// Why a value cannot be written or read.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{0}")]
pub struct ValueError(String);

type Outcome<T> = Result<T, ValueError>;

impl Type {
    /// The bytes of a value.
    ///
    /// # Errors
    /// When it is not of this type; the error says what was wanted and what was there.
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>, ValueError> {
        let mut writer = Writer::default();
        writer.value(At::top(self), value)?;
        Ok(writer.out)
    }

    /// The value of these bytes.
    ///
    /// # Errors
    /// When they are not of this type, or have parts beyond the bounds of this module.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, ValueError> {
        let mut reader = Reader::new(bytes);
        let value = reader.value(At::top(self))?;
        match reader.rest.len() {
            0 => Ok(value),
            more => Err(wrong(&format!("{more} bytes follow the value"))),
        }
    }
}

/// A type, and the structs and enums around it.
#[derive(Clone, Copy)]
struct At<'a> {
    kind: &'a Type,
    around: Option<&'a Around<'a>>,
}

struct Around<'a> {
    kind: &'a Type,
    up: Option<&'a Self>,
}

impl<'a> At<'a> {
    fn top(kind: &'a Type) -> Self {
        Self { kind, around: None }
    }

    fn inner(self, kind: &'a Type) -> Self {
        Self { kind, ..self }
    }

    /// The type that a [`Type::Outer`] stands for.
    fn outer(self, further: usize) -> Outcome<Self> {
        let mut found = self.around;
        for _ in 0..further {
            found = found.and_then(|around| around.up);
        }
        let found = found.ok_or_else(|| wrong("the type refers to one that is not around it"))?;
        Ok(Self {
            kind: found.kind,
            around: found.up,
        })
    }
}

/// Whether keys of this type are the names of a JSON object.
fn is_name(kind: &Type) -> bool {
    let Type::Scalar(scalar) = kind.bare() else {
        return false;
    };
    matches!(
        scalar,
        Scalar::String | Scalar::Char | Scalar::Bool | Scalar::Signed(_) | Scalar::Unsigned(_)
    )
}

fn wrong(problem: &str) -> ValueError {
    ValueError(problem.to_owned())
}

fn unlike(wanted: &str, value: &Value) -> ValueError {
    let shown: String = value.to_string().chars().take(60).collect();
    ValueError(format!("`{shown}` is not {wanted}"))
}
