//! How values become the bytes of a record and back.
//!
//! Streams between operators of a bundle use [`Postcard`]; connectors of the host bring formats of their
//! own (`format` of `wit/job.wit`, `edge`). Invariant: an encoder that fails may have written a part of
//! the record; the caller truncates.

mod columns;
mod csv;
mod fields;
mod finite;

use std::cell::Cell as Flag;
use std::fmt::Display;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub(crate) use columns::Columns;
pub use csv::Csv;
pub use fields::Fields;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use fields::{Cell, Problem};

/// A value that can travel between operators: any owned `serde` type.
pub trait Record: Serialize + DeserializeOwned + 'static {}

impl<T: Serialize + DeserializeOwned + 'static> Record for T {}

/// Writes values as records.
pub trait Encode<T>: 'static {
    /// Appends the bytes of `value` to `out`; the error is for a person.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String>;
}

/// Reads values from records.
pub trait Decode<T>: Clone + 'static {
    /// The format's name on an edge.
    const FORMAT: &'static str;

    /// Reads a value from all of `bytes`; the error is for a person.
    fn decode(&self, bytes: &[u8]) -> Result<T, String>;
}

/// Postcard, the compact binary format between Rust operators.
#[derive(Debug, Clone, Copy)]
pub struct Postcard;

impl<T: Serialize> Encode<T> for Postcard {
    #[inline]
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        to_postcard(value, out)
    }
}

impl<T: DeserializeOwned> Decode<T> for Postcard {
    const FORMAT: &'static str = "postcard";

    #[inline]
    fn decode(&self, bytes: &[u8]) -> Result<T, String> {
        from_postcard(bytes)
    }
}

/// Appends the postcard form of a value.
#[inline]
pub(crate) fn to_postcard<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    postcard::serialize_with_flavor(value, Append(out)).map_err(|e| e.to_string())
}

/// Reads a value from its postcard form.
#[inline]
pub(crate) fn from_postcard<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| format!("not a `{}`: {e}", std::any::type_name::<T>()))
}

struct Append<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// A line of text.
#[derive(Debug, Clone, Copy)]
pub struct Text;

impl Decode<String> for Text {
    const FORMAT: &'static str = "text";

    fn decode(&self, bytes: &[u8]) -> Result<String, String> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => {
                let at = error.valid_up_to();
                Err(format!("invalid UTF-8 at byte {at} of {}", excerpt(bytes)))
            }
        }
    }
}

impl<T: Display> Encode<T> for Text {
    /// A text with a line end would read back as two.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        use std::io::Write;
        let start = out.len();
        write!(out, "{value}").map_err(|e| e.to_string())?;
        let text = &out[start..];
        match memchr::memchr(b'\n', text) {
            None => Ok(()),
            Some(at) => Err(format!(
                "a line cannot hold a line end, and this text has one at byte {at}: {}; write CSV or \
                 JSON, or take line ends out",
                excerpt(text)
            )),
        }
    }
}

/// One JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl<T: DeserializeOwned> Decode<T> for Json {
    const FORMAT: &'static str = "json";

    fn decode(&self, bytes: &[u8]) -> Result<T, String> {
        serde_json::from_slice(bytes).map_err(|e| json_problem::<T>(&e, bytes))
    }
}

impl<T: Serialize> Encode<T> for Json {
    /// What is not a number would become `null`, which no number reads back from.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        let has_null = Flag::new(false);
        let spotter = SpotNull(&has_null);
        let mut serializer = serde_json::Serializer::with_formatter(out, spotter);
        value
            .serialize(&mut serializer)
            .map_err(|e| e.to_string())?;
        if has_null.get() {
            finite::check(value)?;
        }
        Ok(())
    }
}

/// Compact JSON, and whether there is a `null` in it.
struct SpotNull<'a>(&'a Flag<bool>);

impl serde_json::ser::Formatter for SpotNull<'_> {
    fn write_null<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.set(true);
        writer.write_all(b"null")
    }
}

