//! Which columns a struct reads, asked of its `Deserialize` itself: a type says the names of its fields
//! when it is read, and which of them it cannot do without when they are left out.
//!
//! Called when a CSV source is declared. Invariant: a column that is known to be needed is never called
//! optional; one of which nothing is known is, and the type says so itself when it reads a row without.

use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The columns of a struct.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// The names of its fields, in order.
    pub(crate) names: &'static [&'static str],
    /// Those that may be missing.
    pub(crate) optional: Vec<&'static str>,
}

impl Columns {
    /// The columns of `T`; `None` for anything but a struct, and for one whose fields have several names
    /// (`#[serde(alias)]`): it reads the columns that are there, whatever they are called.
    pub(crate) fn of<T: DeserializeOwned>() -> Option<Self> {
        let mut names = None;
        // Without fields this may or may not succeed; the names are what it is for.
        let _ = T::deserialize(Offer {
            offered: &[],
            asked: &mut names,
        });
        let names = names?;
        if ask::<T>(names) == Err(Answer::Twice) {
            return None;
        }
        let mut needed = Vec::new();
        while let Err(Answer::Missing(name)) = ask::<T>(&needed)
            && names.contains(&name)
            && !needed.contains(&name)
        {
            needed.push(name);
        }
        let optional = names.iter().copied();
        let optional = optional.filter(|name| !needed.contains(name)).collect();
        Some(Self { names, optional })
    }
}

/// What a type says when it is offered these fields.
fn ask<T: DeserializeOwned>(offered: &[&'static str]) -> Result<(), Answer> {
    let asked = &mut None;
    T::deserialize(Offer { offered, asked }).map(drop)
}

/// Why a type cannot be read from what it was offered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It needs this field.
    Missing(&'static str),
    /// Two names mean the same field.
    Twice,
    /// It does not take the value, or is no struct.
    Other,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("only asking")
    }
}

impl std::error::Error for Answer {}

impl de::Error for Answer {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::Other
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Twice
    }
}

/// Offers fields to a struct and hears which it knows.
struct Offer<'a> {
    offered: &'a [&'static str],
    asked: &'a mut Option<&'static [&'static str]>,
}

impl<'de> de::Deserializer<'de> for Offer<'_> {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer::Other)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Answer> {
        *self.asked = Some(fields);
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> de::MapAccess<'de> for Offer<'_> {
    type Error = Answer;

    fn next_key_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Answer> {
        let Some((name, rest)) = self.offered.split_first() else {
            return Ok(None);
        };
        self.offered = rest;
        seed.deserialize((*name).into_deserializer()).map(Some)
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Answer> {
        seed.deserialize(Guess)
    }
}

/// A value that most types of a column take: one.
struct Guess;

macro_rules! ones {
    ($($method:ident $visit:ident $value:literal),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answer> {
            visitor.$visit($value)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Guess {
    type Error = Answer;

    ones! {
        deserialize_any visit_borrowed_str "1",
        deserialize_bool visit_bool true,
        deserialize_i8 visit_i8 1, deserialize_i16 visit_i16 1, deserialize_i32 visit_i32 1,
        deserialize_i64 visit_i64 1, deserialize_i128 visit_i128 1,
        deserialize_u8 visit_u8 1, deserialize_u16 visit_u16 1, deserialize_u32 visit_u32 1,
        deserialize_u64 visit_u64 1, deserialize_u128 visit_u128 1,
        deserialize_f32 visit_f32 1.0, deserialize_f64 visit_f64 1.0,
        deserialize_char visit_char '1'
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answer> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Answer> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Answer> {
        let variant = variants.first().ok_or(Answer::Other)?;
        visitor.visit_enum((*variant).into_deserializer())
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use serde::Deserialize;

    use super::*;

    fn check<T: DeserializeOwned>(expected: Option<(&[&str], &[&str])>) {
        let columns = Columns::of::<T>();
        let found = columns.as_ref().map(|c| (c.names, c.optional.as_slice()));
        assert_eq!(found, expected, "{}", std::any::type_name::<T>());
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields' names and types count")]
    struct Trade {
        note: Option<String>,
        symbol: String,
        kind: Kind,
        #[serde(default)]
        lots: u32,
        #[serde(skip)]
        seen: bool,
        #[serde(rename = "px")]
        price: Price,
        count: NonZeroU8,
    }

    #[derive(Deserialize)]
    enum Kind {
        Buy,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Price(f64);

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Defaulted {
        a: u8,
        b: String,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields' names count")]
    struct Renamed {
        #[serde(alias = "cost")]
        price: f64,
        note: Option<String>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields' names count")]
    struct Picky {
        first: u8,
        address: std::net::IpAddr,
        last: Option<u8>,
    }

    #[test]
    fn a_struct_says_which_columns_it_knows_and_which_it_needs() {
        check::<Trade>(Some((
            &["note", "symbol", "kind", "lots", "px", "count"],
            &["note", "lots"],
        )));
        check::<Defaulted>(Some((&["a", "b"], &["a", "b"])));
        // What is behind a field that takes no guess remains unknown.
        check::<Picky>(Some((&["first", "address", "last"], &["last"])));
        check::<Renamed>(None);
        check::<(String, u8)>(None);
        check::<std::collections::BTreeMap<String, String>>(None);
    }
}
