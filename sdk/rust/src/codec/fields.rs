//! Rows of text fields, as the host's CSV source sends them, read into `serde` types.
//!
//! A field is an LEB128 length and its bytes. Where the program's type is a struct, the host sends just
//! the struct's fields, in their order ([`super::Columns`]); otherwise name and value take turns. They
//! also do behind [`NAMED`], with which the rows of a file start that lacks some of the fields.
//! Invariant: a field is parsed as the type asks, never guessed.

use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{Decode, excerpt};

/// The start of a row of names and values: an empty value, written longer than any value is.
const NAMED: &[u8] = &[0x80, 0x00];

/// Reads rows of fields.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// The names of the fields, when the host was asked for them.
    pub(crate) columns: Option<&'static [&'static str]>,
}

impl<T: DeserializeOwned> Decode<T> for Fields {
    const FORMAT: &'static str = "fields";

    fn decode(&self, bytes: &[u8]) -> Result<T, String> {
        self.read(bytes)
            .map_err(|e| format!("{e}: {}", excerpt(&self.show(bytes))))
    }
}

impl Fields {
    /// The values of a row as a line of a file would show them; the bytes as they are if the row is
    /// broken.
    fn show(&self, bytes: &[u8]) -> Vec<u8> {
        let mut row = Row::new(bytes, self.columns);
        let mut line = Vec::new();
        let mut fields = 0;
        loop {
            let field = match row.next_bytes() {
                Ok(Some(field)) => field,
                Ok(None) => return line,
                Err(_) => return bytes.to_vec(),
            };
            fields += 1;
            // Where the host sent names too, they and the values take turns.
            let is_name = row.columns.is_none() && fields % 2 == 1;
            if is_name {
                continue;
            }
            if fields > 2 || (fields == 2 && row.columns.is_some()) {
                line.push(b',');
            }
            line.extend_from_slice(field);
        }
    }

    /// Reads a row; the error does not show it.
    pub(crate) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Problem> {
        T::deserialize(&mut Row::new(bytes, self.columns))
    }
}

/// Why a row is not what the program's type asks for.
pub(crate) type Problem = de::value::Error;

struct Row<'de> {
    rest: &'de [u8],
    columns: Option<&'static [&'static str]>,
    /// How many fields came so far.
    column: usize,
    /// The name that came last, where names come.
    name: Option<&'de str>,
}

impl<'de> Row<'de> {
    fn new(bytes: &'de [u8], columns: Option<&'static [&'static str]>) -> Self {
        let (rest, columns) = match bytes.strip_prefix(NAMED) {
            Some(rest) => (rest, None),
            None => (bytes, columns),
        };
        Self {
            rest,
            columns,
            column: 0,
            name: None,
        }
    }

    fn next(&mut self) -> Result<Option<&'de str>, Problem> {
        let Some(field) = self.next_bytes()? else {
            return Ok(None);
        };
        match std::str::from_utf8(field) {
            Ok(text) => Ok(Some(text)),
            Err(_) => {
                let column = self.cell("").place();
                Err(de::Error::custom(format!(
                    "column {column} is not valid UTF-8"
                )))
            }
        }
    }

    /// The name in front of a value.
    fn next_name(&mut self) -> Result<Option<&'de str>, Problem> {
        self.name = None;
        self.name = self.next()?;
        Ok(self.name)
    }

    fn next_bytes(&mut self) -> Result<Option<&'de [u8]>, Problem> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let broken = || de::Error::custom("a broken row");
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or_else(broken)?;
            self.rest = rest;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 28 {
                return Err(broken());
            }
        }
        let (field, rest) = self.rest.split_at_checked(length).ok_or_else(broken)?;
        self.rest = rest;
        self.column += 1;
        Ok(Some(field))
    }

    fn cell(&self, text: &'de str) -> Cell<'de> {
        let Some(columns) = self.columns else {
            return Cell::new(text, self.name, self.column.div_ceil(2));
        };
        Cell::new(text, columns.get(self.column - 1).copied(), self.column)
    }
}

impl<'de> de::Deserializer<'de> for &mut Row<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.columns.is_some() {
            visitor.visit_seq(self)
        } else {
            visitor.visit_map(self)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_any(visitor)
    }

    /// Lists and tuples take the values only.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_seq(Values { row: self })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct map enum identifier ignored_any
    }
}

impl<'de> de::SeqAccess<'de> for &mut Row<'de> {
    type Error = Problem;

    fn next_element_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        let Some(text) = self.next()? else {
            return Ok(None);
        };
        seed.deserialize(self.cell(text)).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for &mut Row<'de> {
    type Error = Problem;

    fn next_key_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        let Some(name) = self.next_name()? else {
            return Ok(None);
        };
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Problem> {
        let text = self
            .next()?
            .ok_or_else(|| de::Error::custom("a broken row"))?;
        seed.deserialize(self.cell(text))
    }
}

/// The values of a row without their names.
struct Values<'a, 'de> {
    row: &'a mut Row<'de>,
}