/// Why a record is not the JSON that the type asks for.
fn json_problem<T>(error: &serde_json::Error, bytes: &[u8]) -> String {
    let (line, column) = (error.line(), error.column());
    let full = error.to_string();
    let place = format!(" at line {line} column {column}");
    let reason = full.strip_suffix(&place).unwrap_or(&full);
    // A record is one line, so its number says nothing.
    let place = if line == 1 && column > 0 {
        format!(" at column {column}")
    } else if line > 1 {
        place
    } else {
        String::new()
    };
    let excerpt = excerpt(bytes);
    match error.classify() {
        Category::Data => {
            let name = std::any::type_name::<T>();
            format!("this JSON is not a `{name}`: {reason}{place}: {excerpt}")
        }
        Category::Syntax | Category::Eof | Category::Io => {
            format!("malformed JSON: {reason}{place}: {excerpt}")
        }
    }
}

/// The longest excerpt of a bad record in a message, in bytes.
const EXCERPT_BYTES: usize = 80;

/// The beginning of a record, for a message.
fn excerpt(bytes: &[u8]) -> String {
    let mut short = &bytes[..bytes.len().min(EXCERPT_BYTES)];
    let more = if short.len() < bytes.len() { "…" } else { "" };
    if let Err(error) = std::str::from_utf8(short)
        && error.error_len().is_none()
        && !more.is_empty()
    {
        // The cut went through a character.
        short = &short[..error.valid_up_to()];
    }
    let mut text = String::new();
    for chunk in short.utf8_chunks() {
        for char in chunk.valid().chars() {
            // Quotes and backslashes stay as they came; only what would spoil a line is escaped.
            if char.is_control() {
                text.extend(char.escape_default());
            } else {
                text.push(char);
            }
        }
        text.push_str(&chunk.invalid().escape_ascii().to_string());
    }
    format!("`{text}{more}`")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check<T>(codec: impl Encode<T>, value: T, expected: Result<&str, &str>) {
        let mut out = b"before".to_vec();
        let outcome = codec.encode(&value, &mut out);
        match expected {
            Ok(record) => {
                assert_eq!(outcome, Ok(()));
                assert_eq!(String::from_utf8(out).unwrap(), format!("before{record}"));
            }
            Err(problem) => assert_eq!(outcome, Err(problem.to_owned())),
        }
    }

    #[derive(Serialize)]
    struct Quote {
        symbol: &'static str,
        price: f64,
        note: Option<f32>,
        levels: Vec<Level>,
    }

    #[derive(Serialize)]
    enum Level {
        At(f64),
        Between { low: f64, high: f64 },
    }

    fn quote(price: f64, note: Option<f32>, levels: Vec<Level>) -> Quote {
        let symbol = "A";
        Quote {
            symbol,
            price,
            note,
            levels,
        }
    }

    #[test]
    fn json_refuses_what_it_cannot_express_and_names_the_field() {
        let told = |what: &str| {
            format!("{what}, which JSON cannot express; use an `Option`, or leave such records out")
        };
        check(
            Json,
            quote(1.5, None, vec![Level::At(2.0)]),
            Ok(r#"{"symbol":"A","price":1.5,"note":null,"levels":[{"At":2.0}]}"#),
        );
        for (value, what) in [
            (quote(f64::NAN, None, vec![]), "field `price` is NaN"),
            (
                quote(1.0, Some(f32::NEG_INFINITY), vec![]),
                "field `note` is -inf",
            ),
            (
                quote(1.0, None, vec![Level::At(1.0), Level::At(f64::INFINITY)]),
                "field `levels.1.At` is inf",
            ),
            (
                quote(
                    1.0,
                    None,
                    vec![Level::Between {
                        low: 0.0,
                        high: f64::NAN,
                    }],
                ),
                "field `levels.0.Between.high` is NaN",
            ),
        ] {
            check(Json, value, Err(&told(what)));
        }
        check(Json, f64::NAN, Err(&told("the record is NaN")));
        check(Json, ("a", f64::NAN), Err(&told("field `1` is NaN")));
        let map = BTreeMap::from([("k", Some(f64::NAN)), ("a", None)]);
        check(Json, map, Err(&told("field `k` is NaN")));
        check(Json, serde_json::json!({ "a": null }), Ok(r#"{"a":null}"#));
    }

    #[test]
    fn a_line_is_one_line() {
        check(Text, "plain\ttext\r", Ok("plain\ttext\r"));
        check(Text, 17, Ok("17"));
        check(
            Text,
            "two\nlines",
            Err(
                "a line cannot hold a line end, and this text has one at byte 3: `two\\nlines`; write CSV \
                 or JSON, or take line ends out",
            ),
        );
    }
}
