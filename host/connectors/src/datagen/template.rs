//! From the option `fields` to the bytes of record `i`.
//!
//! Invariant: [`Template::render`] depends on nothing but its arguments. Random bits come from a hash of
//! seed, field and record number, so any record can be made without those before it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use thiserror::Error;

use crate::payload::push_field_with;

/// The longest random string, in bytes.
const MAX_STRING: u32 = 1 << 20;

/// The most fields of a record.
const MAX_FIELDS: usize = 1024;

/// How a record's values become its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Fields,
    Text,
}

/// Why the option `fields` makes no sense.
#[derive(Debug, Error)]
pub(super) enum TemplateError {
    #[error("it must be a JSON object of field names and generators: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it names no field")]
    Empty,
    #[error("it names more than {MAX_FIELDS} fields")]
    TooManyFields,
    #[error("the format `text` takes exactly one field")]
    TextTakesOne,
    #[error("field `{name}`: {problem}")]
    Field { name: String, problem: &'static str },
}

/// What every record looks like.
#[derive(Debug)]
pub(super) struct Template {
    encoding: Encoding,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    /// JSON before the value.
    before: Vec<u8>,
    value: Generator,
    /// Added to the seed, so that equal generators give different values.
    salt: u64,
}

/// A generator, ready to use.
#[derive(Debug)]
enum Generator {
    Sequence { start: i64 },
    Int { min: i64, span: u64 },
    Float { min: f64, width: f64 },
    String { length: usize },
    Choice { values: Vec<Vec<u8>> },
    Timestamp { start: i64, step: f64 },
}

/// A generator as the job wrote it.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Written {
    Sequence {
        #[serde(default)]
        start: i64,
    },
    RandomInt {
        min: i64,
        max: i64,
    },
    RandomFloat {
        min: f64,
        max: f64,
    },
    RandomString {
        length: u32,
    },
    Choice {
        values: Vec<Value>,
    },
    Timestamp {
        #[serde(default)]
        start: i64,
        step: Option<f64>,
    },
}

impl Template {
    /// The template that `text` describes; timestamps without a step of their own grow by `step_ms`.
    pub(super) fn parse(
        text: &str,
        encoding: Encoding,
        step_ms: f64,
    ) -> Result<Self, TemplateError> {
        let Named(written) = serde_json::from_str(text)?;
        match written.len() {
            0 => return Err(TemplateError::Empty),
            1 => {}
            _ if encoding == Encoding::Text => return Err(TemplateError::TextTakesOne),
            2..=MAX_FIELDS => {}
            _ => return Err(TemplateError::TooManyFields),
        }
        let mut fields = Vec::with_capacity(written.len());
        for (index, (name, written)) in written.into_iter().enumerate() {
            let value = Generator::new(written, encoding, step_ms);
            let value = value.map_err(|problem| TemplateError::Field {
                name: name.clone(),
                problem,
            })?;
            let open = if index == 0 { "{" } else { "," };
            fields.push(Field {
                before: format!("{open}{}:", Value::from(name)).into_bytes(),
                value,
                salt: mix(index as u64 + 1),
            });
        }
        Ok(Self { encoding, fields })
    }

    /// Appends record `index`.
    #[inline]
    pub(super) fn render(&self, seed: u64, index: u64, data: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Json => {
                for field in &self.fields {
                    data.extend_from_slice(&field.before);
                    field.push_json(seed, index, data);
                }
                data.push(b'}');
            }
            Encoding::Fields => {
                for field in &self.fields {
                    push_field_with(data, |data| field.push(seed, index, data));
                }
            }
            Encoding::Text => {
                for field in &self.fields {
                    field.push(seed, index, data);
                }
            }
        }
    }
}

