//! The types of what states keep, as bundles describe them (`wit/job.wit`, `state-spec`).
//!
//! Read where a graph is checked, where state is to be restored into a job whose program has changed, and
//! where state is read for people. Invariants: a text is parsed within bounds of length and depth, whatever
//! it says; a type that [reads](Schema::reads) another one gets from each of its values the same value.

mod json;
mod parse;

use std::fmt;

use thiserror::Error;

pub use json::ValueError;

/// The longest description, in bytes: some hundred fields.
pub const MAX_SCHEMA_BYTES: usize = 8192;
/// How deeply types may be nested.
pub const MAX_SCHEMA_DEPTH: usize = 64;
/// The most elements of an array: a value of them is a tree of that size.
pub const MAX_ARRAY: usize = 65_536;

/// Why a text is no description of types.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{problem} at byte {at}")]
pub struct SchemaError {
    /// Where.
    pub at: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// What a state keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The key that it is kept by; none for state of a subtask.
    pub key: Option<Type>,
    /// What is kept: a value, an accumulator, an item of a list, or a [`Type::Map`].
    pub value: Type,
}

/// A type of Rust as `serde` and postcard see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Not known: no value can be read, and nothing is compared.
    Unknown,
    /// Something without parts.
    Scalar(Scalar),
    /// A value or none.
    Option(Box<Self>),
    /// Any number of values.
    List(Box<Self>),
    /// Any number of keys and values.
    Map(Box<Self>, Box<Self>),
    /// Values of these types; none for `()`.
    Tuple(Vec<Self>),
    /// So many values of one type.
    Array(Box<Self>, usize),
    /// Named values.
    Struct(String, Fields),
    /// One of the variants, which are numbered in order.
    Enum(String, Vec<(String, Fields)>),
    /// The struct or enum around it that is so many further out; 0 is the innermost.
    Outer(String, usize),
}

/// What a struct or a variant consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// Nothing.
    Unit,
    /// Fields by position.
    Tuple(Vec<Type>),
    /// Fields with names, which are encoded by position.
    Named(Vec<(String, Type)>),
}

/// A type without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `bool`.
    Bool,
    /// A signed number of so many bits.
    Signed(u8),
    /// An unsigned number of so many bits.
    Unsigned(u8),
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `String`.
    String,
    /// A byte string.
    Bytes,
}

/// The names of types without parts.
const SCALARS: &[(&str, Scalar)] = &[
    ("bool", Scalar::Bool),
    ("i8", Scalar::Signed(8)),
    ("i16", Scalar::Signed(16)),
    ("i32", Scalar::Signed(32)),
    ("i64", Scalar::Signed(64)),
    ("i128", Scalar::Signed(128)),
    ("u8", Scalar::Unsigned(8)),
    ("u16", Scalar::Unsigned(16)),
    ("u32", Scalar::Unsigned(32)),
    ("u64", Scalar::Unsigned(64)),
    ("u128", Scalar::Unsigned(128)),
    ("f32", Scalar::F32),
    ("f64", Scalar::F64),
    ("char", Scalar::Char),
    ("String", Scalar::String),
    ("bytes", Scalar::Bytes),
];

impl Schema {
    /// Reads a description.
    ///
    /// # Errors
    /// When the text does not follow the grammar of `wit/job.wit`, or is too long or too deep.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        parse::schema(text)
    }

    /// Whether state that was written as `old` can be read as this: what was written is then read as the
    /// same values. Names of types are free; those of fields and variants count; an enum may have got
    /// further variants behind the old ones.
    pub fn reads(&self, old: &Self) -> bool {
        let keys = match (&self.key, &old.key) {
            (Some(new), Some(old)) => new.reads(old),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        keys && self.value.reads(&old.value)
    }
}

impl Type {
    fn reads(&self, old: &Self) -> bool {
        match (self.bare(), old.bare()) {
            (Self::Unknown, _) | (_, Self::Unknown) => true,
            (Self::Scalar(new), Self::Scalar(old)) => new == old,
            (Self::Option(new), Self::Option(old)) | (Self::List(new), Self::List(old)) => {
                new.reads(old)
            }
            (Self::Map(new_key, new), Self::Map(old_key, old)) => {
                new_key.reads(old_key) && new.reads(old)
            }
            (Self::Tuple(new), Self::Tuple(old)) => all_read(new, old),
            (Self::Array(new, count), Self::Array(old, was)) => count == was && new.reads(old),
            (Self::Struct(_, new), Self::Struct(_, old)) => new.reads(old),
            (Self::Enum(_, new), Self::Enum(_, old)) => {
                let mut both = new.iter().zip(old);
                let same = |((new_name, new), (old_name, old)): (&(_, Fields), &(_, Fields))| {
                    let (new_name, old_name): (&String, &String) = (new_name, old_name);
                    new_name == old_name && new.reads(old)
                };
                new.len() >= old.len() && both.all(same)
            }
            (Self::Outer(_, new), Self::Outer(_, old)) => new == old,
            _ => false,
        }
    }

    /// The type inside structs of one field without a name, which are encoded as that field is.
    fn bare(&self) -> &Self {
        match self {
            Self::Struct(_, Fields::Tuple(fields)) if fields.len() == 1 => fields[0].bare(),
            other => other,
        }
    }
}

impl Fields {
    fn reads(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Unit, Self::Unit) => true,
            (Self::Tuple(new), Self::Tuple(old)) => all_read(new, old),
            (Self::Named(new), Self::Named(old)) => {
                let mut both = new.iter().zip(old);
                new.len() == old.len()
                    && both.all(|((new_name, new), (old_name, old))| {
                        new_name == old_name && new.reads(old)
                    })
            }
            _ => false,
        }
    }
}

fn all_read(new: &[Type], old: &[Type]) -> bool {
    new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.reads(old))
}

impl Scalar {
    fn named(name: &str) -> Option<Self> {
        let mut known = SCALARS.iter();
        known.find(|(its, _)| *its == name).map(|(_, it)| *it)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = SCALARS.iter();
        let name = known
            .find(|(_, it)| it == self)
            .map_or("?", |(name, _)| name);
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests;
