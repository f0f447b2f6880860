//! A type as far as it is known, and its text.
//!
//! Invariant: the text of a node that is complete follows the grammar of `wit/job.wit`.

use std::fmt;

/// A type, of which parts may not be known yet.
pub(super) enum Node {
    /// Nothing is known yet.
    Unknown,
    /// A type without parts.
    Scalar(&'static str),
    Option(Box<Self>),
    List(Box<Self>),
    Map(Box<(Self, Self)>),
    Tuple(Vec<Self>),
    Struct(&'static str, Fields),
    /// Its variants, and how often one was tried.
    Enum(&'static str, Vec<(&'static str, Option<Fields>)>, usize),
    /// A struct or enum around it.
    Outer(&'static str),
}

/// The parts of a struct or a variant.
pub(super) enum Fields {
    Unit,
    Tuple(Vec<Node>),
    Named(Vec<(&'static str, Node)>),
}

impl Node {
    /// Whether all of it is known.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Scalar(_) | Self::Outer(_) => true,
            Self::Option(inner) | Self::List(inner) => inner.is_complete(),
            Self::Map(both) => both.0.is_complete() && both.1.is_complete(),
            Self::Tuple(parts) => parts.iter().all(Self::is_complete),
            Self::Struct(_, fields) => fields.is_complete(),
            Self::Enum(_, variants, _) => {
                let mut fields = variants.iter().map(|(_, fields)| fields.as_ref());
                fields.all(|fields| fields.is_some_and(Fields::is_complete))
            }
        }
    }
}

impl Fields {
    /// So many parts without names, of which nothing is known.
    pub(super) fn tuple(len: usize) -> Self {
        Self::Tuple((0..len).map(|_| Node::Unknown).collect())
    }

    /// Parts with these names, of which nothing is known.
    pub(super) fn named(names: &[&'static str]) -> Self {
        Self::Named(names.iter().map(|name| (*name, Node::Unknown)).collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Unit => 0,
            Self::Tuple(parts) => parts.len(),
            Self::Named(parts) => parts.len(),
        }
    }

    /// A part.
    pub(super) fn get(&mut self, index: usize) -> Option<&mut Node> {
        match self {
            Self::Unit => None,
            Self::Tuple(parts) => parts.get_mut(index),
            Self::Named(parts) => parts.get_mut(index).map(|(_, part)| part),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Unit => true,
            Self::Tuple(parts) => parts.iter().all(Node::is_complete),
            Self::Named(parts) => parts.iter().all(|(_, part)| part.is_complete()),
        }
    }
}

/// The most elements of a tuple that is written out although all have one type: arrays look like that.
const MAX_WRITTEN: usize = 4;

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str(super::UNKNOWN),
            Self::Scalar(name) => f.write_str(name),
            Self::Option(inner) => write!(f, "Option<{inner}>"),
            Self::List(inner) => write!(f, "Vec<{inner}>"),
            Self::Map(both) => write!(f, "Map<{}, {}>", both.0, both.1),
            Self::Tuple(parts) => tuple(f, parts),
            Self::Struct(name, fields) => write!(f, "struct {}{fields}", Name(name)),
            Self::Enum(name, variants, _) => {
                write!(f, "enum {} {{ ", Name(name))?;
                for (index, (name, fields)) in variants.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Name(name))?;
                    fields.iter().try_for_each(|fields| write!(f, "{fields}"))?;
                }
                f.write_str(" }")
            }
            Self::Outer(name) => write!(f, "^{}", Name(name)),
        }
    }
}

fn tuple(f: &mut fmt::Formatter<'_>, parts: &[Node]) -> fmt::Result {
    let texts: Vec<String> = parts.iter().map(Node::to_string).collect();
    match texts.as_slice() {
        [only] => write!(f, "({only},)"),
        [first, .., last] if texts.len() > MAX_WRITTEN && texts.iter().all(|it| it == first) => {
            write!(f, "[{last}; {}]", texts.len())
        }
        texts => write!(f, "({})", texts.join(", ")),
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit => Ok(()),
            Self::Tuple(parts) => {
                let texts: Vec<String> = parts.iter().map(Node::to_string).collect();
                write!(f, "({})", texts.join(", "))
            }
            Self::Named(parts) => {
                let text = |(name, part): &(&str, Node)| format!("{}: {part}", Name(name));
                let texts: Vec<String> = parts.iter().map(text).collect();
                match texts.is_empty() {
                    true => f.write_str(" { }"),
                    false => write!(f, " {{ {} }}", texts.join(", ")),
                }
            }
        }
    }
}

/// A name, quoted where it is no word.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match !self.0.is_empty() && self.0.chars().all(is_of_word) {
            true => f.write_str(self.0),
            false => write!(f, "{:?}", self.0),
        }
    }
}