impl Generator {
    fn new(written: Written, encoding: Encoding, step_ms: f64) -> Result<Self, &'static str> {
        Ok(match written {
            Written::Sequence { start } => Self::Sequence { start },
            Written::RandomInt { min, max } if min <= max => {
                let span = max.wrapping_sub(min) as u64;
                Self::Int { min, span }
            }
            Written::RandomInt { .. } => return Err("`min` must not exceed `max`"),
            Written::RandomFloat { min, max } => {
                let width = max - min;
                if !(width >= 0.0 && width.is_finite()) {
                    return Err("`min` must not exceed `max`, and the range must be finite");
                }
                Self::Float { min, width }
            }
            Written::RandomString { length } if length <= MAX_STRING => Self::String {
                length: length as usize,
            },
            Written::RandomString { .. } => return Err("`length` must be at most 1048576"),
            Written::Choice { values } if values.is_empty() => {
                return Err("`values` must not be empty");
            }
            Written::Choice { values } => {
                let encoded = values.into_iter().map(|value| match (encoding, value) {
                    (Encoding::Fields | Encoding::Text, Value::String(text)) => text.into_bytes(),
                    (_, value) => value.to_string().into_bytes(),
                });
                Self::Choice {
                    values: encoded.collect(),
                }
            }
            Written::Timestamp { start, step } => {
                let step = step.unwrap_or(step_ms);
                if !step.is_finite() {
                    return Err("`step` must be finite");
                }
                Self::Timestamp { start, step }
            }
        })
    }
}

impl Field {
    #[inline]
    fn push_json(&self, seed: u64, index: u64, data: &mut Vec<u8>) {
        if let Generator::String { length } = self.value {
            data.push(b'"');
            push_letters(data, length, self.bits(seed, index));
            data.push(b'"');
        } else {
            self.push(seed, index, data);
        }
    }

    #[inline]
    fn push(&self, seed: u64, index: u64, data: &mut Vec<u8>) {
        match &self.value {
            Generator::Sequence { start } => push_int(data, start.wrapping_add(index as i64)),
            Generator::Int { min, span } => {
                push_int(
                    data,
                    min.wrapping_add(below(self.bits(seed, index), *span) as i64),
                );
            }
            Generator::Float { min, width } => {
                // 53 bits are what a float between 0 and 1 can hold.
                let unit = (self.bits(seed, index) >> 11) as f64 / (1u64 << 53) as f64;
                let mut buffer = ryu::Buffer::new();
                data.extend_from_slice(buffer.format_finite(min + unit * width).as_bytes());
            }
            Generator::String { length } => push_letters(data, *length, self.bits(seed, index)),
            Generator::Choice { values } => {
                let choice = below(self.bits(seed, index), values.len() as u64 - 1);
                data.extend_from_slice(&values[choice as usize]);
            }
            Generator::Timestamp { start, step } => {
                push_int(data, start.wrapping_add((index as f64 * step) as i64));
            }
        }
    }

    #[inline]
    fn bits(&self, seed: u64, index: u64) -> u64 {
        mix(mix(seed ^ self.salt).wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

/// The finalizer of SplitMix64: every output bit depends on every input bit.
#[inline]
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A number from 0 to `highest`, both included, evenly but for less than one in 2^64.
#[inline]
fn below(bits: u64, highest: u64) -> u64 {
    ((u128::from(bits) * (u128::from(highest) + 1)) >> 64) as u64
}

#[inline]
fn push_int(data: &mut Vec<u8>, number: i64) {
    data.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends letters from `a` to `p`. Sixteen at a time come from the halves of eight random bytes, without
/// a loop over the letters: long strings are what fills benchmarks.
#[inline]
fn push_letters(data: &mut Vec<u8>, length: usize, mut bits: u64) {
    const HALVES: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    const LETTER_A: u64 = u64::from_le_bytes([b'a'; 8]);
    let mut left = length;
    while left > 0 {
        let some = left.min(16);
        let low = (bits & HALVES) + LETTER_A;
        let high = ((bits >> 4) & HALVES) + LETTER_A;
        let letters = (u128::from(high) << 64) | u128::from(low);
        data.extend_from_slice(&letters.to_le_bytes()[..some]);
        bits = mix(bits.wrapping_add(0x9e37_79b9_7f4a_7c15));
        left -= some;
    }
}

/// The members of a JSON object in the order in which they are written.
struct Named(Vec<(String, Written)>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor).map(Self)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Vec<(String, Written)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of field names and generators")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::new();
        while let Some((name, generator)) = map.next_entry::<String, Written>()? {
            if members.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format_args!("field `{name}` comes twice")));
            }
            members.push((name, generator));
        }
        Ok(members)
    }
}
