//! From postcard to JSON.
//!
//! Invariant: a value has at most [`MAX_VALUES`] parts, nested at most [`MAX_DEPTH`] deep, whatever the bytes are.

use serde_json::{Map, Number, Value};

use super::{Around, At, MAX_DEPTH, MAX_VALUES, Outcome, ValueError, is_name, wrong};
use crate::schema::{Fields, Scalar, Type};

/// Takes values off the front of bytes.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
    values: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            values: 0,
            depth: 0,
        }
    }

    pub(super) fn value(&mut self, at: At<'_>) -> Outcome<Value> {
        self.values += 1;
        if self.values > MAX_VALUES || self.depth == MAX_DEPTH {
            return Err(wrong("the value has too many parts to be shown"));
        }
        self.depth += 1;
        let value = self.value_here(at);
        self.depth -= 1;
        value
    }

    fn value_here(&mut self, at: At<'_>) -> Outcome<Value> {
        match at.kind {
            Type::Unknown => Err(wrong("the type is not known")),
            Type::Scalar(scalar) => self.scalar(*scalar),
            Type::Option(inner) => match self.byte()? {
                0 => Ok(Value::Null),
                1 => self.value(at.inner(inner)),
                _ => Err(wrong("an option is neither none nor some")),
            },
            Type::List(inner) => {
                let count = self.count()?;
                let items = (0..count).map(|_| self.value(at.inner(inner)));
                items.collect()
            }
            Type::Map(key, inner) => self.map(at.inner(key), at.inner(inner)),
            Type::Tuple(types) => self.tuple(at, types),
            Type::Array(inner, count) => {
                let items = (0..*count).map(|_| self.value(at.inner(inner)));
                items.collect()
            }
            Type::Struct(_, fields) => {
                let (kind, up) = (at.kind, at.around);
                let around = Around { kind, up };
                let around = Some(&around);
                self.fields(At { kind, around }, fields)
            }
            Type::Enum(_, variants) => {
                let index = usize::try_from(self.unsigned(32)?).ok();
                let variant = index.and_then(|index| variants.get(index));
                let (name, fields) = variant.ok_or_else(|| wrong("there is no such variant"))?;
                let (kind, up) = (at.kind, at.around);
                let around = Around { kind, up };
                let around = Some(&around);
                match fields {
                    Fields::Unit => Ok(Value::from(name.as_str())),
                    fields => {
                        let content = self.fields(At { kind, around }, fields)?;
                        let entry = (name.clone(), content);
                        Ok(Value::Object(std::iter::once(entry).collect()))
                    }
                }
            }
            Type::Outer(_, further) => self.value(at.outer(*further)?),
        }
    }

    fn scalar(&mut self, scalar: Scalar) -> Outcome<Value> {
        Ok(match scalar {
            Scalar::Bool => match self.byte()? {
                0 => Value::from(false),
                1 => Value::from(true),
                _ => return Err(wrong("a bool is neither true nor false")),
            },
            Scalar::Unsigned(8) => Value::from(self.byte()?),
            Scalar::Signed(8) => Value::from(self.byte()?.cast_signed()),
            Scalar::Unsigned(bits) => {
                let number = self.unsigned(bits)?;
                let small = u64::try_from(number).map(Value::from);
                small.unwrap_or_else(|_| Value::from(number.to_string()))
            }
            Scalar::Signed(bits) => {
                let number = self.unsigned(bits)?;
                let number = (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
                let small = i64::try_from(number).map(Value::from);
                small.unwrap_or_else(|_| Value::from(number.to_string()))
            }
            Scalar::F32 => float(f64::from(f32::from_le_bytes(self.array()?))),
            Scalar::F64 => float(f64::from_le_bytes(self.array()?)),
            Scalar::Char | Scalar::String => {
                let bytes = self.bytes()?;
                let text = std::str::from_utf8(bytes).map_err(|_| wrong("a text is not UTF-8"))?;
                Value::from(text)
            }
            Scalar::Bytes => {
                let bytes = self.bytes()?;
                self.values += bytes.len();
                if self.values > MAX_VALUES {
                    return Err(wrong("the value has too many parts to be shown"));
                }
                bytes.iter().copied().map(Value::from).collect()
            }
        })
    }

    fn map(&mut self, key: At<'_>, inner: At<'_>) -> Outcome<Value> {
        let count = self.count()?;
        if !is_name(key.kind) {
            let pair = |_| {
                let name = self.value(key)?;
                Ok(Value::from(vec![name, self.value(inner)?]))
            };
            return (0..count).map(pair).collect();
        }
        let mut entries = Map::new();
        for _ in 0..count {
            let name = match self.value(key)? {
                Value::String(name) => name,
                other => other.to_string(),
            };
            entries.insert(name, self.value(inner)?);
        }
        Ok(Value::Object(entries))
    }

    fn tuple(&mut self, at: At<'_>, types: &[Type]) -> Outcome<Value> {
        if types.is_empty() {
            return Ok(Value::Null);
        }
        let items = types.iter().map(|kind| self.value(at.inner(kind)));
        items.collect()
    }

    fn fields(&mut self, at: At<'_>, fields: &Fields) -> Outcome<Value> {
        match fields {
            Fields::Unit => Ok(Value::Null),
            Fields::Tuple(types) => match types.as_slice() {
                [only] => self.value(at.inner(only)),
                types => self.tuple(at, types),
            },
            Fields::Named(fields) => {
                let field = |(name, kind): &(String, Type)| {
                    let value = self.value(at.inner(kind))?;
                    Ok((name.clone(), value))
                };
                let fields: Outcome<Map<_, _>> = fields.iter().map(field).collect();
                fields.map(Value::Object)
            }
        }
    }

    fn byte(&mut self) -> Outcome<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(ends)?;
        self.rest = rest;
        Ok(*array)
    }

    fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let len = usize::try_from(self.unsigned(64)?).map_err(|_| ends())?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(ends)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn count(&mut self) -> Outcome<u64> {
        u64::try_from(self.unsigned(64)?).map_err(|_| ends())
    }

    /// A number of up to so many bits, seven of which are in a byte, the lowest first.
    fn unsigned(&mut self, bits: u8) -> Outcome<u128> {
        let mut number = 0_u128;
        for shift in (0..u32::from(bits)).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            if (part << shift) >> shift != part || (bits < 128 && (part << shift) >> bits != 0) {
                return Err(wrong("a number is too large for its type"));
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(wrong("a number does not end"))
    }
}

/// JSON has no number for what is none.
fn float(number: f64) -> Value {
    let finite = Number::from_f64(number).map(Value::Number);
    finite.unwrap_or_else(|| Value::from(number.to_string()))
}

fn ends() -> ValueError {
    wrong("the bytes end before the value does")
}
