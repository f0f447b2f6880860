//! How values become the bytes of a record and back.
//!
//! Streams between operators of a bundle use [`Postcard`]; connectors of the host bring formats of their
//! own (`format` of `wit/job.wit`, `edge`). Invariant: an encoder that fails may have written a part of
//! the record; the caller truncates.

mod csv;
mod fields;

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

pub use csv::Csv;
pub use fields::Fields;
pub(crate) use fields::struct_fields;
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
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        use std::io::Write;
        write!(out, "{value}").map_err(|e| e.to_string())
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
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), String> {
        serde_json::to_writer(out, value).map_err(|e| e.to_string())
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
