//! Finds the number of a value that JSON has no word for.
//!
//! Called for a value whose JSON got a `null`, which may be an absent value or, as `serde_json` writes
//! them, a float that is not finite. Invariant: nothing but floats is looked at.

use serde::ser::{self, Serialize};

/// Why a value would not read back from its JSON.
///
/// # Errors
/// The first float that is not finite, and where it is.
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), String> {
    value.serialize(Finder).map_err(|found| found.told())
}

/// A float that is not finite, or what keeps the value from being looked at.
#[derive(Debug)]
struct Found {
    /// What was found.
    what: String,
    /// The fields around it, innermost first.
    path: Vec<String>,
}

impl Found {
    fn within(mut self, field: impl Into<String>) -> Self {
        self.path.push(field.into());
        self
    }

    fn told(self) -> String {
        let path: Vec<String> = self.path.into_iter().rev().collect();
        let place = match path.as_slice() {
            [] => "the record".to_owned(),
            path => format!("field `{}`", path.join(".")),
        };
        format!(
            "{place} is {}, which JSON cannot express; use an `Option`, or leave such records out",
            self.what
        )
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self {
            what: message.to_string(),
            path: Vec::new(),
        }
    }
}

type Done = Result<(), Found>;

/// Looks at a value.
#[derive(Debug, Clone, Copy)]
struct Finder;

macro_rules! fine {
    ($($method:ident($($type:ty),*)),* $(,)?) => {
        $(fn $method(self, $(_: $type),*) -> Done {
            Ok(())
        })*
    };
}

impl ser::Serializer for Finder {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fine! {
        serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32),
        serialize_i64(i64), serialize_i128(i128), serialize_u8(u8), serialize_u16(u16),
        serialize_u32(u32), serialize_u64(u64), serialize_u128(u128), serialize_char(char),
        serialize_str(&str), serialize_bytes(&[u8]), serialize_none(), serialize_unit(),
        serialize_unit_struct(&'static str), serialize_unit_variant(&'static str, u32, &'static str),
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        if value.is_finite() {
            return Ok(());
        }
        Err(ser::Error::custom(value))
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        let found = value.serialize(self);
        found.map_err(|found| found.within(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, Found> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, Found> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, Found> {
        Ok(Items::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Found> {
        let variant = Some(variant);
        Ok(Items { variant, seen: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Found> {
        Ok(Entries::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Found> {
        Ok(Entries::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Found> {
        Ok(Entries {
            variant: Some(variant),
            key: String::new(),
        })
    }
}

/// Values by their positions.
#[derive(Debug, Default)]
struct Items {
    variant: Option<&'static str>,
    seen: usize,
}

impl Items {
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        let index = self.seen;
        self.seen += 1;
        let found = value.serialize(Finder);
        found.map_err(|found| around(found.within(index.to_string()), self.variant))
    }
}

/// Values by their names.
#[derive(Debug, Default)]
struct Entries {
    variant: Option<&'static str>,
    key: String,
}

impl Entries {
    fn entry<T: ?Sized + Serialize>(&self, key: &str, value: &T) -> Done {
        let found = value.serialize(Finder);
        found.map_err(|found| around(found.within(key), self.variant))
    }
}

fn around(found: Found, variant: Option<&'static str>) -> Found {
    match variant {
        Some(variant) => found.within(variant),
        None => found,
    }
}

macro_rules! items {
    ($($trait:ident $method:ident),*) => {
        $(impl ser::$trait for Items {
            type Ok = ();
            type Error = Found;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
                self.item(value)
            }

            fn end(self) -> Done {
                Ok(())
            }
        })*
    };
}

items! {
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
}

macro_rules! entries {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Entries {
            type Ok = ();
            type Error = Found;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Done {
                self.entry(key, value)
            }

            fn end(self) -> Done {
                Ok(())
            }
        })*
    };
}

entries! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Entries {
    type Ok = ();
    type Error = Found;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        let shown = serde_json::to_string(key).map_err(ser::Error::custom)?;
        shown.trim_matches('"').clone_into(&mut self.key);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        self.entry(&self.key, value)
    }

    fn end(self) -> Done {
        Ok(())
    }
}
