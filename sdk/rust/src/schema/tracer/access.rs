//! The parts that a type asks for one after the other: elements, entries, fields, variants.
//!
//! Made by the tracer for each list, map, struct and enum. Invariant: each part is given once, with what is
//! known of it.

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Outer, Stop, Trace, Tracer, part};
use crate::schema::node::{Fields, Node};

/// Gives a struct or variant its fields by position.
pub(super) fn visit_fields<'de, V: Visitor<'de>>(
    fields: Option<&mut Fields>,
    len: usize,
    outer: Option<&Outer<'_>>,
    trace: &Trace,
    depth: usize,
    visitor: V,
) -> Result<V::Value, Stop> {
    if fields.as_ref().is_some_and(|fields| fields.len() != len) {
        return Err(trace.give_up("the type is not always the same"));
    }
    let mut left = len;
    let parts = FieldParts {
        fields,
        next: 0,
        left: &mut left,
        outer,
        trace,
        depth,
    };
    let value = visitor.visit_seq(parts)?;
    if left > 0 {
        // Other names of fields are listed as well, and nothing says which are which.
        return Err(trace.give_up("the type has aliases"));
    }
    Ok(value)
}

/// The only element of a list, or none.
pub(super) struct One<'a>(pub(super) Option<Tracer<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        self.0
            .take()
            .map(|tracer| seed.deserialize(tracer))
            .transpose()
    }
}

/// The only entry of a map, or none.
pub(super) struct Entry<'a>(pub(super) Option<Tracer<'a>>, pub(super) Option<Tracer<'a>>);

impl<'de> MapAccess<'de> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        self.0
            .take()
            .map(|tracer| seed.deserialize(tracer))
            .transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let tracer = self.1.take();
        seed.deserialize(tracer.ok_or(Stop("a map has one entry only"))?)
    }
}

/// The elements of a tuple.
pub(super) struct Parts<'a> {
    pub(super) nodes: Option<std::slice::IterMut<'a, Node>>,
    pub(super) left: usize,
    pub(super) outer: Option<&'a Outer<'a>>,
    pub(super) trace: &'a Trace,
    pub(super) depth: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let node = self.nodes.as_mut().and_then(Iterator::next);
        let tracer = part(node, self.outer, self.trace, self.depth);
        seed.deserialize(tracer).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The fields of a struct or variant.
pub(super) struct FieldParts<'a> {
    fields: Option<&'a mut Fields>,
    next: usize,
    left: &'a mut usize,
    outer: Option<&'a Outer<'a>>,
    trace: &'a Trace,
    depth: usize,
}

impl<'de> SeqAccess<'de> for FieldParts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if *self.left == 0 {
            return Ok(None);
        }
        *self.left -= 1;
        let node = self
            .fields
            .as_mut()
            .and_then(|fields| fields.get(self.next));
        self.next += 1;
        let tracer = part(node, self.outer, self.trace, self.depth);
        seed.deserialize(tracer).map(Some)
    }
}

/// The chosen variant of an enum.
pub(super) struct Variant<'a> {
    pub(super) index: u32,
    pub(super) fields: Option<&'a mut Option<Fields>>,
    pub(super) outer: Option<&'a Outer<'a>>,
    pub(super) trace: &'a Trace,
    pub(super) depth: usize,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let index: U32Deserializer<Stop> = self.index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'a> Variant<'a> {
    /// Notes what the variant consists of, if it is not known yet.
    fn note(
        fields: Option<&'a mut Option<Fields>>,
        trace: &Trace,
        fresh: Fields,
    ) -> Option<&'a mut Fields> {
        let fields = fields?;
        if fields.is_none() {
            trace.find();
        }
        Some(fields.get_or_insert(fresh))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Self::note(self.fields, self.trace, Fields::Unit);
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        let fields = Self::note(self.fields, self.trace, Fields::tuple(1));
        let node = fields.and_then(|fields| fields.get(0));
        seed.deserialize(part(node, self.outer, self.trace, self.depth))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let fields = Self::note(self.fields, self.trace, Fields::tuple(len));
        visit_fields(fields, len, self.outer, self.trace, self.depth, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let fields = Self::note(self.fields, self.trace, Fields::named(names));
        visit_fields(
            fields,
            names.len(),
            self.outer,
            self.trace,
            self.depth,
            visitor,
        )
    }
}