impl<'de> de::SeqAccess<'de> for Values<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<S: de::DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Problem> {
        if self.row.columns.is_none() && self.row.next_name()?.is_none() {
            return Ok(None);
        }
        let Some(text) = self.row.next()? else {
            return Ok(None);
        };
        seed.deserialize(self.row.cell(text)).map(Some)
    }
}

/// One field; parsed when the type says as what.
pub(crate) struct Cell<'de> {
    text: &'de str,
    name: Option<&'de str>,
    column: usize,
}

impl<'de> Cell<'de> {
    /// The text of a column; columns count from 1.
    pub(crate) fn new(text: &'de str, name: Option<&'de str>, column: usize) -> Self {
        Self { text, name, column }
    }

    /// The column's name, or its number.
    fn place(&self) -> String {
        self.name
            .map_or_else(|| self.column.to_string(), |name| format!("`{name}`"))
    }

    fn parse<T: std::str::FromStr>(&self, what: &str) -> Result<T, Problem> {
        self.text.trim().parse().map_err(|_| {
            let column = self.place();
            de::Error::custom(format!("column {column} is `{}`, not {what}", self.text))
        })
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $what:literal),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            visitor.$visit(self.parse($what)?)
        })*
    };
}

impl<'de> de::Deserializer<'de> for Cell<'de> {
    type Error = Problem;

    parsed! {
        deserialize_bool visit_bool "true or false",
        deserialize_i8 visit_i8 "an 8-bit integer", deserialize_i16 visit_i16 "a 16-bit integer",
        deserialize_i32 visit_i32 "a 32-bit integer", deserialize_i64 visit_i64 "a 64-bit integer",
        deserialize_i128 visit_i128 "an integer",
        deserialize_u8 visit_u8 "an unsigned 8-bit integer",
        deserialize_u16 visit_u16 "an unsigned 16-bit integer",
        deserialize_u32 visit_u32 "an unsigned 32-bit integer",
        deserialize_u64 visit_u64 "an unsigned 64-bit integer",
        deserialize_u128 visit_u128 "an unsigned integer",
        deserialize_f32 visit_f32 "a number", deserialize_f64 visit_f64 "a number",
        deserialize_char visit_char "one character"
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.text.is_empty() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_enum(self.text.into_deserializer())
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::super::Columns;
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Trade {
        symbol: String,
        price: f64,
        note: Option<String>,
    }

    fn row(fields: &[&str]) -> Vec<u8> {
        fields
            .iter()
            .flat_map(|f| [&[f.len() as u8], f.as_bytes()].concat())
            .collect()
    }

    fn check<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
        columns: Option<&'static [&'static str]>,
        fields: &[&str],
        expected: Result<T, &str>,
    ) {
        match (
            Decode::<T>::decode(&Fields { columns }, &row(fields)),
            expected,
        ) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(message), Err(part)) => assert!(message.contains(part), "{message}"),
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn rows_are_read_as_the_type_asks() {
        let columns = Columns::of::<Trade>().map(|columns| columns.names);
        let trade = |note| Trade {
            symbol: "A".to_owned(),
            price: 1.5,
            note,
        };
        check(columns, &["A", "1.5", ""], Ok(trade(None)));
        check(columns, &["A", "1.5", "x"], Ok(trade(Some("x".to_owned()))));
        check::<Trade>(
            columns,
            &["A", "cheap", ""],
            Err("column `price` is `cheap`, not a number: `A,cheap,`"),
        );
        check(None, &["a", "1", "b", "2"], Ok((1, 2)));
        let map = std::collections::BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        check(None, &["a", "1"], Ok(map));
        check::<(u8, u8)>(None, &["a", "1", "b", "-2"], Err("column `b` is `-2`"));
        check::<(u8, u8)>(None, &["a", "1", "b", "-2"], Err(": `1,-2`"));
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Lenient {
        id: u8,
        note: Option<String>,
        #[serde(default)]
        lots: u32,
        #[serde(default = "unknown")]
        desk: String,
    }

    fn unknown() -> String {
        "unknown".to_owned()
    }

    /// A row of a file that lacks columns.
    fn check_named<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
        fields: &[&str],
        expected: Result<T, &str>,
    ) {
        let columns = Columns::of::<Lenient>().map(|columns| columns.names);
        let bytes = [NAMED, &row(fields)].concat();
        match (Decode::<T>::decode(&Fields { columns }, &bytes), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(message), Err(expected)) => assert_eq!(message, expected),
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn columns_that_a_file_lacks_are_none_or_the_default() {
        let record = |note: Option<&str>, lots, desk: &str| Lenient {
            id: 7,
            note: note.map(str::to_owned),
            lots,
            desk: desk.to_owned(),
        };
        check_named(&["id", "7"], Ok(record(None, 0, "unknown")));
        check_named(
            &["lots", "3", "id", "7", "desk", "x"],
            Ok(record(None, 3, "x")),
        );
        check_named(
            &["note", "n", "id", "7"],
            Ok(record(Some("n"), 0, "unknown")),
        );
        check_named::<Lenient>(&["lots", "3"], Err("missing field `id`: `3`"));
        check_named::<Lenient>(
            &["lots", "many", "id", "7"],
            Err("column `lots` is `many`, not an unsigned 32-bit integer: `many,7`"),
        );
    }
}
