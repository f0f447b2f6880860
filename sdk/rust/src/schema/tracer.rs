//! A deserializer without input: it notes what a type asks for and gives it samples.
//!
//! A type with options, lists or variants is asked several times, each time another way, until all of it is
//! known. Where a struct or enum contains itself, a way back to it is noted, and a value is made without
//! notes, by the variants of which values could be made before. Invariants: [`trace`] ends after a bounded
//! number of passes over a bounded number of nodes, nested to a bounded depth; what it returns is complete.

mod access;

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::{DeserializeOwned, Deserializer, Visitor};

use super::node::{Fields, Node};
use access::{Entry, One, Parts, Variant, visit_fields};

/// The most passes: each of them finds at least one more variant, or nothing is to be found.
const MAX_PASSES: usize = 1024;
/// How many passes may bring nothing, while other variants are tried.
const MAX_IDLE: usize = 64;
/// The most parts of a type.
const MAX_NODES: usize = 4096;
/// How deeply types may be nested: the host takes no more.
const MAX_DEPTH: usize = 60;

/// Finds out what a type consists of; none if it does not let itself be asked.
pub(super) fn trace<T: DeserializeOwned>() -> Option<Node> {
    let trace = Trace::default();
    let mut root = Node::Unknown;
    let mut idle = 0;
    for _ in 0..MAX_PASSES {
        let before = trace.found.get();
        let tracer = Tracer {
            node: Some(&mut root),
            outer: None,
            trace: &trace,
            depth: 0,
        };
        // A type that refuses the sample is known nevertheless.
        let _value = T::deserialize(tracer);
        if trace.is_hopeless.get() || trace.found.get() > MAX_NODES {
            return None;
        }
        if root.is_complete() {
            return Some(root);
        }
        idle = if trace.found.get() == before {
            idle + 1
        } else {
            0
        };
        if idle > MAX_IDLE {
            return None;
        }
    }
    None
}

/// What all parts of a pass share.
#[derive(Default)]
struct Trace {
    /// How much has been found.
    found: Cell<usize>,
    /// The type cannot be described.
    is_hopeless: Cell<bool>,
    /// A variant of which a value was made, by the type of the enum.
    bases: RefCell<BTreeMap<&'static str, u32>>,
}

impl Trace {
    fn find(&self) {
        self.found.set(self.found.get() + 1);
    }

    fn give_up(&self, why: &'static str) -> Stop {
        self.is_hopeless.set(true);
        Stop(why)
    }
}

/// A struct or enum around what is asked for.
struct Outer<'a> {
    type_name: &'static str,
    name: &'static str,
    up: Option<&'a Self>,
}

/// Why a pass ends early.
#[derive(Debug)]
struct Stop(&'static str);

impl Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Stop {}

impl serde::de::Error for Stop {
    fn custom<T: Display>(_: T) -> Self {
        Self("the type refuses the sample")
    }
}

/// Answers one question of a type; without a node it only makes a value.
struct Tracer<'a> {
    node: Option<&'a mut Node>,
    outer: Option<&'a Outer<'a>>,
    trace: &'a Trace,
    depth: usize,
}

impl<'a> Tracer<'a> {
    /// Notes what is asked for, if it is not known yet.
    fn note(self, fresh: impl FnOnce() -> Node) -> Result<Self, Stop> {
        if self.depth > MAX_DEPTH {
            return Err(match self.node {
                Some(_) => self.trace.give_up("the type is nested too deeply"),
                None => Stop("the value is nested too deeply"),
            });
        }
        let Self {
            node: Some(node),
            outer,
            trace,
            depth,
        } = self
        else {
            return Ok(self);
        };
        if matches!(node, Node::Unknown) {
            *node = fresh();
            trace.find();
        }
        let node = Some(node);
        Ok(Self {
            node,
            outer,
            trace,
            depth,
        })
    }

