//! From JSON to postcard.
//!
//! Invariant: what is written reads back as the same JSON.

use serde_json::Value;

use super::{Around, At, MAX_DEPTH, Outcome, is_name, unlike, wrong};
use crate::schema::{Fields, Scalar, Type};

/// Appends values.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    depth: usize,
}

impl Writer {
    pub(super) fn value(&mut self, at: At<'_>, value: &Value) -> Outcome<()> {
        // A type may be nothing but itself, whatever the value is.
        if self.depth == MAX_DEPTH {
            return Err(wrong("the type is nested too deeply"));
        }
        self.depth += 1;
        let written = self.value_here(at, value);
        self.depth -= 1;
        written
    }

    fn value_here(&mut self, at: At<'_>, value: &Value) -> Outcome<()> {
        match (at.kind, value) {
            (Type::Unknown, _) => Err(wrong("the type is not known")),
            (Type::Scalar(scalar), _) => self.scalar(*scalar, value),
            (Type::Option(_), Value::Null) => {
                self.out.push(0);
                Ok(())
            }
            (Type::Option(inner), _) => {
                self.out.push(1);
                self.value(at.inner(inner), value)
            }
            (Type::List(inner), Value::Array(items)) => {
                self.unsigned(items.len() as u128);
                let mut items = items.iter();
                items.try_for_each(|item| self.value(at.inner(inner), item))
            }
            (Type::Map(key, inner), _) => self.map((at.inner(key), at.inner(inner)), value),
            (Type::Tuple(types), _) => self.tuple(at, types, value),
            (Type::Array(inner, count), Value::Array(items)) if items.len() == *count => {
                let mut items = items.iter();
                items.try_for_each(|item| self.value(at.inner(inner), item))
            }
            (Type::Struct(_, fields), _) => {
                let (kind, up) = (at.kind, at.around);
                let around = Around { kind, up };
                let around = Some(&around);
                self.fields(At { kind, around }, fields, value)
            }
            (Type::Enum(_, variants), _) => self.variant(at, variants, value),
            (Type::Outer(_, further), _) => self.value(at.outer(*further)?, value),
            (Type::List(_), _) => Err(unlike("a list", value)),
            (Type::Array(_, count), _) => Err(unlike(&format!("a list of {count}"), value)),
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value) -> Outcome<()> {
        let unlike = || unlike(&format!("a value of the type {scalar}"), value);
        match scalar {
            Scalar::Bool => self.out.push(value.as_bool().ok_or_else(unlike)?.into()),
            Scalar::Unsigned(bits) => {
                let number: u128 = whole(value).ok_or_else(unlike)?;
                if bits < 128 && number >> bits != 0 {
                    return Err(unlike());
                }
                match u8::try_from(number) {
                    Ok(byte) if bits == 8 => self.out.push(byte),
                    _ => self.unsigned(number),
                }
            }
            Scalar::Signed(bits) => {
                let number: i128 = whole(value).ok_or_else(unlike)?;
                let above = number >> (bits - 1);
                if above != 0 && above != -1 {
                    return Err(unlike());
                }
                match i8::try_from(number) {
                    Ok(byte) if bits == 8 => self.out.push(byte.cast_unsigned()),
                    _ => self.unsigned(((number << 1) ^ (number >> 127)).cast_unsigned()),
                }
            }
            Scalar::F32 => {
                let number = value.as_f64().ok_or_else(unlike)? as f32;
                self.out.extend(number.to_le_bytes());
            }
            Scalar::F64 => {
                let number = value.as_f64().ok_or_else(unlike)?;
                self.out.extend(number.to_le_bytes());
            }
            Scalar::Char => {
                let text = value.as_str().filter(|text| text.chars().count() == 1);
                self.bytes(text.ok_or_else(unlike)?.as_bytes());
            }
            Scalar::String => self.bytes(value.as_str().ok_or_else(unlike)?.as_bytes()),
            Scalar::Bytes => {
                let byte = |item: &Value| u8::try_from(item.as_u64()?).ok();
                let bytes = value.as_array().ok_or_else(unlike)?.iter().map(byte);
                let bytes: Option<Vec<u8>> = bytes.collect();
                self.bytes(&bytes.ok_or_else(unlike)?);
            }
        }
        Ok(())
    }

    fn map(&mut self, (key, inner): (At<'_>, At<'_>), value: &Value) -> Outcome<()> {
        match value {
            Value::Object(entries) if is_name(key.kind) => {
                self.unsigned(entries.len() as u128);
                for (name, value) in entries {
                    self.name(key, name)?;
                    self.value(inner, value)?;
                }
                Ok(())
            }
            Value::Array(pairs) if !is_name(key.kind) => {
                self.unsigned(pairs.len() as u128);
                for pair in pairs {
                    let [name, value] = pair.as_array().map_or(&[][..], Vec::as_slice) else {
                        return Err(unlike("a key and a value in a list of two", pair));
                    };
                    self.value(key, name)?;
                    self.value(inner, value)?;
                }
                Ok(())
            }
            _ if is_name(key.kind) => Err(unlike("an object", value)),
            _ => Err(unlike("a list of keys and values in lists of two", value)),
        }
    }

    /// A key that is the name in an object.
    fn name(&mut self, key: At<'_>, name: &str) -> Outcome<()> {
        let text = Value::from(name);
        let value = match key.kind.bare() {
            Type::Scalar(Scalar::Bool) => match name {
                "true" => Value::from(true),
                "false" => Value::from(false),
                _ => text,
            },
            _ => text,
        };
        self.value(key, &value)
    }

    fn tuple(&mut self, at: At<'_>, types: &[Type], value: &Value) -> Outcome<()> {
        let items = match value {
            Value::Null if types.is_empty() => return Ok(()),
            Value::Array(items) if items.len() == types.len() => items,
            _ if types.is_empty() => return Err(unlike("null", value)),
            _ => return Err(unlike(&format!("a list of {}", types.len()), value)),
        };
        let mut both = types.iter().zip(items);
        both.try_for_each(|(kind, item)| self.value(at.inner(kind), item))
    }

    fn fields(&mut self, at: At<'_>, fields: &Fields, value: &Value) -> Outcome<()> {
        match fields {
            Fields::Unit => self.tuple(at, &[], value),
            Fields::Tuple(types) => match types.as_slice() {
                [only] => self.value(at.inner(only), value),
                types => self.tuple(at, types, value),
            },
            Fields::Named(fields) => {
                let object = value
                    .as_object()
                    .ok_or_else(|| unlike("an object", value))?;
                for (name, kind) in fields {
                    let missing = || wrong(&format!("the field `{name}` is missing"));
                    let field = object.get(name).ok_or_else(missing)?;
                    let written = self.value(at.inner(kind), field);
                    written.map_err(|error| wrong(&format!("field `{name}`: {error}")))?;
                }
                let mut names = object.keys();
                match names.find(|name| fields.iter().all(|(known, _)| known != *name)) {
                    Some(name) => Err(wrong(&format!("there is no field `{name}`"))),
                    None => Ok(()),
                }
            }
        }
    }

    fn variant(&mut self, at: At<'_>, variants: &[(String, Fields)], value: &Value) -> Outcome<()> {
        let (name, content) = match value {
            Value::String(name) => (name, &Value::Null),
            Value::Object(entries) if entries.len() == 1 => match entries.iter().next() {
                Some(entry) => entry,
                None => return Err(unlike("a variant", value)),
            },
            _ => return Err(unlike("a variant's name, or an object of it alone", value)),
        };
        let index = variants.iter().position(|(known, _)| known == name);
        let index = index.ok_or_else(|| wrong(&format!("there is no variant `{name}`")))?;
        self.unsigned(index as u128);
        let (kind, up) = (at.kind, at.around);
        let around = Around { kind, up };
        let around = Some(&around);
        self.fields(At { kind, around }, &variants[index].1, content)
    }

    fn unsigned(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.unsigned(bytes.len() as u128);
        self.out.extend(bytes);
    }
}

/// A whole number, which may be a text.
fn whole<N: std::str::FromStr>(value: &Value) -> Option<N> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
