//! Reads the lines that a text sink got into the types that a test compares.
//!
//! What the line is read as decides: a tuple, list or struct takes the line's comma-separated values,
//! anything else takes the whole line. Called by [`super::Outcome::output`]. Invariant: what the SDK's
//! CSV encoder writes reads back as the same values.

use serde::de::{self, DeserializeOwned, Visitor};
use serde::forward_to_deserialize_any;

use super::records::push_field;
use crate::codec::{Cell, Fields, Problem};

/// Reads a line.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    let outcome = match columns::<T>() {
        Some(columns) => split(text).and_then(|row| {
            let columns = Some(columns);
            Fields { columns }.read(&row).map_err(|e| e.to_string())
        }),
        None => T::deserialize(Cell::new(text, None, 1)).map_err(|e| e.to_string()),
    };
    outcome.map_err(|problem| format!("{problem}: `{text}`"))
}

/// The columns of a type that takes several values, unnamed for a tuple or list; `None` for a type that
/// takes one.
fn columns<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut found = None;
    // The probe gives no value, so this never succeeds; what the type asks for is what it is for.
    let _ = T::deserialize(Probe(&mut found));
    found
}

struct Probe<'a>(&'a mut Option<&'static [&'static str]>);

impl Probe<'_> {
    fn found<T>(self, columns: &'static [&'static str]) -> Result<T, Problem> {
        *self.0 = Some(columns);
        Err(de::Error::custom("a probe"))
    }
}

impl<'de> de::Deserializer<'de> for Probe<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        Err(de::Error::custom("a probe"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        columns: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Problem> {
        self.found(columns)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        self.found(&[])
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        self.found(&[])
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Problem> {
        self.found(&[])
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct map enum identifier ignored_any
    }
}

/// The values of a line, unquoted, as a row of fields.
fn split(line: &str) -> Result<Vec<u8>, String> {
    let mut row = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        push_field(&field, &mut row);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(row),
            None => return Err("text follows a closing quote".to_owned()),
        }
    }
}

/// The value up to the closing quote, and what is after it.
fn unquote(quoted: &str) -> Result<(String, &str), String> {
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let end = rest.find('"').ok_or("a quoted field does not end")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Trade {
        symbol: String,
        price: Option<f64>,
    }

    fn check<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
        line: &str,
        expected: Result<T, &str>,
    ) {
        match (read::<T>(line.as_bytes()), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected, "{line}"),
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{problem}"),
            (outcome, expected) => panic!("{line}: {outcome:?} instead of {expected:?}"),
        }
    }

    fn text(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn lines_are_read_as_the_type_asks() {
        check("a,\"b\"", Ok(text("a,\"b\"")));
        check("17", Ok(17_u8));
        check("", Ok(None::<u8>));
        check("a,1", Ok((text("a"), 1)));
        check(
            "\"a,\"\"b\"\"\",,\"c\nd\"",
            Ok([text("a,\"b\""), text(""), text("c\nd")]),
        );
        check("1,2,3", Ok(vec![1, 2, 3]));
        let trade = |price| Trade {
            symbol: text("A"),
            price,
        };
        check("A,1.5", Ok(trade(Some(1.5))));
        check("A,", Ok(trade(None)));
        check::<Trade>(
            "A,dear",
            Err("column `price` is `dear`, not a number: `A,dear`"),
        );
        check::<(String, u8)>("a,b", Err("column 2 is `b`"));
        check::<(String, u8)>("a", Err("invalid length 1"));
        check::<(String,)>("\"a", Err("does not end"));
        check::<(String,)>("\"a\"b", Err("text follows"));
    }
}