    fn scalar(self, name: &'static str) -> Result<(), Stop> {
        self.note(|| Node::Scalar(name)).map(|_| ())
    }

    /// Whether a struct or enum is inside itself; then that is noted, and only a value is to be made.
    fn enter(&mut self, type_name: &'static str, name: &'static str) -> Result<(), Stop> {
        let mut around = std::iter::successors(self.outer, |outer| outer.up);
        let mut hidden = false;
        let is_inside_itself = around.any(|outer| {
            let is_it = outer.type_name == type_name && outer.name == name;
            hidden |= !is_it && outer.name == name;
            is_it
        });
        if !is_inside_itself {
            return Ok(());
        }
        if let Some(node) = self.node.take() {
            if hidden {
                return Err(self.trace.give_up("a type of the same name lies between"));
            }
            if matches!(node, Node::Unknown) {
                *node = Node::Outer(name);
                self.trace.find();
            }
        }
        Ok(())
    }
}

/// A part of what is asked for.
fn part<'a>(
    node: Option<&'a mut Node>,
    outer: Option<&'a Outer<'a>>,
    trace: &'a Trace,
    depth: usize,
) -> Tracer<'a> {
    Tracer {
        node,
        outer,
        trace,
        depth: depth + 1,
    }
}

macro_rules! scalars {
    ($($method:ident, $name:literal, $visit:ident, $sample:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            self.scalar($name)?;
            visitor.$visit($sample)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Stop;

    scalars! {
        deserialize_bool, "bool", visit_bool, false;
        deserialize_i8, "i8", visit_i8, 1;
        deserialize_i16, "i16", visit_i16, 1;
        deserialize_i32, "i32", visit_i32, 1;
        deserialize_i64, "i64", visit_i64, 1;
        deserialize_i128, "i128", visit_i128, 1;
        deserialize_u8, "u8", visit_u8, 1;
        deserialize_u16, "u16", visit_u16, 1;
        deserialize_u32, "u32", visit_u32, 1;
        deserialize_u64, "u64", visit_u64, 1;
        deserialize_u128, "u128", visit_u128, 1;
        deserialize_f32, "f32", visit_f32, 1.0;
        deserialize_f64, "f64", visit_f64, 1.0;
        deserialize_char, "char", visit_char, 'a';
        deserialize_str, "String", visit_str, "";
        deserialize_string, "String", visit_string, String::new();
        deserialize_bytes, "bytes", visit_bytes, &[];
        deserialize_byte_buf, "bytes", visit_byte_buf, Vec::new();
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.trace.give_up("postcard does not say what comes next"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.trace.give_up("postcard has no names"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(self.trace.give_up("postcard cannot leave anything out"))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let _known = self.note(|| Node::Tuple(Vec::new()))?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.note(|| Node::Option(Box::new(Node::Unknown)))? {
            Self {
                node: Some(Node::Option(inner)),
                outer,
                trace,
                depth,
            } if !inner.is_complete() => {
                visitor.visit_some(part(Some(&mut **inner), outer, trace, depth))
            }
            _ => visitor.visit_none(),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.note(|| Node::List(Box::new(Node::Unknown)))? {
            Self {
                node: Some(Node::List(inner)),
                outer,
                trace,
                depth,
            } if !inner.is_complete() => {
                visitor.visit_seq(One(Some(part(Some(&mut **inner), outer, trace, depth))))
            }
            _ => visitor.visit_seq(One(None)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.note(|| Node::Map(Box::new((Node::Unknown, Node::Unknown))))? {
            Self {
                node: Some(Node::Map(both)),
                outer,
                trace,
                depth,
            } if !(both.0.is_complete() && both.1.is_complete()) => {
                let (key, value) = &mut **both;
                let key = part(Some(key), outer, trace, depth);
                let value = part(Some(value), outer, trace, depth);
                visitor.visit_map(Entry(Some(key), Some(value)))
            }
            _ => visitor.visit_map(Entry(None, None)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let fresh = || Node::Tuple((0..len).map(|_| Node::Unknown).collect());
        let Self {
            node,
            outer,
            trace,
            depth,
        } = self.note(fresh)?;
        let parts = match node {
            Some(Node::Tuple(parts)) => Some(parts),
            Some(_) => return Err(trace.give_up("the type is not always the same")),
            None => None,
        };
        let nodes = parts.map(|parts| parts.iter_mut());
        visitor.visit_seq(Parts {
            nodes,
            left: len,
            outer,
            trace,
            depth,
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let _known = self.note(|| Node::Struct(name, Fields::Unit))?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let type_name = type_name::<V::Value>();
        self.enter(type_name, name)?;
        let known = self.note(|| Node::Struct(name, Fields::tuple(1)))?;
        let Self {
            node,
            outer,
            trace,
            depth,
        } = known;
        let outer = Outer {
            type_name,
            name,
            up: outer,
        };
        let inner = fields_of(node, trace)?.and_then(|fields| fields.get(0));
        visitor.visit_newtype_struct(part(inner, Some(&outer), trace, depth))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(name, len, || Fields::tuple(len), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure(name, names.len(), || Fields::named(names), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let type_name = type_name::<V::Value>();
        self.enter(type_name, name)?;
        let fresh = || Node::Enum(name, names.iter().map(|name| (*name, None)).collect(), 0);
        let Self {
            node,
            outer,
            trace,
            depth,
        } = self.note(fresh)?;
        let base = trace.bases.borrow().get(type_name).copied();
        let (index, fields) = match node {
            Some(Node::Enum(_, variants, tries)) => choose(variants, tries, base),
            Some(_) => return Err(trace.give_up("the type is not always the same")),
            None => (base.ok_or(Stop("no value can be made yet"))?, None),
        };
        let outer = Outer {
            type_name,
            name,
            up: outer,
        };
        let outer = Some(&outer);
        let value = visitor.visit_enum(Variant {
            index,
            fields,
            outer,
            trace,
            depth,
        })?;
        if base.is_none() {
            trace.bases.borrow_mut().insert(type_name, index);
            trace.find();
        }
        Ok(value)
    }
}

impl Tracer<'_> {
    fn structure<'de, V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        fields: impl FnOnce() -> Fields,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let type_name = type_name::<V::Value>();
        self.enter(type_name, name)?;
        let known = self.note(|| Node::Struct(name, fields()))?;
        let Self {
            node,
            outer,
            trace,
            depth,
        } = known;
        let outer = Outer {
            type_name,
            name,
            up: outer,
        };
        let fields = fields_of(node, trace)?;
        visit_fields(fields, len, Some(&outer), trace, depth, visitor)
    }
}

/// The parts of a struct that is noted.
fn fields_of<'a>(
    node: Option<&'a mut Node>,
    trace: &Trace,
) -> Result<Option<&'a mut Fields>, Stop> {
    match node {
        Some(Node::Struct(_, fields)) => Ok(Some(fields)),
        Some(_) => Err(trace.give_up("the type is not always the same")),
        None => Ok(None),
    }
}

/// The variant to be tried next: one that is not known, each in turn, or one of which values can be made.
fn choose<'a>(
    variants: &'a mut [(&'static str, Option<Fields>)],
    tries: &mut usize,
    base: Option<u32>,
) -> (u32, Option<&'a mut Option<Fields>>) {
    let is_open =
        |(_, fields): &(_, Option<Fields>)| !fields.as_ref().is_some_and(Fields::is_complete);
    let open: Vec<usize> = (0..variants.len())
        .filter(|it| is_open(&variants[*it]))
        .collect();
    if open.is_empty() {
        // One whose samples were refused is tried again for want of another.
        return (base.unwrap_or(0), None);
    }
    let index = open[*tries % open.len()];
    *tries += 1;
    (index as u32, Some(&mut variants[index].1))
}
